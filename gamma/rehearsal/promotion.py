"""Checkpoints rehearsed side by side, and what is written on the card of the one that is promoted."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from gamma import calendar
from gamma.config import Config, strategy_hash
from gamma.config.schema import Strategy
from gamma.errors import InputInvalid
from gamma.exits import ExitRule
from gamma.feeds.bar_file import Wanted, load_bars
from gamma.feeds.contracts import chained, cut
from gamma.feeds.series import NS, Series
from gamma.history.figures import Figure, trades_sha256
from gamma.rehearsal.baselines import buy_and_hold, flat, random_entries
from gamma.rehearsal.choice import Choice
from gamma.rehearsal.figures import figures
from gamma.rehearsal.play import Rehearsal, rehearse
from gamma.rehearsal.registry import Span

NAME: Final = "rehearsed"
POLICY: Final = "policy"
MODEL_GUARD: Final = "model_sanity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A checkpoint: its folder, as it is told of, and its hash."""

    folder: Path
    sha256: str

    @property
    def signal(self) -> Mapping[str, str]:
        """The source of signals that trades from it."""
        return {"use": POLICY, "checkpoint": str(self.folder.absolute()), "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """The bars of a span, and the name and SHA-256 of the files that they are from."""

    span: Span
    series: Series
    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarFile:
    """The bars of a file, its name and SHA-256."""

    series: Series
    name: str
    sha256: str


def load(paths: Sequence[Path], market: str, bar_s: int | None, *, skip_bad: bool = False) -> list[BarFile]:
    """Files of a market, oldest first, none over another; bad rows are refused, or left out.

    Raises: InputInvalid.
    """
    found = [
        BarFile(
            series=load_bars(path, market, Wanted(bar_s=bar_s, skip_bad=skip_bad)).series,
            name=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in paths
    ]
    found.sort(key=lambda one: int(one.series.ts_open_utc_ns[0]))
    chained([one.series for one in found])
    return found


def held(files: Sequence[BarFile], span: Span) -> Held:
    """The bars of a span's trading days; of several files, their names, and the hash of their hashes.

    Raises: InputInvalid when the span is none, or there are no bars of it.
    """
    if span.first > span.last:
        raise InputInvalid(f"span {span.first}..{span.last}: ends before it begins")
    days = calendar.sessions(span.market, span.first, span.last)
    edges = (days[0].ts_open_utc_ns, days[-1].ts_close_utc_ns) if days else (0, 0)
    found = [(one, part) for one in files if len(part := cut(one.series, *edges))]
    if not found:
        first, last = files[0].series.ts_close_utc_ns[0], files[-1].series.ts_close_utc_ns[-1]
        told = " to ".join(_moment(int(ts)).date().isoformat() for ts in (first, last))
        raise InputInvalid(f"span {span.first}..{span.last}: no bars; the files have {told}")
    return _together(span, found)


def whole(files: Sequence[BarFile]) -> Held:
    """All bars of the files, whether they lie in a session or not."""
    series = [one.series for one in files]
    first, last = (
        _moment(int(ts)).date().isoformat() for ts in (series[0].ts_open_utc_ns[0], series[-1].ts_close_utc_ns[-1])
    )
    return _together(Span(market=series[0].market, first=first, last=last), [(one, one.series) for one in files])


def _together(span: Span, parts: Sequence[tuple[BarFile, Series]]) -> Held:
    sums = [one.sha256 for one, _ in parts]
    return Held(
        span=span,
        series=chained([part for _, part in parts]),
        name=", ".join(one.name for one, _ in parts),
        sha256=sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest(),
    )


def as_strategy(config: Config, chosen: Strategy, market: str, signal: Mapping[str, Any]) -> Config:
    """The configuration with one strategy: the chosen one's chain, in this market, with this source of signals.

    Its exits go along with signals of their own kind only: a policy was not trained with those of a breakout. A guard
    that judges a checkpoint refuses all where there is none, and goes along with policies only.
    """
    exits = chosen.exits if chosen.signal["use"] == signal["use"] else ExitRule()
    guards = tuple(one for one in chosen.guards if signal["use"] == POLICY or one != MODEL_GUARD)
    changed = {"name": NAME, "market": market, "signal": dict(signal), "exits": exits, "guards": guards}
    one = chosen.model_copy(update=changed)
    return config.model_copy(update={"strategies": (one,)})


def conditions_sha256(config: Config, chosen: Strategy, market: str) -> str:
    """The hash of all that decisions depend on beside the policy: account, chain, guards, exits and market."""
    return strategy_hash(as_strategy(config, chosen, market, {"use": POLICY}), NAME)


def compare(
    configs: Mapping[str, Config], spans: Sequence[Held], jobs: int, told: Callable[[], None] = lambda: None
) -> dict[str, list[Rehearsal]]:
    """Rehearse each configuration on each span, begun anew each time; several at once in processes of their own.

    Raises: what `rehearse` does.
    """
    tasks = [(name, config, span.series) for name, config in configs.items() for span in spans]
    found: dict[str, list[Rehearsal]] = {name: [] for name in configs}
    for name, played in _played(tasks, jobs):
        found[name].append(played)
        told()
    return found


def _played(tasks: Sequence[tuple[str, Config, Series]], jobs: int) -> Iterator[tuple[str, Rehearsal]]:
    if jobs == 1 or len(tasks) == 1:
        for name, config, series in tasks:
            yield name, rehearse(config, NAME, series)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
        pending = [(name, pool.submit(rehearse, config, NAME, series)) for name, config, series in tasks]
        for name, future in pending:
            yield name, future.result()


def against_others(config: Config, chosen: Strategy, bars: Held, own: Rehearsal) -> list[Figure]:
    """The baselines on the same bars and at the same costs."""
    market = config.market(bars.series.market)
    lots = max(1.0, _value(figures([own]), "lots_mean", 1.0))
    breakout = rehearse(as_strategy(config, chosen, bars.series.market, {"use": "breakout"}), NAME, bars.series)
    of_breakout = {one.name: one for one in figures([breakout])}
    return [
        *flat(),
        *buy_and_hold(bars.series, market, lots, own.history.start_usd),
        *random_entries(bars.series, own.history.trades, market),
        *(
            Figure(name=f"breakout_{name}", value=of_breakout[name].value)
            for name in ("trades", "net_pnl_usd", "sharpe_annual", "profit_factor", "drawdown_max_usd")
            if name in of_breakout
        ),
    ]


def chosen_by(choice: Choice) -> list[Figure]:
    """What the selection found of its best, and what luck alone would have shown."""
    best = choice.best
    found = [
        Figure(name="selection_trials", value=choice.trials),
        Figure(name="selection_sharpe_annual", value=best.outcome.sharpe_annual),
        Figure(name="selection_luck_sharpe_annual", value=choice.luck_sharpe_annual),
        Figure(name="selection_overfitting_prob", value=choice.overfitting_prob),
        Figure(name="selection_dsr_prob", value=best.dsr),
        Figure(name="selection_trades", value=best.outcome.trades),
        Figure(name="selection_net_pnl_usd", value=best.outcome.net_pnl_usd),
        Figure(name="selection_drawdown_max_usd", value=best.outcome.drawdown_usd),
    ]
    return [one for one in found if math.isfinite(one.value)]


def evaluation(
    name: str, bars: Held, own: Rehearsal, more: Sequence[Figure], *, out_of_sample: bool, standing: Mapping[str, Any]
) -> dict[str, Any]:
    """An evaluation as a card has it; `standing` adds the configuration's hash, and why it did not qualify."""
    return {
        "name": name,
        "out_of_sample": out_of_sample,
        "bars": {
            "name": bars.name[:200],
            "sha256": bars.sha256,
            "bars": len(bars.series),
            "first_utc": _moment(own.ts_first_utc_ns).isoformat(),
            "last_utc": _moment(own.ts_last_utc_ns).isoformat(),
        },
        "sessions": len(own.history.sessions),
        "trades_sha256": trades_sha256(own.history.trades),
        **standing,
        "figures": [
            {"name": one.name, "value": one.value} | ({"low": one.low, "high": one.high} if one.has_interval else {})
            for one in (*figures([own]), *more)
        ],
    }


def _value(found: Sequence[Figure], name: str, without: float) -> float:
    return next((one.value for one in found if one.name == name), without)


def _moment(ts_utc_ns: int) -> datetime:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC)
