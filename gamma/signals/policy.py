"""`policy`: trade as a trained policy does, from a checkpoint whose hash is pinned."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self, final

from pydantic import BaseModel, Field

from gamma.bars import Bar, Session
from gamma.errors import ConfigInvalid
from gamma.events import Manage, ManageWanted, ModelFailed, SignalMade
from gamma.markets import Market
from gamma.params import parse
from gamma.ports import Act, Model, Policy, Surroundings
from gamma.views import Situation

HOLD: Final = "HOLD"
_SIDES: Final = {"BUY": 1, "SELL": -1}
_MANAGES: Final = {"SL_TO_BE": Manage.BREAK_EVEN, "TRAIL_ON": Manage.TRAIL_ON, "TRAIL_OFF": Manage.TRAIL_OFF}
_FLAT: Final = ("cancel_before_s", "flat_before_s", "flat_by_new_york")


@final
class PolicyParams(BaseModel, frozen=True, extra="forbid"):
    """`checkpoint` is the name of one that ships or lies in `[paths] models`, or its folder; `sha256` is its hash.

    `gamma models show NAME` prints the hash to pin. A checkpoint with another is refused.
    """

    checkpoint: Annotated[str, Field(min_length=1)]
    sha256: str = ""


@final
class PolicySource:
    """A trained policy as a strategy: entries with a bracket, and what is to become of the position that it holds.

    It sees the bars of its market in their sessions, and how the strategy stands. It holds until it has seen as many
    bars as it needs. NaN, an illegal action and an error each switch the strategy off.
    """

    Params: ClassVar = PolicyParams

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
        given = parse(PolicyParams, params, where)
        if not given.sha256:
            raise ConfigInvalid(
                f"[{where}] sha256 is not set: pin the checkpoint, as `gamma models show {given.checkpoint}` prints it"
            )
        try:
            policy = surroundings.policy(given.checkpoint, given.sha256, market)
        except ConfigInvalid as error:
            raise ConfigInvalid(f"[{where}] {error}") from None
        trained = policy.trained
        if market.symbol not in trained.markets:
            raise ConfigInvalid(
                f"[{where}] checkpoint {given.checkpoint} was trained for {', '.join(trained.markets)}, and the"
                f" strategy trades {market.symbol}; trade it in a market that it was trained for"
            )
        if surroundings.mode == "live" and trained.paper_only:
            raise ConfigInvalid(
                f"[{where}] checkpoint {given.checkpoint} is for paper only: it has not qualified in an evaluation"
                ' out of sample; see `gamma models show`, and set mode = "paper"'
            )
        return cls(policy, given.sha256, strategy=strategy, market=market, surroundings=surroundings)

    @property
    def model(self) -> Model:
        """What it trades from."""
        trained = self.policy.trained
        told = trained.card.get("conditions", {})
        return Model(
            sha256=trained.sha256,
            pinned_sha256=self._pinned_sha256,
            ts_created_utc_ns=trained.ts_created_utc_ns,
            flat={key: told[key] for key in _FLAT if told.get(key) is not None},
            validated=_validated(trained.card),
        )

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
        if wrong := _wrong(act, len(self.policy.actions)):
            return ModelFailed(strategy=self._strategy, text=wrong, ts_event_utc_ns=bar.ts_close_utc_ns)
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


def _wrong(act: Act, actions: int) -> str:
    """Why an answer is no answer; empty where it is one."""
    if len(act.logits) != actions or not all(map(math.isfinite, act.logits)):
        return f"the logits are {', '.join(f'{logit:g}' for logit in act.logits)}: {actions} finite numbers are due"
    if not 0 <= act.action < actions or not act.legal[act.action]:
        legal = ", ".join(str(n) for n, may in enumerate(act.legal) if may)
        return f"action {act.action} is illegal; legal are {legal}"
    return "" if math.isfinite(act.novelty) else "what it sees is no number"


def _validated(card: Mapping[str, Any]) -> dict[str, float]:
    """The figures of the last evaluation out of sample, by name."""
    found = [one for one in card.get("evaluations", ()) if one["out_of_sample"]]
    return {figure["name"]: float(figure["value"]) for figure in found[-1]["figures"]} if found else {}
