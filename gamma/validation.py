"""Live against validated: what each strategy's trades come to beside what it was found to be out of sample."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gamma import calendar, checkpoints, drift, stats
from gamma.book.trading import TRADES_KEPT
from gamma.config import Config
from gamma.config.schema import Strategy
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.events import DayStarted, Trade
from gamma.history import trades_of
from gamma.ledger import Reader
from gamma.markets import MICRO
from gamma.rules import Rules, StrategyRules
from gamma.stats import Floats
from gamma.views import ValidatedView

FEW: Final = 20
SESSIONS_A_YEAR: Final = 252
COMPARED: Final = ("win_rate_frac", "pnl_per_trade_usd", "sharpe_annual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A figure with its 95 % interval; what is not known is NaN."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the validated figures of a strategy are from, and what they are; `trades` is how many they are of."""

    name: str
    trades: int
    figures: Mapping[str, Told]
    r_mean: float = math.nan
    r_std: float = math.nan


def against_validated(config: Config, reader: Reader) -> list[dict[str, Any]]:
    """Every strategy that somebody validated, with its live figures beside those; as plain values."""
    days = [day.date for _, day in reader.every(DayStarted.__name__)]
    rows = []
    for strategy in config.strategies:
        try:
            source = validated(config, strategy)
        except (ConfigInvalid, InputInvalid) as error:  # a card that is refused keeps nobody from seeing the account
            rows.append({"strategy": strategy.name, "source": "", "error": str(error)})
            continue
        if source is not None:
            rows.append(_row(strategy.name, source, trades_of(reader, strategy.name), days, config))
    return rows


def validated(config: Config, strategy: Strategy) -> Source | None:
    """What a strategy was found to be: by `[validated.NAME]`, or else by its checkpoint's card; None where nobody says.

    Raises: ConfigInvalid when the checkpoint is refused, InputInvalid when there is none.
    """
    told = config.validated.get(strategy.name)
    if told is not None:
        known = told.figures
        figures = {name: _of_section(known, name) for name in COMPARED}
        return Source(
            name=f"[validated.{strategy.name}]",
            trades=told.trades,
            figures=figures,
            r_mean=known.get("r_mean", math.nan),
            r_std=known.get("r_std", math.nan),
        )
    if strategy.signal["use"] != "policy":
        return None
    where = checkpoints.folders(config.paths.models)
    shelf, folder = checkpoints.named(str(strategy.signal["checkpoint"]), where)
    return of_card(shelf.told(folder).card, folder.name)


def informed(config: Config, rules: Rules) -> Rules:
    """The rules, each strategy knowing what it was found to be, as a running daemon's do: it has opened the cards.

    A card that is refused says nothing.
    """
    strategies = {name: replace(one, validated=_view(config, one)) for name, one in rules.strategies.items()}
    return replace(rules, strategies=strategies)


def _view(config: Config, strategy: StrategyRules) -> ValidatedView:
    try:
        source = validated(config, config.strategy(strategy.name))
    except (ConfigInvalid, InputInvalid):
        source = None
    if source is None:
        return strategy.validated
    return ValidatedView(win_rate_frac=source.figures["win_rate_frac"].value, r_mean=source.r_mean, r_std=source.r_std)


def of_card(card: Mapping[str, Any], name: str) -> Source | None:
    """The last evaluation out of sample on a card; None where it has none."""
    found = [one for one in card.get("evaluations", ()) if one["out_of_sample"]]
    if not found:
        return None
    last = found[-1]
    figures = {one["name"]: _of_figure(one) for one in last["figures"]}
    return Source(
        name=f"card of {name}: {last['name']}",
        trades=int(figures.get("trades", Told(value=0)).value),
        figures={key: figures.get(key, Told()) for key in COMPARED},
        r_mean=figures.get("r_mean", Told()).value,
        r_std=figures.get("r_std", Told()).value,
    )


