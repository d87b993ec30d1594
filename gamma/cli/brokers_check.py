"""`gamma brokers test`: is the broker there, is the key good, is the clock right, does it take an order."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from gamma.cli.chosen import configuration
from gamma.cli.findings import Finding
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, print_json, working
from gamma.errors import ConfigInvalid, GammaError
from gamma.markets import Kind

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.events import Intent
    from gamma.markets import Market
    from gamma.ports import Broker, MarketClock, MarketData, Quote

SKEW_MAX_S = 2.0
READ_S = 20.0
LAG_MAX_S = 60.0
BAR_S = 300


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(check_broker)


def check_broker(
    name: Annotated[str, typer.Argument(help="The broker, as in [brokers.NAME].")],
    *,
    market: Annotated[
        str, typer.Option("--market", "-m", help="What to ask for, and to try an order in; else what we trade there.")
    ] = "",
    price: Annotated[
        float, typer.Option(help="Where to bid, where it tells no prices: far below the market.", metavar="POINTS")
    ] = 0.0,
    live: Annotated[bool, typer.Option("--live", help="Try the order with real money too: it is cancelled.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check key, account, permissions, clock and market data; place an order far from the market, and cancel it.

    With real money the order is placed with --live alone.

    Example: gamma brokers test tradier --market SPX
    """
    config = configuration(path)
    with working(f"asking {name}"):
        findings = asyncio.run(_all(config, name, Trial(market=market, price_points=price, live=live)))
    ok = all(finding.ok for finding in findings)
    if as_json:
        print_json({"broker": name, "ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[bold red]FAIL[/]"
            console().print(f"{mark} [bold]{finding.check:<8}[/] {escape(finding.text)}", soft_wrap=True)
    if not ok:
        raise typer.Exit(FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is asked for: a market, or the first that is traded or quoted there; a price, where none is told."""

    market: str = ""
    price_points: float = 0.0
    live: bool = False


async def _all(config: "Config", name: str, trial: Trial) -> list[Finding]:
    from gamma.errors import InputInvalid
    from gamma.markets import market as known

    traded = [strategy.market for strategy in config.strategies if strategy.broker == name]
    trial = replace(trial, market=trial.market or next(iter(traded), ""))
    try:
        broker = opened(config, name, *([known(trial.market)] if trial.market else []))
    except InputInvalid as error:
        return [Finding(check="config", ok=False, text=str(error))]
    except ConfigInvalid as error:
        return [Finding(check="config", ok=False, text=str(error))]
    findings = []
    try:
        async for finding in examine(broker, trial):
            findings.append(finding)  # noqa: PERF401  (what was found before an error stays)
    except GammaError as error:
        findings.append(Finding(check="broker", ok=False, text=str(error)))
    finally:
        await broker.close()
    return findings


def opened(config: "Config", name: str, *more: "Market") -> "Broker":
    """The way to the broker, as it is configured; `more` are markets that no table lists.

    Raises: ConfigInvalid.
    """
    from gamma import plugins
    from gamma.assembly import paper_state_path
    from gamma.markets import MICRO, TABLE

    params = config.brokers.get(name, {})
    path: Path | None = paper_state_path(config)
    made: Broker = (
        plugins.named(plugins.BROKERS, name, f"brokers.{name}")
        .load()
        .open(
            params,
            account=config.account.name,
            starting_capital_microusd=round(config.account.starting_capital_usd * MICRO),
            markets={**TABLE, **{market.symbol: market for market in more}},
            state_path=path,
        )
    )
    return made


async def examine(broker: "Broker", trial: Trial) -> AsyncIterator[Finding]:
    """Each check in turn; what comes after one that fails may not be asked any more.

    Raises: GammaError.
    """
    from gamma.markets import MICRO
    from gamma.ports import MarketData, Permissions

    account = await broker.connect()
    money = "real money" if broker.capabilities.real else "paper"
    usd = f"equity {account.equity_microusd / MICRO:,.2f} usd, cash {account.cash_microusd / MICRO:,.2f} usd"
    yield Finding(check="account", ok=True, text=f"the key is good for {account.account} ({money}): {usd}")
    if isinstance(broker, Permissions):
        yield Finding(check="rights", ok=True, text=await broker.permissions())
    quote = None
    if isinstance(broker, MarketData):
        clock, found = await _clock(broker)
        yield found
        quote, found = await _data(broker, trial.market, clock)
        yield found
        if quote is None and not trial.price_points:
            return
    market = trial.market or (quote.symbol if quote is not None else "")
    async for finding in _bars(broker, market):
        yield finding
    yield await _order(broker, replace(trial, market=market), quote)


_NOTHING_QUOTED = "nothing that gamma trades is quoted there: is its data subscribed to? Name a market with --market"


async def _clock(broker: "MarketData") -> "tuple[MarketClock, Finding]":
    """The time there, or ours where it is not told; and how far they are apart."""
    from gamma.errors import Transient
    from gamma.ports import MarketClock

    try:
        clock = await broker.clock()
    except Transient as error:
        ours = MarketClock(ts_utc_ns=time.time_ns(), is_open=True, exact=False)
        return ours, Finding(check="clock", ok=True, text=f"not told: {error}")
    return clock, _skew(clock)


async def _data(broker: "MarketData", market: str, clock: "MarketClock") -> "tuple[Quote | None, Finding]":
    from gamma.errors import Transient

    try:
        async with asyncio.timeout(READ_S):
            quote = await _quoted(broker, market)
    except Transient as error:
        return None, Finding(check="data", ok=False, text=str(error))
    except TimeoutError:
        return None, Finding(check="data", ok=False, text=f"no quote within {READ_S:g} s")
    if quote is not None:
        return quote, Finding(check="data", ok=True, text=_told(quote, clock.ts_utc_ns))
    text = f"{market} is not quoted: is its data subscribed to?" if market else _NOTHING_QUOTED
    text += "" if clock.is_open else " The market is closed there: try again when it is open"
    return None, Finding(check="data", ok=False, text=text)


async def _quoted(broker: "MarketData", market: str) -> "Quote | None":
    """The quote of a market, or of the first in the table that is quoted; None where there is none."""
    from gamma.errors import Transient
    from gamma.markets import TABLE
    from gamma.ports import Chains

    # Of a broker with options an option root is asked for, for it is there that an order is tried.
    roots = [m.symbol for m in TABLE.values() if m.kind is Kind.OPTION_SPREAD]
    if market:
        return _priced(await broker.quotes([market]), market)
    for symbol in [*roots, *(s for s in TABLE if s not in roots)] if isinstance(broker, Chains) else TABLE:
        with suppress(Transient):  # some refuse a question about what they do not trade
            if (found := _priced(await broker.quotes([symbol]), symbol)) is not None:
                return found
    return None


def _priced(quotes: "Mapping[str, Quote]", symbol: str) -> "Quote | None":
    quote = quotes.get(symbol)
    return quote if quote is not None and _price(quote) == _price(quote) else None


def _price(quote: "Quote") -> float:
    """What it trades at, or is bid; NaN where nothing tells."""
    return quote.last_points if quote.last_points == quote.last_points else quote.bid_points


def _told(quote: "Quote", now_utc_ns: int) -> str:
    age_s = max(0.0, (now_utc_ns - quote.ts_event_utc_ns) / 1e9)
    sides = [f"bid {quote.bid_points:,g}"] if quote.bid_points == quote.bid_points else []
    sides += [f"ask {quote.ask_points:,g}"] if quote.ask_points == quote.ask_points else []
    return f"{quote.symbol} last {_price(quote):,.2f}{''.join(f', {side}' for side in sides)}, {age_s:,.0f} s old"


async def _bars(broker: "Broker", market: str) -> AsyncIterator[Finding]:
    """The last bar of five minutes, where it tells bars; that none closed lately is told, and no failure."""
    from gamma.ports import Candles

    if not isinstance(broker, Candles) or not market:
        return
    now = time.time_ns()
    try:
        bars = await broker.bars(market, BAR_S, now - 5 * 86_400 * 10**9)
    except GammaError as error:
        yield Finding(check="bars", ok=False, text=str(error))
        return
    text = f"no bar of {market} in five days, or none is told at this moment"
    if bars:
        ago_min = (now - bars[-1].ts_close_utc_ns) / 60e9
        text = f"{len(bars):,} bars of {BAR_S} s; the last closed {ago_min:,.0f} min ago"
    yield Finding(check="bars", ok=True, text=text)


async def _order(broker: "Broker", trial: Trial, quote: "Quote | None") -> Finding:
    from gamma.cli.trial_order import tried

    why_not = _why_not(broker, trial)
    intent = None if why_not else await _intent(broker, trial, quote)
    if intent is not None:
        return await tried(broker, intent)
    text = (
        why_not or f"it tells no prices. Say where to bid, far below the market: --market {trial.market} --price POINTS"
    )
    return Finding(check="order", ok=True, text=f"not tried: {text}")


def _why_not(broker: "Broker", trial: Trial) -> str:
    """Why no order is tried; "" where one is."""
    from gamma.markets import market as known
    from gamma.ports import BarDriven, Chains

    if isinstance(broker, BarDriven):
        return "it is on this machine, and fills by the bars alone"
    if broker.capabilities.real and not trial.live:
        return "it would be with real money; --live tries it"
    if not trial.market:
        return "name a market with --market"
    options = known(trial.market).kind is Kind.OPTION_SPREAD
    return f"it tells no options on {trial.market}" if options and not isinstance(broker, Chains) else ""


async def _intent(broker: "Broker", trial: Trial, quote: "Quote | None") -> "Intent | None":
    """An order that nobody takes; None where nobody knows at what price that is."""
    from gamma.cli.trial_order import bid_at, far_bid, far_spread
    from gamma.markets import market as known
    from gamma.ports import Chains

    market = known(trial.market)
    if market.kind is Kind.OPTION_SPREAD and isinstance(broker, Chains):
        return await far_spread(broker, market.symbol)
    if trial.price_points:
        return bid_at(market, trial.price_points)
    if quote is None:
        return None
    return far_bid(market, quote.bid_points if quote.bid_points == quote.bid_points else quote.last_points)


def _skew(clock: "MarketClock") -> Finding:
    """A clock that is not exact is late by itself; ahead of ours it cannot be."""
    skew_s = (clock.ts_utc_ns - time.time_ns()) / 1e9
    market = "open" if clock.is_open else "closed"
    if -(SKEW_MAX_S if clock.exact else LAG_MAX_S) <= skew_s <= SKEW_MAX_S:
        limit_s = SKEW_MAX_S if clock.exact else LAG_MAX_S
        text = f"within {limit_s:g} s of the broker's; its market is {market}"
        return Finding(check="clock", ok=True, text=text)
    text = (
        f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the broker's: set it by "
        "NTP (timedatectl set-ntp true)"
    )
    return Finding(check="clock", ok=False, text=text)
