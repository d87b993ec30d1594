"""A futures policy as the daemon asks it: bars in, an action out, in plain NumPy. Nothing here needs JAX.

What it is shown comes from the functions that the training environment calls: `features.update` for the market,
`stance.own` for the position, `stance.legal` for what may be done.
"""

from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np

from gamma.bars import Bar, Session
from gamma.clock import NS
from gamma.markets import Market
from gamma.ports import Act, Trained
from gamma.views import Situation
from models import network
from models.checkpoints import Checkpoint
from models.futures import features, stance
from models.futures.deadlines import Deadlines, may_enter
from models.futures.features import BARS_NEEDED, MOVES, TIMES, Bounds, HoursRow, bar_row, bounds_of, hours
from models.futures.stance import Stance
from models.network import Floats, Network

_NOW: Final = len(MOVES) + len(TIMES)
_MICRO_PER_CENT: Final = 10_000


@final
class FuturesPolicy:
    """One policy, or the mean of several that are shown the same, in one market."""

    def __init__(self, trained: Trained, members: Sequence[Checkpoint], market: Market) -> None:
        card = members[0].card
        self._trained = trained
        self._card, self._market = card, market
        self._conditions = card.conditions
        self._deadlines = Deadlines(
            cash_only=self._conditions.cash_only,
            cancel_before_s=self._conditions.cancel_before_s,
            flat_before_s=self._conditions.flat_before_s,
        )
        self.networks = [Network(member.tensors) for member in members]
        self._past = features.begin()
        # What is seen of the market: all of the last bar, then the moves of the bars before it, newest first.
        self._seen = np.zeros(_NOW + (card.window_bars - 1) * len(MOVES), dtype=np.float32)
        self._session: Session | None = None
        self._bounds: Bounds | None = None
        self._may_enter = False
        self._close_ticks = 0
        self._bars_seen = 0

    @property
    def trained(self) -> Trained:
        return self._trained

    @property
    def actions(self) -> Sequence[str]:
        return self._card.actions

    @property
    def trail_atr(self) -> float:
        return self._conditions.trail_atr

    @property
    def bars_needed(self) -> int:
        return BARS_NEEDED + self._card.window_bars - 1

    @property
    def bars_seen(self) -> int:
        return self._bars_seen

    def see(self, bar: Bar, session: Session) -> None:
        if session is not self._session or self._bounds is None:
            self._session, self._bounds = session, bounds_of(session)
        at = HoursRow(*(float(x) for x in hours(bar.ts_close_utc_ns, self._bounds)))
        self._past, seen = features.update(self._past, bar_row(bar), at)
        self._seen[_NOW + len(MOVES) :] = self._seen[_NOW : -len(MOVES)].copy()
        self._seen[_NOW : _NOW + len(MOVES)] = self._seen[: len(MOVES)][: len(self._seen) - _NOW]
        self._seen[:_NOW] = seen
        left_s = (session.ts_flat_by_utc_ns - bar.ts_close_utc_ns) / NS
        self._may_enter = bool(may_enter(left_s, at.in_cash, self._deadlines))
        self._close_ticks = self._market.ticks(bar.close_points)
        self._bars_seen += 1

    def act(self, situation: Situation) -> Act:
        stands = self.stands(situation)
        drawdown_usd = _drawdown_usd(situation)
        seen = self.observation(stands, drawdown_usd)
        legal = tuple(bool(may) for may in self._legal(stands, drawdown_usd))
        scaled = [network.scaled(seen) for network in self.networks]
        each = [n.logits(s) for n, s in zip(self.networks, scaled, strict=True)]
        logits = each[0] if len(each) == 1 else np.mean(each, axis=0)
        novelty = max(map(network.novelty, scaled))
        action = int(np.argmax(np.where(legal, logits, -np.inf)))
        return Act(action=action, logits=tuple(logits.tolist()), legal=legal, novelty=novelty)

    def bracket_ticks(self) -> tuple[int, int]:
        stop, target = stance.bracket_ticks(self._conditions, self._market, self._past.atr)
        return int(stop), int(target)

    def observation(self, stands: Stance, drawdown_usd: float) -> Floats:
        """What the policy is shown on the bar that was seen last. Shapes: [O]."""
        own = stance.own(stands, drawdown_usd, self._market.lots_max)
        return np.concatenate([self._seen, np.array(own, dtype=np.float64)], dtype=np.float64)

    def _legal(self, stands: Stance, drawdown_usd: float) -> tuple[Any, ...]:
        return stance.legal(self._conditions, self._card.phase, stands, drawdown_usd)

    def stands(self, situation: Situation) -> Stance:
        """The situation in the words of the environment, at the bar that was seen last."""
        floor = situation.floor_microusd
        room = 0 if floor is None else situation.balance_microusd - floor
        return Stance(
            side=situation.side,
            lots=situation.lots,
            entry_ticks=situation.entry_ticks,
            stop_ticks=situation.stop_ticks,
            target_ticks=situation.target_ticks,
            risk_ticks=situation.risk_ticks,
            held_bars=situation.bars_held,
            at_break_even=int(situation.at_break_even),
            trailing=int(situation.trailing),
            leaving=int(situation.leaving),
            room_cents=room / _MICRO_PER_CENT,
            has_floor=int(floor is not None),
            close_ticks=self._close_ticks,
            atr_ticks=self._past.atr * self._market.ticks_per_point,
            may_enter=int(self._may_enter),
        )


def _drawdown_usd(situation: Situation) -> float:
    drawdown = situation.drawdown_microusd
    return stance.NO_DRAWDOWN_USD if drawdown is None else drawdown / 1e6
