"""`gamma doctor`: everything that would keep the daemon from trading well, all at once, and no order."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from gamma.cli.chosen import configuration
from gamma.cli.findings import Finding, agreement, ledger_findings
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, print_json
from gamma.errors import GammaError, LedgerInUse

if TYPE_CHECKING:
    from pydantic import SecretStr

    from gamma.assembly import Assembly
    from gamma.book import Book
    from gamma.config import Config

DISK_MIN_BYTES = 1 << 30
PROBE_BARS = 3


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check config, plugins, broker, feed, calendar, ledger, invariants, disk; list every failure, send nothing.

    Example: gamma doctor
    """
    findings = list(examine(path))
    ok = all(f.ok for f in findings)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[bold red]FAIL[/]"
            console().print(f"{mark} [bold]{finding.check:<10}[/] {finding.text}", soft_wrap=True)
            for text in finding.wrong:
                console().print(f"{'':<15} {escape(text)}", soft_wrap=True)
    if not ok:
        raise typer.Exit(FAILED)


def examine(path: Path) -> Iterator[Finding]:
    """Every check, in the order in which the daemon would come to them."""
    from gamma.assembly import assemble, paper_state_path

    started = _process_started()
    try:
        config = configuration(path)
    except GammaError as error:
        yield Finding(check="config", ok=False, text=str(error))
        return
    yield Finding(check="config", ok=True, text=f"{path}: {config.gamma.mode}, {len(config.strategies)} strategies")
    yield _tried("plugins", lambda: _plugins(config))
    found, book = ledger_findings(config)
    yield from found
    try:
        assembly = assemble(config, state_path=paper_state_path(config))
    except GammaError as error:
        yield Finding(check="assembly", ok=False, text=str(error))
    else:
        yield from _broker(assembly, book)
        yield _tried("dead-man", lambda: _dead_man(assembly))
        yield _tried("feed", lambda: _feed(assembly))
        yield _tried("calendar", lambda: _calendar(assembly))
    yield _tried("disk", lambda: _disk(config))
    yield _tried("alerts", lambda: _alerts(config))
    yield Finding(check="process", ok=True, text=_process(started))


