"""The trades that a simulation draws from, the chain that sizes them and the account, as the options name them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

from gamma import plugins
from gamma.cli.cases import HAND_CAPITAL_USD
from gamma.cli.chosen import configuration
from gamma.config import Config, Strategy
from gamma.errors import InputInvalid
from gamma.history import History, of_ledger, of_trade_file
from gamma.ledger import Reader
from gamma.markets import MICRO, market
from gamma.montecarlo.chains import Chain
from gamma.montecarlo.rules import Account
from gamma.montecarlo.sources import account_of, chosen, of_history, seen_in
from gamma.montecarlo.stream import Stream
from gamma.numeric import NAN

NO_CONFIG: Final = "name a configuration with --config, or sizers with --sizer and a file with --trades"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the options name; without `chain_wanted` a file of trades needs no chain."""

    path: Path
    path_named: bool
    trades: Path | None = None
    ledger: str = ""
    strategy: str = ""
    market: str = ""
    start_usd: float | None = None
    risk_usd: float | None = None
    slippage_ticks: float = 0.0
    sizers: Sequence[str] = ()
    chain_wanted: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """What is simulated; `config` is None for a case by hand, which may have no chain either."""

    stream: Stream
    account: Account
    chain: Chain
    title: str
    config: Config | None
    strategy: Strategy | None


def case_of(wanted: Wanted) -> Case:
    """Read the trades, and find out which chain and account are meant.

    A file of trades with sizers by name stands alone: a configuration is then read only where --config names one.

    Raises: ConfigInvalid, InputInvalid.
    """
    if wanted.trades and wanted.ledger:
        raise InputInvalid("--trades and --ledger were both given; trades come from one of them")
    alone = bool(wanted.trades and (wanted.sizers or not wanted.chain_wanted)) and not wanted.path_named
    config = None if alone else configuration(wanted.path)
    made = _of_file(wanted, wanted.trades, config) if wanted.trades else _of_ledger(wanted, config)
    if wanted.slippage_ticks:
        traded = made.stream.market
        lost_usd = 2 * wanted.slippage_ticks * traded.tick_value_microusd / MICRO
        return _with_stream(made, made.stream.slipped(lost_usd))
    return made


def _with_stream(case: Case, stream: Stream) -> Case:
    return replace(case, stream=stream)


def _of_file(wanted: Wanted, file: Path, config: Config | None) -> Case:
    capital_usd = config.account.starting_capital_usd if config else HAND_CAPITAL_USD
    start_usd = capital_usd if wanted.start_usd is None else wanted.start_usd
    history = of_trade_file(file, start_usd)
    symbol = wanted.market or _only({t.market for t in history.trades}, "market", "--market")
    strategy = _strategy(config, wanted, symbol) if config else None
    traded = config.market(symbol) if config else market(symbol)
    stream = of_history(_as_one(history), traded, risk_usd=_known(wanted.risk_usd))
    account = Account(start_usd=start_usd, capital_usd=start_usd)
    if config and strategy:
        account = account_of(config, strategy, start_usd)
    return _case(wanted, config, strategy, (stream, account, f"{file.name}, {symbol}"))


def _of_ledger(wanted: Wanted, config: Config | None) -> Case:
    if config is None:
        raise InputInvalid(NO_CONFIG)
    with closing(_reader(config, wanted.ledger)) as reader:
        history = of_ledger(reader, config.strategies[0].market)
        name = wanted.strategy or _only({t.strategy for t in history.trades}, "strategy", "--strategy")
        strategy = config.strategy(name)
        traded = config.market(wanted.market or strategy.market)
        seen = seen_in(reader, chosen(history, traded, name))
    start_usd = config.account.starting_capital_usd if wanted.start_usd is None else wanted.start_usd
    stream = of_history(history, traded, name, seen, _known(wanted.risk_usd))
    return _case(wanted, config, strategy, (stream, account_of(config, strategy, start_usd), f"strategy {name}"))


def _case(wanted: Wanted, config: Config | None, strategy: Strategy | None, found: tuple[Stream, Account, str]) -> Case:
    stream, account, title = found
    sections = config.sizers if config else {}
    if wanted.sizers:
        chain = tuple((name, plugins.section(plugins.SIZERS, sections, name, config)) for name in wanted.sizers)
    elif config and strategy:
        chain = plugins.sizers(config, strategy)
    elif wanted.chain_wanted:
        raise InputInvalid(NO_CONFIG)
    else:
        chain = ()
    return Case(stream=stream, account=account, chain=chain, title=title, config=config, strategy=strategy)


def _reader(config: Config, ledger: str) -> Reader:
    from gamma.account import opened

    return Reader.open(ledger) if ledger else opened(config)


def _strategy(config: Config, wanted: Wanted, symbol: str) -> Strategy:
    """Whose chain sizes a file of trades: the one named, or the first in their market."""
    if wanted.strategy:
        return config.strategy(wanted.strategy)
    own = [one for one in config.strategies if one.market == symbol]
    if not own and not wanted.sizers and wanted.chain_wanted:
        known = ", ".join(f"{one.name} ({one.market})" for one in config.strategies)
        raise InputInvalid(f"no strategy trades {symbol}; name one with --strategy: {known}")
    return (own or list(config.strategies))[0]


def _only(names: set[str], what: str, option: str) -> str:
    if len(names) == 1:
        return names.pop()
    if not names:
        raise InputInvalid("no trade has been completed; let `gamma run` or `gamma backtest` make some")
    raise InputInvalid(f"trades of {', '.join(sorted(names))}: draw from one {what}, named with {option}")


def _as_one(history: History) -> History:
    """The history as of one strategy: who made a file's trades does not matter here."""
    return replace(history, trades=tuple(replace(trade, strategy="") for trade in history.trades))


def _known(value: float | None) -> float:
    return NAN if value is None else value
