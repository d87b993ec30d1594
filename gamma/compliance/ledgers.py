"""The conduct that a ledger tells, and what a profile says of it."""

from collections.abc import Mapping
from datetime import date
from heapq import merge
from operator import itemgetter
from typing import Final

from gamma.assembly import setup_of
from gamma.compliance.check import check
from gamma.compliance.conduct import Conduct
from gamma.compliance.facts import of_facts
from gamma.compliance.findings import Case, Report
from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.history import History
from gamma.history import of_ledger as history_of
from gamma.ledger import Reader
from gamma.markets import Market
from gamma.profiles import Profile

# What a rule speaks of; of the rest it need not know.
_TOLD: Final = ("OrderIntended", "OrderAccepted", "OrderRejected", "OrderAbsent", "OrderFilled", "OrderCanceled")


def of_ledger(reader: Reader, markets: Mapping[str, Market], history: History) -> Conduct:
    """What the account of a ledger held and had at work, beside its history."""
    with reader.at_once():
        numbered = merge(reader.every(*_TOLD), reader.every_mark(), key=itemgetter(0))
        return of_facts(numbered, markets, history, traded_by=reader.mode)


def conduct_of(config: Config, reader: Reader) -> Conduct:
    """What the configuration's account did, history and orders of one moment; its days are the first strategy's.

    Raises: InputMissing when no day has begun in the ledger.
    """
    with reader.at_once():
        history = history_of(reader, config.strategies[0].market)
        return of_ledger(reader, setup_of(config).markets, history)


def judged(conduct: Conduct, profile: Profile, on_date: date, config: Config | None) -> Report:
    """Every rule of a profile over what an account did, as of a day.

    Raises: InputInvalid when the profile starts with another balance.
    """
    start_usd, begun_usd = profile.start_balance_usd.value, conduct.history.start_usd
    if start_usd != begun_usd:
        raise InputInvalid(
            f"the account began with {begun_usd:,.2f} usd, and {profile.name} with {start_usd:,.2f}: "
            "choose another --profile, or override start_balance_usd under [account.overrides]"
        )
    attested = config is not None and config.account.automation_attested
    return check(Case(profile=profile, conduct=conduct, on_date=on_date, attested=attested))
