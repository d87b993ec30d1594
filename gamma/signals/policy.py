"""`policy`: trade as a trained policy does, from a checkpoint whose hash is pinned."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Self, final

from gamma.bars import Bar, Session
from gamma.events import Manage, ManageWanted, ModelFailed, SignalMade
from gamma.markets import Market
from gamma.ports import Act, Model, Policy, Surroundings
from gamma.signals.checkpoint import CheckpointParams, model_of, opened, wrong
from gamma.views import Situation

HOLD: Final = "HOLD"
_SIDES: Final = {"BUY": 1, "SELL": -1}
_MANAGES: Final = {"SL_TO_BE": Manage.BREAK_EVEN, "TRAIL_ON": Manage.TRAIL_ON, "TRAIL_OFF": Manage.TRAIL_OFF}


@final
class PolicySource:
    """A trained policy as a strategy: entries with a bracket, and what is to become of the position that it holds.

    It sees the bars of its market in their sessions, and how the strategy stands. It holds until it has seen as many
    bars as it needs. NaN, an illegal action and an error each switch the strategy off.
    """

    Params: ClassVar = CheckpointParams

    def __init__(
        self, policy: Policy, pinned_sha256: str, *, strategy: str, market: Market, surroundings: Surroundings
    ) -> None:
        self.policy = policy
        self._pinned_sha256 = pinned_sha256
        self._strategy = strategy
        self._market = market
        self._hours = surroundings.hours
        self._session: Session | None = None
        self._ts_utc_ns = 0
        self.had_choice = False

    @classmethod
    def open(cls, params: Mapping[str, Any], *, strategy: str, market: Market, surroundings: Surroundings) -> Self:
        """Open the checkpoint and verify it.

        Raises: ConfigInvalid when a parameter is wrong, or the checkpoint is refused: it is damaged, of another hash,
            of another market, made for another version, or for paper only while gamma trades live.
        """
        where = f"strategies.{strategy}.signal"
        given, policy = opened(params, where, market, surroundings.mode, surroundings.policy)
        return cls(policy, given.sha256, strategy=strategy, market=market, surroundings=surroundings)

    @property
    def model(self) -> Model:
        """What it trades from."""
        return model_of(self.policy.trained, self._pinned_sha256)

    @property
    def bars_needed(self) -> int:
        """History after which nothing of what stood before it is left in what the policy sees."""
        return self.policy.bars_needed

    @property
    def warm(self) -> bool:
        """Whether it has seen as many bars."""
        return self.policy.bars_seen >= self.policy.bars_needed

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Take history without answering."""
        for bar in bars:
            self._see(bar)

    def decide(self, bar: Bar, situation: Situation) -> SignalMade | ManageWanted | ModelFailed | None:
        """What the policy does on this bar; nothing on one that is no news, or lies in no session."""
        if not self._see(bar) or not self.warm:
            return None
        act = self.policy.act(situation)
        self.had_choice = sum(act.legal) > 1
        if text := wrong(act, len(self.policy.actions)):
            return ModelFailed(strategy=self._strategy, text=text, ts_event_utc_ns=bar.ts_close_utc_ns)
        name = self.policy.actions[act.action]
        if name == HOLD:
            return None
        if name in _MANAGES:
            return self._manage(bar, _MANAGES[name])
        return self._signal(bar, act, _SIDES[name])

    def _see(self, bar: Bar) -> bool:
        """Show the bar to the policy, where it is news, is whole and lies in a session."""
        whole = -math.inf < bar.low_points <= bar.close_points <= bar.high_points < math.inf
        if bar.market != self._market.symbol or bar.ts_close_utc_ns <= self._ts_utc_ns or not whole:
            return False
        session = self._session
        if session is None or not session.ts_open_utc_ns < bar.ts_close_utc_ns <= session.ts_close_utc_ns:
            session = self._session = self._hours.session(bar.market, bar.ts_close_utc_ns - 1)
        if session is None:
            return False
        self._ts_utc_ns = bar.ts_close_utc_ns
        self.policy.see(bar, session)
        return True

    def _signal(self, bar: Bar, act: Act, side: int) -> SignalMade:
        stop_ticks, target_ticks = self.policy.bracket_ticks()
        return SignalMade(
            strategy=self._strategy,
            market=self._market.symbol,
            signal_id=f"{self._strategy}-{bar.ts_close_utc_ns}",
            slot_utc_ns=bar.ts_close_utc_ns,
            side=side,
            stop_ticks=stop_ticks,
            target_ticks=target_ticks,
            ts_event_utc_ns=bar.ts_close_utc_ns,
            action=act.action,
            novelty=act.novelty,
            notes={
                "close_points": bar.close_points,
                "novelty": act.novelty,
                **{f"logit_{name}": logit for name, logit in zip(self.policy.actions, act.logits, strict=True)},
            },
        )

    def _manage(self, bar: Bar, manage: Manage) -> ManageWanted:
        return ManageWanted(
            strategy=self._strategy,
            market=self._market.symbol,
            manage=manage,
            slot_utc_ns=bar.ts_close_utc_ns,
            ts_event_utc_ns=bar.ts_close_utc_ns,
            trail_atr=self.policy.trail_atr if manage is Manage.TRAIL_ON else 0.0,
        )
