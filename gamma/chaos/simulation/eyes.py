"""The eyes of simulated strategies: each draws what it wants, as a function of the seed and the bar."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from gamma.bars import Bar
from gamma.chaos.simulation import setting
from gamma.chaos.simulation.world import Traded
from gamma.desk import Seat
from gamma.events import Manage, ManageWanted, SignalMade
from gamma.markets import Kind, Market
from gamma.rules import Rules
from gamma.views import Situation

STILL: Final = 0.4
# What a strategy may wish of its position.
STOPS_MOVED: Final = (Manage.BREAK_EVEN, Manage.TRAIL_ON, Manage.TRAIL_OFF)
WISHES: Final[Mapping[str, tuple[Manage, ...]]] = {"swing": STOPS_MOVED}
WISHES_AND_CLOSES: Final[Mapping[str, tuple[Manage, ...]]] = {
    "swing": (*STOPS_MOVED, Manage.CLOSE),
    setting.CREDIT: (Manage.CLOSE, Manage.TRAIL_OFF, Manage.TRAIL_OFF),
}
# In event contracts a part of what is held leaves, and orders work for a while.
EVENT_WISHES: Final = (Manage.REDUCE,)
EVENT_IDLE: Final = 0.5
TIMES_S: Final = (0.0, 10.0, 20.0, 60.0)


@final
@dataclass(frozen=True, slots=True)
class Eyes:
    """A strategy that draws its signals, the same for the same bar, and none on the share `still` of all bars.

    From `quiet_utc_ns` on it wants nothing.
    """

    seed: int
    strategy: str
    market: Market
    traded: Traded
    quiet_utc_ns: int
    stops: bool = True
    limits: bool = False
    still: float = STILL
    bars_needed: int = 1

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Nothing to remember."""

    def on_bar(self, bar: Bar) -> SignalMade | None:
        """A signal, or none."""
        ts, symbol = bar.ts_close_utc_ns, self.market.symbol
        rng = random.Random(f"signal {self.seed} {self.strategy} {ts}")
        if ts >= self.quiet_utc_ns or rng.random() < self.still:
            return None
        step = self.traded.step_ticks
        spread = bool(self.traded.legs)
        side = -1 if spread else rng.choice((-1, 1))
        close = self.market.ticks(bar.close_points)
        risk = max(1, self.traded.width_ticks - close) * self.market.tick_value_microusd
        stop, target = rng.randint(2 * step, 5 * step), rng.randint(2 * step, 6 * step)
        return SignalMade(
            strategy=self.strategy,
            market=symbol,
            signal_id=f"{self.strategy}@{ts}",
            slot_utc_ns=ts,
            side=side,
            stop_ticks=stop if self.stops else 0,
            target_ticks=target if self.stops and rng.random() < 0.7 else 0,
            ts_event_utc_ns=ts,
            price_ticks=max(1, close - side * rng.randint(-2, 3)) if self.limits else 0,
            credit_ticks=close if spread else 0,
            width_ticks=self.traded.width_ticks,
            risk_microusd_per_lot=risk if spread else 0,
            legs=self.traded.legs,
            work_s=self.time_s(ts),
        )

    def time_s(self, ts_utc_ns: int) -> float:
        """How long what is ordered on this bar works [s]; 0 is for good."""
        if self.market.kind is not Kind.EVENT:
            return 0.0
        return random.Random(f"time {self.seed} {self.strategy} {ts_utc_ns}").choice(TIMES_S)


@final
@dataclass(frozen=True, slots=True)
class ManagingEyes:
    """The same, and mostly something is wanted of the position that is held."""

    eyes: Eyes
    wishes: tuple[Manage, ...] = STOPS_MOVED
    idle: float = 0.2
    warm: bool = True
    bars_needed: int = 1

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Nothing to remember."""

    def decide(self, bar: Bar, situation: Situation) -> SignalMade | ManageWanted | None:
        """A signal, a wish, or nothing."""
        eyes, ts = self.eyes, bar.ts_close_utc_ns
        rng = random.Random(f"manage {eyes.seed} {eyes.strategy} {ts}")
        if not situation.lots or ts >= eyes.quiet_utc_ns or rng.random() < self.idle:
            return eyes.on_bar(bar)
        manage = rng.choice(self.wishes)
        return ManageWanted(
            strategy=eyes.strategy,
            market=bar.market,
            manage=manage,
            slot_utc_ns=ts,
            ts_event_utc_ns=ts,
            trail_atr=rng.choice((0.5, 1.0)) if manage is Manage.TRAIL_ON else 0.0,
            **(self._part(rng, bar, situation) if manage is Manage.REDUCE else {}),
        )

    def _part(self, rng: random.Random, bar: Bar, situation: Situation) -> dict[str, Any]:
        """How much of it, at which price, and for how long."""
        market = self.eyes.market
        price = market.ticks(bar.close_points) + situation.side * rng.randint(-2, 3)
        return {
            "lots": rng.choice((1, 1, 2, 5)),
            "price_ticks": min(99, max(1, price)),
            "work_s": self.eyes.time_s(bar.ts_close_utc_ns),
        }


def seats(
    rules: Rules,
    markets: Sequence[Traded],
    seed: int,
    quiet_utc_ns: int,
    *,
    still: float = STILL,
    wishes: Mapping[str, tuple[Manage, ...]] = WISHES,
) -> dict[str, tuple[Seat, ...]]:
    """Who looks at which market; they want nothing from `quiet_utc_ns` on, nor on the share `still` of all bars.

    `wishes` are what strategies want of their positions, by strategy.
    """
    can = rules.capabilities
    known = {traded.symbol: traded for traded in markets}
    made: dict[str, tuple[Seat, ...]] = dict.fromkeys(known, ())
    for name, strategy in rules.strategies.items():
        eyes = Eyes(
            seed=seed,
            strategy=name,
            market=strategy.market,
            traded=known[strategy.market.symbol],
            quiet_utc_ns=quiet_utc_ns,
            stops=can.bracket and name.startswith(("swing", setting.INDEX)),
            # An event contract is not entered without a limit.
            limits=name.startswith((setting.INDEX, setting.CREDIT)) or strategy.market.kind is Kind.EVENT,
            still=still,
        )
        events = strategy.market.kind is Kind.EVENT
        source: Eyes | ManagingEyes = ManagingEyes(eyes, wishes[name]) if name in wishes else eyes
        source = ManagingEyes(eyes, EVENT_WISHES, EVENT_IDLE) if events else source
        made[strategy.market.symbol] += (Seat(strategy=name, source=source),)
    return made
