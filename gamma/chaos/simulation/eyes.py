"""The eyes of simulated strategies: each draws what it wants, as a function of the seed and the bar."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from gamma.bars import Bar
from gamma.chaos.simulation import setting
from gamma.chaos.simulation.world import STEP_TICKS
from gamma.desk import Seat
from gamma.events import Leg, Manage, ManageWanted, SignalMade
from gamma.markets import Kind, Market
from gamma.rules import Rules
from gamma.views import Situation

STILL: Final = 0.4
_LEGS: Final = (Leg(symbol="XSP260417P00580000", ratio=1), Leg(symbol="XSP260417P00575000", ratio=-1))


@final
@dataclass(frozen=True, slots=True)
class Eyes:
    """A strategy that draws its signals, the same for the same bar, and none on the share `still` of all bars.

    From `quiet_utc_ns` on it wants nothing.
    """

    seed: int
    strategy: str
    market: Market
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
        step = STEP_TICKS[symbol]
        spread = self.market.kind is Kind.OPTION_SPREAD
        side = -1 if spread else rng.choice((-1, 1))
        close = self.market.ticks(bar.close_points)
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
            width_ticks=100 if spread else 0,
            risk_microusd_per_lot=max(1, 100 - close) * self.market.tick_value_microusd if spread else 0,
            legs=_LEGS if spread else (),
        )


@final
@dataclass(frozen=True, slots=True)
class ManagingEyes:
    """The same, and mostly something is wanted of the position that is held."""

    eyes: Eyes
    warm: bool = True
    bars_needed: int = 1

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Nothing to remember."""

    def decide(self, bar: Bar, situation: Situation) -> SignalMade | ManageWanted | None:
        """A signal, a wish, or nothing."""
        eyes, ts = self.eyes, bar.ts_close_utc_ns
        rng = random.Random(f"manage {eyes.seed} {eyes.strategy} {ts}")
        if not situation.lots or ts >= eyes.quiet_utc_ns or rng.random() < 0.2:
            return eyes.on_bar(bar)
        manage = rng.choice((Manage.BREAK_EVEN, Manage.TRAIL_ON, Manage.TRAIL_OFF))
        return ManageWanted(
            strategy=eyes.strategy,
            market=bar.market,
            manage=manage,
            slot_utc_ns=ts,
            ts_event_utc_ns=ts,
            trail_atr=rng.choice((0.5, 1.0)) if manage is Manage.TRAIL_ON else 0.0,
        )


def seats(rules: Rules, seed: int, quiet_utc_ns: int, still: float = STILL) -> dict[str, tuple[Seat, ...]]:
    """Who looks at which market; they want nothing from `quiet_utc_ns` on, nor on the share `still` of all bars."""
    can = rules.capabilities
    made: dict[str, tuple[Seat, ...]] = dict.fromkeys(setting.markets(can), ())
    for name, strategy in rules.strategies.items():
        eyes = Eyes(
            seed=seed,
            strategy=name,
            market=strategy.market,
            quiet_utc_ns=quiet_utc_ns,
            stops=can.bracket and name in ("swing", "index"),
            limits=name in ("index", "credit"),
            still=still,
        )
        source = ManagingEyes(eyes) if name == "swing" else eyes
        made[strategy.market.symbol] += (Seat(strategy=name, source=source),)
    return made
