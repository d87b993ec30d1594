"""`encoded_size`: the size that a policy of 21 actions has put into its action."""

from collections.abc import Mapping
from typing import final

from pydantic import BaseModel

from gamma.actions import ACTIONS, LOTS, SIZES_LOTS, Base, decode
from gamma.errors import InputMissing
from gamma.numeric import Num, where
from gamma.reasons import Fact, Reason
from gamma.views import View


@final
class EncodedSize(BaseModel, frozen=True, extra="forbid"):
    """Propose the lots that the action carries: 5, 10, 20, 50 or 100, and 0 to hold or for no action at all.

    Shapes: scalars live, [B] in training; so is the result.
    """

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        if type(view.signal.action) is int:  # live it always is, and ten of them are asked for at a look
            return float(LOTS[view.signal.action]) if 0 <= view.signal.action < ACTIONS else 0.0
        proposed: Num = 0.0
        for index, size_lots in enumerate(SIZES_LOTS):
            for action in range(1 + index, ACTIONS, len(SIZES_LOTS)):
                proposed = where(view.signal.action == action, float(size_lots), proposed)
        return proposed

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it proposes
        action = view.signal.action
        if action != action:
            raise InputMissing("signal.action is unknown (nan): the policy gave no action; check its output")
        base, size_index = decode(action)
        hold = base is Base.HOLD
        return {
            "action": int(action),
            "base": base.name.lower(),
            "encoded_lots": 0 if hold else SIZES_LOTS[size_index],
            "reason": Reason.NO_SIGNAL if hold else Reason.OK,
        }