def _tried(check: str, look: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        ok, text = look()
    except GammaError as error:
        return Finding(check=check, ok=False, text=str(error))
    return Finding(check=check, ok=ok, text=text)


def _plugins(config: "Config") -> tuple[bool, str]:
    from gamma import plugins

    plugins.check(config)
    sizers = sorted({name for s in config.strategies for name in s.sizers})
    guards = {name for s in config.strategies for name in s.guards}
    return True, f"sizers {', '.join(sizers)}; {len(guards)} guards, every limit set"


def _broker(assembly: "Assembly", book: "Book | None") -> list[Finding]:
    import asyncio

    from gamma.markets import MICRO

    async def ask() -> list[Finding]:
        account = await assembly.broker.connect()
        held = await assembly.broker.positions()
        equity_usd = account.equity_microusd / MICRO
        text = f"account {account.account}, equity {equity_usd:,.2f} usd, {len(held)} position(s)"
        findings = [Finding(check="broker", ok=True, text=text)]
        if book is not None:
            findings.append(await agreement(assembly.broker, assembly.config.gamma.database, book, account.account))
        findings += await _live_prices(assembly)
        for broker in (assembly.broker, *assembly.others):
            await broker.close()
        return findings

    try:
        return asyncio.run(ask())
    except GammaError as error:
        return [Finding(check="broker", ok=isinstance(error, LedgerInUse), text=str(error))]


async def _live_prices(assembly: "Assembly") -> "list[Finding]":
    """Bars and chains that a broker tells while it trades: the last of them."""
    from gamma.feeds import FetchedFeed
    from gamma.feeds.live_chains import LiveChains

    findings = []
    try:
        for other in assembly.others:
            await other.connect()
        if isinstance(assembly.feed, FetchedFeed):
            await assembly.feed.fetch(time.time_ns(), PROBE_BARS)
        if isinstance(assembly.chains, LiveChains):
            for market in assembly.chains.underlyings:
                chain = await assembly.chains.fetch(market)
                age_s = time.time() - chain.ts_utc_ns / 1e9
                text = f"{len(chain)} options on {market}, {max(0.0, age_s):,.0f} s old; VIX {chain.vix_points:,.2f}"
                findings.append(Finding(check="chains", ok=True, text=text))
    except GammaError as error:
        findings.append(Finding(check="prices", ok=False, text=str(error)))
    return findings


def _dead_man(assembly: "Assembly") -> tuple[bool, str]:
    """Whether one could act for this account, and whether one watches it; that none does is no failure."""
    from gamma.deadman.journal import watcher
    from gamma.deadman.session import check, folder_of
    from gamma.ports import BarDriven

    if isinstance(assembly.broker, BarDriven) or not assembly.broker.capabilities.shared:
        return True, f"none can act at {assembly.broker.capabilities.name}; see docs/deadman.md"
    check(assembly.config, assembly.broker)
    pid, plan = watcher(folder_of(assembly.config)), assembly.config.deadman
    when = f"after {plan.silence_s:g} s of silence, {plan.before_close_s:g} s before the moment to be flat by"
    return True, f"process {pid} watches: it acts {when}" if pid else f"none watches; gamma deadman would act {when}"


def _feed(assembly: "Assembly") -> tuple[bool, str]:
    from gamma.screen import clock

    bars = [bar for bar, _ in zip(assembly.feed.bars(assembly.start_utc_ns), range(PROBE_BARS), strict=False)]
    if not bars:
        return False, "the feed has no bars from here on"
    carries, since = ", ".join(sorted(assembly.feed.provides)), clock(bars[0].ts_open_utc_ns)
    return (
        True,
        f"{', '.join(assembly.feed.markets)} every {assembly.feed.bar_s} s ({carries}), from {since}",
    )


def _calendar(assembly: "Assembly") -> tuple[bool, str]:
    from gamma import calendar

    now = time.time_ns()
    short = [m for m in assembly.setup.markets if not calendar.reaches(m, now)]
    if short:
        return False, f"the calendar of {', '.join(short)} ends within 60 days; install a newer gamma"
    today = time.strftime("%Y-%m-%d", time.gmtime(now / 1e9))
    later = time.strftime("%Y-%m-%d", time.gmtime(now / 1e9 + 60 * 86_400))
    odd = {d.date for m in assembly.setup.markets for d in calendar.disagreements(m, today, later)}
    told = f"; the two sources differ on {', '.join(sorted(map(str, odd)))}: no entries then" if odd else ""
    return True, f"reaches beyond 60 days{told}"


def _disk(config: "Config") -> tuple[bool, str]:
    from gamma.ledger import free_bytes

    free = free_bytes(config.gamma.database)
    if free is None:
        return True, "the ledger is no file of this machine"
    return free >= DISK_MIN_BYTES, f"{free / 2**30:.1f} GiB free; the daemon halts under 1 GiB"


def _alerts(config: "Config") -> tuple[bool, str]:
    """Ask each webhook, without posting. The dead-man service is left alone: it would take that for a sign of life."""
    import asyncio

    from gamma.alerts import open_client
    from gamma.messengers import sender_of

    async def ask() -> dict[str, str]:
        async with open_client() as client:
            return dict(await sender_of(config, client).check())

    told = asyncio.run(ask())
    silence = "; the dead-man service is called while all is well" if _set(config.alerts.dead_man_url) else ""
    if not told:
        live = config.gamma.mode == "live"
        mend = "; set alerts.live.discord_critical" if live else ""
        return not live, f"no webhook: alerts stay in the ledger{mend}{silence}"
    dead = [f"{name}: {error}" for name, error in told.items() if error]
    if dead:
        return False, f"{'; '.join(dead)}; make the webhook anew in Discord, and paste its address"
    return True, f"to {' and '.join(told)}{silence}"


def _set(secret: "SecretStr") -> bool:
    return bool(secret.get_secret_value())


def _process_started() -> float:
    import psutil

    return float(psutil.Process().create_time())


def _process(started: float) -> str:
    import psutil

    memory = psutil.Process().memory_info().rss / 2**20
    return f"{memory:.0f} MiB, {time.time() - started:.2f} s since the process began"
