"""`gamma brokers test`: is the broker there, is the key good, is the clock right, does it take an order."""

import os
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from gamma.cli.findings import Finding
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, print_json, working
from gamma.errors import ConfigInvalid, GammaError

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ports import Broker

SKEW_MAX_S = 2.0


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(check_broker)


def check_broker(
    name: Annotated[str, typer.Argument(help="The broker, as in [brokers.NAME].")],
    *,
    market: Annotated[str, typer.Option("--market", "-m", help="What to ask for, and to try an order in.")] = "SPX",
    live: Annotated[bool, typer.Option("--live", help="Try the order with real money too: it is cancelled.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check key, account, clock and market data; place an order far from the market and cancel it (on paper).

    Example: gamma brokers test tradier --market SPX
    """
    import asyncio

    from gamma.config import load

    config = load(path, os.environ)
    with working(f"asking {name}"):
        findings = asyncio.run(_all(config, name, market, live=live))
    ok = all(finding.ok for finding in findings)
    if as_json:
        print_json({"broker": name, "ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[bold red]FAIL[/]"
            console().print(f"{mark} [bold]{finding.check:<8}[/] {escape(finding.text)}", soft_wrap=True)
    if not ok:
        raise typer.Exit(FAILED)


async def _all(config: "Config", name: str, market: str, *, live: bool) -> list[Finding]:
    try:
        broker = opened(config, name)
    except ConfigInvalid as error:
        return [Finding(check="config", ok=False, text=str(error))]
    findings = []
    try:
        async for finding in examine(broker, market, live=live):
            findings.append(finding)  # noqa: PERF401  (what was found before an error stays)
    except GammaError as error:
        findings.append(Finding(check="broker", ok=False, text=str(error)))
    finally:
        await broker.close()
    return findings


def opened(config: "Config", name: str) -> "Broker":
    """The way to the broker, as it is configured.

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
            markets=dict(TABLE),
            state_path=path,
        )
    )
    return made


async def examine(broker: "Broker", market: str, *, live: bool) -> AsyncIterator[Finding]:
    """Each check in turn; what comes after one that fails may not be asked any more.

    Raises: GammaError.
    """
    from gamma.cli.trial_order import tried
    from gamma.markets import MICRO
    from gamma.ports import Chains, MarketData

    account = await broker.connect()
    real = broker.capabilities.real
    money = "real money" if real else "paper"
    usd = f"equity {account.equity_microusd / MICRO:,.2f} usd, cash {account.cash_microusd / MICRO:,.2f} usd"
    yield Finding(check="account", ok=True, text=f"the key is good for {account.account} ({money}): {usd}")
    if isinstance(broker, MarketData):
        clock = await broker.clock()
        skew_s = (clock.ts_utc_ns - time.time_ns()) / 1e9
        yield _skew(skew_s, is_open=clock.is_open)
        quotes = await broker.quotes([market])
        last = quotes[market].last_points if market in quotes else float("nan")
        if last != last:
            yield Finding(check="data", ok=False, text=f"{market} is not quoted: is its data subscribed to?")
            return
        age_s = clock.ts_utc_ns / 1e9 - quotes[market].ts_event_utc_ns / 1e9
        yield Finding(check="data", ok=True, text=f"{market} last {last:,.2f}, {max(0.0, age_s):,.0f} s old")
    if not isinstance(broker, Chains):
        yield Finding(check="order", ok=True, text="not tried: it tells no option chains")
    elif real and not live:
        yield Finding(check="order", ok=True, text="not tried with real money; --live tries it")
    else:
        yield await tried(broker, broker, market)


def _skew(skew_s: float, *, is_open: bool) -> Finding:
    market = "open" if is_open else "closed"
    if abs(skew_s) <= SKEW_MAX_S:
        text = f"within {SKEW_MAX_S:g} s of the broker's; its market is {market}"
        return Finding(check="clock", ok=True, text=text)
    text = (
        f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the broker's: set it by "
        "NTP (timedatectl set-ntp true)"
    )
    return Finding(check="clock", ok=False, text=text)
