"""Many settings of the breakout rule over the same bars at once, in columns: what the engine trades, trade for trade.

The rule asks the market alone, and never what became of its last trade: its signals, and how a trade of each would
end, follow from the bars. What is left is to pass over the signals that come while a trade is open. It holds only
where nothing else decides: one strategy, `fixed` lots, stop and target at the broker. All else is refused by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from gamma import plugins
from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.events import OrderKind, Trade
from gamma.exits import ExitRule
from gamma.feeds.series import Series
from gamma.markets import MICRO, Kind, Market
from gamma.params import parse
from gamma.rehearsal.crossings import NEVER, Made, Signals
from gamma.signals.breakout import BreakoutParams
from gamma.stats import Floats, Ints

# Guards that let every order of a lone strategy through where time is that of the bars, mode is paper, and the broker
# is the paper broker; of `safety_halt` it is looked at afterwards.
IDLE_GUARDS: Final = frozenset({"armed", "kill_switch", "heartbeat", "position_match", "balance_match"})
LOOKED_AT: Final = "safety_halt"
_STEPS: Final = 192
_WINDOW: Final = 1_024
_TOLERANCE: Final = 1e-6
Flags = NDArray[np.bool_]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One setting of the rule, and what its trades cost; `safety` is the guard's limits, empty without it."""

    strategy: str
    market: Market
    signal: BreakoutParams
    lots: int
    start_microusd: int
    slippage_ticks: int
    spread_ticks: int
    through_ticks: int
    participation_frac: float
    safety: Mapping[str, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenLoop:
    """The trades of one setting; `against` is why the engine would have traded otherwise, "" where it would not.

    Shapes: all [N]; `entry_row`, `exit_row` are bars, prices in ticks.
    """

    rule: Rule
    against: str
    side: Ints
    entry_row: Ints
    exit_row: Ints
    entry_ticks: Ints
    exit_ticks: Ints
    stop_ticks: Ints
    stopped: Flags

    @property
    def pnl_microusd(self) -> Ints:
        """Of each trade, net of fees. Shapes: [N]."""
        market, lots = self.rule.market, self.rule.lots
        moved = self.side * (self.exit_ticks - self.entry_ticks)
        return moved * (lots * market.tick_value_microusd) - 2 * market.fee_microusd(lots, 1)

    def trades(self, series: Series) -> list[Trade]:
        """The trades as the engine's ledger has them."""
        rule, market = self.rule, self.rule.market
        pnl, fees = self.pnl_microusd.tolist(), 2 * market.fee_microusd(rule.lots, 1)
        risk = (np.abs(self.entry_ticks - self.stop_ticks) * market.tick_value_microusd * rule.lots).tolist()
        opened = series.ts_open_utc_ns[self.entry_row].tolist()
        ended = series.ts_close_utc_ns[self.exit_row].tolist()
        return [
            Trade(
                trade_id=f"{rule.strategy}#{number + 1}",
                strategy=rule.strategy,
                market=market.symbol,
                side=int(self.side[number]),
                lots_max=rule.lots,
                ts_open_utc_ns=opened[number],
                ts_close_utc_ns=ended[number],
                entry_points=market.points(int(self.entry_ticks[number])),
                exit_points=market.points(int(self.exit_ticks[number])),
                pnl_microusd=pnl[number],
                fees_microusd=fees,
                risk_microusd=risk[number],
                exit_reason=str(OrderKind.STOP if self.stopped[number] else OrderKind.TARGET),
            )
            for number in range(len(pnl))
        ]


def rule_of(config: Config, name: str) -> Rule:
    """A strategy of the configuration as a rule of its own.

    Raises: InputInvalid naming all that cannot be reckoned in columns; ConfigInvalid when a parameter is wrong.
    """
    one = config.strategy(name)
    market = config.market(one.market)
    guards = set(one.guards) - IDLE_GUARDS - {LOOKED_AT}
    broker = plugins.named(plugins.BROKERS, "paper").load().Params
    paper = parse(broker, config.brokers.get("paper", {}), "brokers.paper")
    wrong = {
        f"signal {one.signal['use']}: only breakout looks at the market alone": one.signal["use"] != "breakout",
        f"sizers {', '.join(one.sizers)}: only fixed sizes alike whatever the account": tuple(one.sizers) != ("fixed",),
        f"guards {', '.join(sorted(guards))}: they go by what the account has done": bool(guards),
        "exits: a stop that moves follows its own trade": one.exits != ExitRule(),
        "adds: a signal on top of a position": one.adds,
        f"market {market.symbol}: only futures and spot": market.kind in (Kind.EVENT, Kind.OPTION_SPREAD),
        "an account profile: its floor may end it": bool(config.account.profile),
        '[brokers.paper] fill_at = "last", or faults': paper.fill_at != "next_open" or bool(paper.faults),
    }
    if told := "; ".join(text for text, is_wrong in wrong.items() if is_wrong):
        raise InputInvalid(f"strategy {name} cannot be reckoned in columns: {told}. Play it with gamma backtest")
    params = {key: value for key, value in one.signal.items() if key != "use"}
    signal = parse(BreakoutParams, params, f"strategies.{name}.signal")
    if not signal.stop_atr or signal.limit_ticks is not None:
        text = f"strategy {name} cannot be reckoned in columns: it has no stop, or enters by limit"
        raise InputInvalid(f"{text}. Play it with gamma backtest")
    return Rule(
        strategy=name,
        market=market,
        signal=signal,
        lots=int(config.sizers.get("fixed", {}).get("lots", 0)),
        start_microusd=round(config.account.starting_capital_usd * MICRO),
        slippage_ticks=market.slippage_ticks if paper.slippage_ticks is None else paper.slippage_ticks,
        spread_ticks=paper.spread_ticks,
        through_ticks=int(paper.limit_needs_through),
        participation_frac=paper.participation_frac,
        safety=dict(config.guards.get(LOOKED_AT, {})) if LOOKED_AT in one.guards else {},
    )


def reckon(series: Series, rules: Sequence[Rule]) -> list[OpenLoop]:
    """Trade each rule over the bars, in an account of its own.

    Raises: InputInvalid when the bars are of another market, or their volume would not let an order fill whole.
    """
    for rule in rules:
        _refuse(series, rule)
    signals = Signals(series)
    found = [signals.of(rule.signal, rule.market.ticks_per_point) for rule in rules]
    tape = _Tape(series, rules[0])
    ends = _exits(tape, found)
    return [_taken(tape, rule, one, end) for rule, one, end in zip(rules, found, ends, strict=True)]


def _refuse(series: Series, rule: Rule) -> None:
    if rule.market.symbol != series.market:
        raise InputInvalid(f"strategy {rule.strategy} trades {rule.market.symbol}, and the bars are of {series.market}")
    volume = series.volume_lots[~np.isnan(series.volume_lots)]
    most = np.maximum(1, np.floor(rule.participation_frac * volume)) * (volume > 0)
    if len(most) and float(most.min()) < rule.lots:
        raise InputInvalid(
            f"{series.market}: a bar trades too little for {rule.lots} lots at a time, and what is filled in parts "
            "cannot be reckoned in columns; play it with gamma backtest"
        )


@final
class _Tape:
    """The bars in ticks as each side of an exit sees them: [2, N], the exit of a short first, as `side > 0`."""

    def __init__(self, series: Series, rule: Rule) -> None:
        scale = rule.market.ticks_per_point
        self.rule = rule
        self.series = series
        self.rows = len(series)
        high, low = series.high_points, series.low_points
        # Side by side: what closes a long sells, what closes a short buys.
        self.first = np.stack([_up(-scale * series.open_points), _up(scale * series.open_points)])
        self.worst = np.stack([_up(-scale * low), _up(scale * high)])
        self.best = np.stack([_up(-scale * high), _up(scale * low)])
        spread = series.spread_points * scale
        self.half = _up(np.where(np.isnan(spread), rule.spread_ticks, spread) / 2)

    def closes_by(self, side: Ints) -> Ints:
        """Which row of the tape closes a position of this side."""
        return (side < 0).astype(np.int64)


def _up(ticks: Floats) -> Ints:
    return np.ceil(ticks - _TOLERANCE).astype(np.int64)


def _exits(tape: _Tape, made: Sequence[Made]) -> list[Ints]:
    """The bar in which a trade of each signal would end; the number of bars where it would not."""
    row = np.concatenate([one.row for one in made]) + 1
    side = np.concatenate([one.side for one in made])
    # In the direction of the closing order: its stop is at or above, its target below by a tick.
    stop = -side * np.concatenate([one.stop_ticks for one in made])
    target = -side * np.concatenate([one.target_ticks for one in made]) - tape.rule.through_ticks
    which = tape.closes_by(side)
    end = np.full(len(row), tape.rows, dtype=np.int64)
    open_ = np.flatnonzero(row < tape.rows)
    for step in range(_STEPS):
        at = row[open_] + step
        inside = at < tape.rows
        open_, at = open_[inside], at[inside]
        of = which[open_]
        hit = (tape.worst[of, at] >= stop[open_]) | (tape.best[of, at] <= target[open_])
        end[open_[hit]] = at[hit]
        open_ = open_[~hit]
    for one in open_.tolist():
        end[one] = _search(tape, int(which[one]), int(row[one]) + _STEPS, int(stop[one]), int(target[one]))
    return np.split(end, np.cumsum([len(each.row) for each in made])[:-1])


def _search(tape: _Tape, which: int, begin: int, stop: int, target: int) -> int:
    width = _WINDOW
    while begin < tape.rows:
        window = slice(begin, begin + width)
        hit = (tape.worst[which, window] >= stop) | (tape.best[which, window] <= target)
        if hit.any():
            return begin + int(hit.argmax())
        begin, width = begin + width, 2 * width
    return tape.rows


def _taken(tape: _Tape, rule: Rule, made: Made, end: Ints) -> OpenLoop:
    """The signals that find the account flat: at the close of the bar in which a trade ends there may be the next."""
    rows, ends = made.row.tolist(), end.tolist()
    taken, free_from = [], 0
    for number, row in enumerate(rows):
        if row >= free_from and row + 1 < tape.rows:
            taken.append(number)
            free_from = ends[number]
    kept = np.array([number for number in taken if ends[number] < tape.rows], dtype=np.int64)
    side, stop, target = made.side[kept], made.stop_ticks[kept], made.target_ticks[kept]
    entry_row, exit_row = made.row[kept] + 1, end[kept]
    entry = side * (tape.first[1 - tape.closes_by(side), entry_row] + tape.half[entry_row] + rule.slippage_ticks)
    of = tape.closes_by(side)
    first, limit = tape.first[of, exit_row], -side * target - rule.through_ticks
    at_open_stop = first >= -side * stop
    at_open_target = ~at_open_stop & (first <= limit)
    stopped = at_open_stop | (~at_open_target & (tape.worst[of, exit_row] >= -side * stop))
    price = np.where(
        stopped,
        -side * (np.where(at_open_stop, first, -side * stop) + rule.slippage_ticks),
        np.where(at_open_target, -side * first, target),
    )
    told: dict[str, Any] = {
        "side": side, "entry_row": entry_row, "exit_row": exit_row, "entry_ticks": entry, "exit_ticks": price,
        "stop_ticks": stop, "stopped": stopped,
    }  # fmt: skip
    still = made.side[taken[-1:]][: len(taken) - len(kept)]
    found = OpenLoop(rule=rule, against="", **told)
    return OpenLoop(rule=rule, against=_against(tape, found, target, holds=bool(len(still))), **told)


def _against(tape: _Tape, found: OpenLoop, target: Ints, *, holds: bool) -> str:
    """Whether the account could have come near a limit that changes its trades: by bounds that are never too mild."""
    rule, market = found.rule, found.rule.market
    value, fee = rule.lots * market.tick_value_microusd, market.fee_microusd(rule.lots, 1)
    before = rule.start_microusd + np.concatenate(([0], np.cumsum(found.pnl_microusd)))
    low = before[:-1] - fee + np.minimum(0, found.side * (found.stop_ticks - found.entry_ticks)) * value
    reached = np.where(np.abs(target) < -NEVER, found.side * (target - found.entry_ticks), NEVER)
    high = before[:-1] + np.where(reached > NEVER, np.maximum(0, reached), _highest(tape, found)) * value
    lowest = min(int(low.min(initial=rule.start_microusd)), int(before.min()))
    price = float(tape.series.high_points.max())
    if lowest - fee < rule.lots * market.margin_usd_per_lot(price) * MICRO:
        return "its equity could have come near the margin"
    if not rule.safety:
        return ""
    if holds:
        return "safety_halt: a trade is open at the end"
    peak = np.maximum.accumulate(np.concatenate(([rule.start_microusd], np.maximum(high, before[1:]))))
    floor = rule.start_microusd * rule.safety["halt_frac"]
    fell = peak[1:] - np.minimum(low, before[1:]) >= rule.safety["drawdown_half_frac"] * peak[1:]
    return "safety_halt: its limits could have been reached" if lowest < floor or bool(fell.any()) else ""


def _highest(tape: _Tape, found: OpenLoop) -> Ints:
    """The most that each trade without a target could have been ahead [ticks]; 0 where there is a target."""
    if found.rule.signal.target_r:
        return np.zeros(len(found.side), dtype=np.int64)
    # As who closes it sees them, the best prices of a trade are the lowest.
    best = [
        int(tape.best[which, first : last + 1].min())
        for which, first, last in zip(tape.closes_by(found.side), found.entry_row, found.exit_row, strict=True)
    ]
    return np.maximum(0, -np.array(best, dtype=np.int64) - found.side * found.entry_ticks)
