"""What a report is about, gathered: a history from a ledger or a file of trades, and what bars say of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.history import History
    from gamma.history.figures import Figure
    from gamma.rehearsal.promotion import BarFile, Held
    from gamma.report import Subject
    from gamma.report.subject import Baseline, Floor


def of_trades(file: Path, start_usd: float, path: Path) -> "tuple[Subject, Config | None]":
    """What a file of trades tells; the configuration is read only where one is named.

    Raises: InputInvalid, ConfigInvalid.
    """
    import hashlib

    from gamma.history import of_trade_file
    from gamma.report import Subject
    from gamma.report.wording import counted

    told = of_trade_file(file, start_usd)
    config = configuration(path) if path != DEFAULT_CONFIG else None
    subject = Subject(
        title=f"{file.name}, {_span(told)}",
        source=f"{counted(len(told.trades), 'round trip')} of {file.name}, from {start_usd:,.2f} usd",
        history=told,
        floor=_floor(config, start_usd) if config else None,
        hashes={file.name: hashlib.sha256(file.read_bytes()).hexdigest(), **_made_by(told)},
    )
    return subject, config


def of_ledger(url: str, path: Path) -> "tuple[Subject, Config]":
    """What a ledger tells: the one at `url`, or the configuration's.

    Raises: InputMissing when no day has begun in it; ConfigInvalid, InputInvalid.
    """
    from gamma import history
    from gamma.ledger.reader import Reader
    from gamma.report import Subject
    from gamma.report.event_orders import event_trading
    from gamma.report.ledgers import fees_estimated_usd, hashes_of, sized_of, stops_of
    from gamma.report.wording import counted

    config = configuration(path)
    with Reader.open(url or config.gamma.database) as reader:
        told = history.of_ledger(reader, config.strategies[0].market)
        with reader.at_once():
            sized, stops, hashes = sized_of(reader), stops_of(reader), hashes_of(reader)
            estimated_usd, events = fees_estimated_usd(reader), event_trading(reader, told.trades)
        account, mode, written = reader.account, reader.mode, reader.head[0]
    kinds = {name: "sizer" for one in config.strategies for name in one.sizers}
    kinds |= {name: "guard" for one in config.strategies for name in one.guards}
    trips = counted(len(told.trades), "round trip")
    subject = Subject(
        title=f"Account {account}, {_span(told)}",
        source=f"The ledger of the {mode} account {account}: {written:,} events, {trips}",
        history=told,
        floor=_floor(config, config.account.starting_capital_usd),
        sized=sized,
        kinds=kinds,
        events=events,
        stops=stops,
        fees_estimated_usd=estimated_usd,
        hashes={**hashes, **_policies(config), **_made_by(told)},
    )
    return subject, config


def with_bars(subject: "Subject", config: "Config | None", files: "Mapping[str, Sequence[BarFile]]") -> "Subject":
    """The same with its regimes and baselines, from the bars of markets that it traded.

    Raises: InputInvalid when there are no bars of the span, or of a market that was not traded.
    """
    from dataclasses import replace

    from gamma.feeds.contracts import chained
    from gamma.history.by_regime import by_regime
    from gamma.history.regimes import regimes
    from gamma.rehearsal.promotion import held
    from gamma.rehearsal.registry import Span

    told = subject.history
    traded = list(dict.fromkeys(trade.market for trade in told.trades))
    if unknown := [market for market in files if market not in traded]:
        raise InputInvalid(
            f"--bars gives bars of {', '.join(unknown)}, in which nothing was traded; traded: {', '.join(traded)}"
        )
    found, baselines, hashes, uncovered = {}, [], dict(subject.hashes), 0
    for market, read in files.items():
        hashes |= {f"bars of {market}, {one.name}": one.sha256 for one in read}
        days = held(read, Span(market=market, first=told.sessions[0], last=told.sessions[-1]))
        closes = days.series.ts_close_utc_ns
        inside = told.within(int(days.series.ts_open_utc_ns[0]), int(closes[-1]))
        uncovered += sum(t.market == market for t in told.trades) - sum(t.market == market for t in inside.trades)
        seen = regimes(chained([one.series for one in read])).between(int(closes[0]), int(closes[-1]))
        found[market] = by_regime(inside, seen, market)
        baselines += _baselines(inside, config, days)
    return replace(subject, regimes=found, baselines=baselines, trades_uncovered=uncovered, hashes=hashes)


def bars_of(
    files: Sequence[str], first_market: str, bar_s: int | None, *, skip_bad: bool
) -> "dict[str, list[BarFile]]":
    """Files by market, FILE alone as the first market's.

    Raises: InputInvalid when one cannot be read.
    """
    from gamma.rehearsal.promotion import load

    by_market: dict[str, list[Path]] = {}
    for text in files:
        market, _, file = text.rpartition("=")
        by_market.setdefault(market or first_market, []).append(Path(file))
    return {market: load(paths, market, bar_s, skip_bad=skip_bad) for market, paths in by_market.items()}


def _baselines(told: "History", config: "Config | None", days: "Held") -> "list[Baseline]":
    """What is done without a signal, then the breakout where a strategy's chain is known."""
    from gamma import markets, stats
    from gamma.rehearsal import baselines

    symbol = days.series.market
    market = config.market(symbol) if config else markets.market(symbol)
    own = [trade for trade in told.trades if trade.market == symbol]
    lots = max(1.0, stats.mean([trade.lots_max for trade in own]))
    values = [
        *baselines.flat(),
        *baselines.buy_and_hold(days.series, market, lots, told.start_usd),
        *baselines.random_entries(days.series, own, market),
    ]
    names = ("always_flat", "buy_and_hold", "random_entries")
    found = [_baseline(name.replace("_", " "), symbol, values, f"{name}_") for name in names]
    return [*found, *_breakout(config, days)]