def live_figures(trades: Sequence[Trade], sessions: Sequence[str], capital_usd: float) -> dict[str, Told]:
    """The compared figures of some trades, with intervals; the Sharpe ratio is of all sessions, traded or not."""
    pnl = np.array([trade.pnl_microusd for trade in trades], dtype=np.float64) / MICRO
    wins = int(np.count_nonzero(pnl > 0))
    low, high = stats.wilson(wins, len(pnl))
    returns = _session_returns(trades, sessions, capital_usd)
    win_rate = Told(value=stats.win_rate(pnl), low=low, high=high) if len(pnl) else Told()
    return {
        "win_rate_frac": win_rate,
        "pnl_per_trade_usd": _sampled(pnl, stats.mean),
        "sharpe_annual": _sampled(returns, lambda x: stats.sharpe_annual(x, SESSIONS_A_YEAR)),
    }


def _row(name: str, source: Source, trades: Sequence[Trade], sessions: Sequence[str], config: Config) -> dict[str, Any]:
    live = live_figures(trades, sessions, config.account.starting_capital_usd)
    last = trades[-TRADES_KEPT:]  # as the drift guard sees them
    wins = sum(trade.pnl_microusd > 0 for trade in last)
    r_multiples = [t.pnl_microusd / t.risk_microusd for t in last if t.risk_microusd]
    by_wins = drift.win_rate_p(wins, len(last), source.figures["win_rate_frac"].value)
    by_r = drift.r_multiples_p(r_multiples, source.r_mean, source.r_std)
    return {
        "strategy": name,
        "source": source.name,
        "error": "",
        "trades": len(trades),
        "validated_trades": source.trades,
        "few_trades": len(trades) < FEW,
        "drift_p": drift.worst_p((by_wins, by_r)),
        "figures": [_compared(key, live[key], source.figures[key]) for key in COMPARED],
    }


def _compared(name: str, live: Told, told: Told) -> dict[str, Any]:
    return {
        "name": name,
        "live": live.value,
        "live_low": live.low,
        "live_high": live.high,
        "validated": told.value,
        "validated_low": told.low,
        "validated_high": told.high,
        "inside": _inside(live, told),
    }


def _inside(live: Told, told: Told) -> bool | None:
    """Whether live lies in the validated interval; without one, whether the validated lies in the live interval."""
    if math.isfinite(told.low) and math.isfinite(told.high) and math.isfinite(live.value):
        return told.low <= live.value <= told.high
    if math.isfinite(live.low) and math.isfinite(live.high) and math.isfinite(told.value):
        return live.low <= told.value <= live.high
    return None


def _session_returns(trades: Sequence[Trade], sessions: Sequence[str], capital_usd: float) -> Floats:
    made = dict.fromkeys(sessions, 0.0)
    for trade in trades:
        day = calendar.last_session(trade.market, trade.ts_close_utc_ns).date
        made[day] = made.get(day, 0.0) + trade.pnl_microusd / MICRO
    return np.array(list(made.values()), dtype=np.float64) / capital_usd


def _sampled(values: Floats, figure: Any) -> Told:
    if not len(values):
        return Told()
    low, high = stats.bootstrap(values, figure)
    return Told(value=figure(values), low=low, high=high)


def _of_figure(one: Mapping[str, Any]) -> Told:
    low, high = one.get("low"), one.get("high")
    return Told(
        value=float(one["value"]),
        low=math.nan if low is None else float(low),
        high=math.nan if high is None else float(high),
    )


def _of_section(known: Mapping[str, float], name: str) -> Told:
    if name == "win_rate_frac":
        trades, value = round(known["trades"]), known[name]
        low, high = stats.wilson(round(value * trades), trades)
        return Told(value=value, low=low, high=high)
    stem, _, unit = name.rpartition("_")
    ends = (f"{stem}_low_{unit}", f"{stem}_high_{unit}") if unit == "usd" else (f"{name}_low", f"{name}_high")
    return Told(value=known.get(name, math.nan), low=known.get(ends[0], math.nan), high=known.get(ends[1], math.nan))
