"""What `gamma compliance` judges: a ledger, a file of trades or a card, each with its hashes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gamma.compliance import Conduct, Report
    from gamma.compliance.certificate import Subject
    from gamma.config import Config
    from gamma.ledger import Reader
    from gamma.profiles import Profile

ALL: Final = 2**63 - 1
NONE: Final = "none: rules trade, and no model"
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The rules' findings, and what they are of."""

    report: "Report"
    subject: "Subject"


def ledger(config: "Config", profile: "Profile", on_date: date) -> Judged:
    """The configuration's ledger, by a profile.

    Raises: ConfigInvalid when there is none; InputInvalid when the profile starts with another balance.
    """
    from gamma.account import opened
    from gamma.compliance.certificate import Subject
    from gamma.compliance.ledgers import conduct_of

    with opened(config) as reader:
        conduct = conduct_of(config, reader)
        seq, head = reader.head
        told = [("record", f"ledger of the {reader.mode} account {reader.account}, {seq:,} events")]
        hashes = [("ledger, last event", head), *_made_by(config, reader)]
    return _judge(conduct, profile, on_date, config, Subject(told=[*told, *_span(conduct)], hashes=hashes))


def trade_file(path: Path, profile: "Profile", on_date: date, config: "Config | None") -> Judged:
    """A file of trades of an account that began as the profile says.

    Raises: InputInvalid.
    """
    from gamma.compliance import of_trades
    from gamma.compliance.certificate import Subject
    from gamma.history import of_trade_file

    history = of_trade_file(path, profile.start_balance_usd.value)
    traded = {trade.market for trade in history.trades}
    markets = {symbol: config.market(symbol) for symbol in traded} if config is not None else None
    conduct = of_trades(history, markets)
    hashes = [
        ("file of trades", hashlib.sha256(path.read_bytes()).hexdigest()),
        ("configuration", "none: a file of trades"),
        _code(),
        ("model", "not told by a file of trades"),
    ]
    told = [("record", f"trades of {path.name}"), *_span(conduct)]
    return _judge(conduct, profile, on_date, config, Subject(told=told, hashes=hashes))


def card(name: str, profile: "Profile", on_date: date, config: "Config | None") -> Judged:
    """The last evaluation on a checkpoint's card.

    Raises: InputInvalid when there is no such checkpoint, InputMissing when it has no evaluation.
    """
    from gamma import checkpoints
    from gamma.compliance.cards import of_card
    from gamma.compliance.certificate import Subject

    where = checkpoints.folders(config.paths.models if config is not None else "")
    given = Path(name)
    shelf, folder = checkpoints.named(str(given.parent) if given.name == "card.toml" else name, where)
    trained = shelf.told(folder)
    report = of_card(trained.card, list(trained.markets), profile, on_date)
    last = trained.card["evaluations"][-1]
    bars = last["bars"]
    told = [
        ("record", f"{last['name']} on the card of {folder.name}"),
        ("bars", f"{bars['name']}, {bars['first_utc'][:10]} to {bars['last_utc'][:10]}"),
    ]
    hashes = [
        ("bars", bars["sha256"]),
        ("trades", last["trades_sha256"]),
        ("configuration", last["config_sha256"]),
        _code(),
        ("model", trained.sha256),
    ]
    return Judged(report=report, subject=Subject(told=told, hashes=hashes))


def _judge(
    conduct: "Conduct", profile: "Profile", on_date: date, config: "Config | None", subject: "Subject"
) -> Judged:
    from gamma.compliance.ledgers import judged

    return Judged(report=judged(conduct, profile, on_date, config), subject=subject)


def _span(conduct: "Conduct") -> Pairs:
    history = conduct.history
    days = history.sessions
    span = f"{days[0]} to {days[-1]}, {len(days):,} sessions" if days else "no session"
    return [
        ("span", f"{span}, {len(history.trades):,} trades"),
        ("equity", f"{history.start_usd:,.2f} to {history.end_usd:,.2f} usd"),
    ]


def _made_by(config: "Config", reader: "Reader") -> Pairs:
    """Every configuration and code that wrote the ledger, and every model that decided in it."""
    from gamma.config import config_hash
    from gamma.ledger import Wanted

    boots = reader.boots(Wanted(limit=ALL))
    configs = _once([*(boot["config_hash"] for boot in boots), config_hash(config)])
    codes = _once([*(boot["code_hash"] for boot in boots), _code()[1]])
    last = {(row["strategy"], row["config_hash"]): row["id"] for row in reader.decisions(Wanted(limit=ALL))}
    models = _once([reader.decision(decision_id).view.control.model_hash for decision_id in last.values()])
    return [
        *(("configuration", one) for one in configs),
        *(("code", one) for one in codes),
        *(("model", one) for one in models or [NONE]),
    ]


def _once(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _code() -> tuple[str, str]:
    from gamma.cli.provenance import code_sha256

    return "code", code_sha256()