def _breakout(config: "Config | None", days: "Held") -> "list[Baseline]":
    from gamma.rehearsal import figures
    from gamma.rehearsal.play import rehearse
    from gamma.rehearsal.promotion import NAME, as_strategy

    symbol = days.series.market
    chosen = next((one for one in config.strategies if one.market == symbol), None) if config else None
    if config is None or chosen is None:
        return []
    played = rehearse(as_strategy(config, chosen, symbol, {"use": "breakout"}), NAME, days.series)
    return [_baseline("breakout", symbol, figures.figures([played]), "")]


def _baseline(name: str, market: str, values: "Sequence[Figure]", prefix: str) -> "Baseline":
    import math

    from gamma.history.figures import Figure
    from gamma.report.subject import Baseline

    found = {one.name: one for one in values}
    unknown = Figure(name="", value=math.nan)
    pnl = found.get(f"{prefix}net_pnl_usd", unknown)
    return Baseline(
        name=name,
        market=market,
        net_pnl_usd=pnl.value,
        low_usd=pnl.low,
        high_usd=pnl.high,
        sharpe_annual=found.get(f"{prefix}sharpe_annual", unknown).value,
        drawdown_usd=found.get(f"{prefix}drawdown_max_usd", unknown).value,
    )


def _policies(config: "Config") -> dict[str, str]:
    """The checkpoints that strategies trade from, as the configuration pins them."""
    signals = [one.signal for one in config.strategies]
    return {
        f"policy {one['checkpoint']}": str(one["sha256"]) for one in signals if "checkpoint" in one and "sha256" in one
    }


def _made_by(told: "History") -> dict[str, str]:
    from gamma.cli.provenance import code_commit, code_sha256
    from gamma.history.figures import trades_sha256

    return {
        "trades": trades_sha256(told.trades),
        "code that made this report": code_sha256(),
        "commit that made this report": code_commit(),
    }


def _floor(config: "Config", start_usd: float) -> "Floor | None":
    from gamma.assembly import profile_of
    from gamma.report.subject import Floor

    profile = profile_of(config)
    return Floor(name=profile.name, rule=profile.floor_rule, start_usd=start_usd) if profile else None


def _span(told: "History") -> str:
    return f"{told.sessions[0]} to {told.sessions[-1]}"
