"""G24: a person says stop."""

from collections.abc import Mapping
from typing import ClassVar, final

from pydantic import BaseModel

from gamma.guards import Action, Scope, Trip, Verdict, denied, passed
from gamma.reasons import Reason
from gamma.views import OrderView, View


@final
class KillSwitch(BaseModel, frozen=True, extra="forbid"):
    """Stop everything while the kill switch is on: cancel, optionally close all, halt until a person resumes.

    With `flatten` the orders that close positions still go out; without it a person has taken over, and
    nothing goes out but cancels.
    """

    id: ClassVar[str] = "G24"
    scope: ClassVar[Scope] = Scope.ALL
    measures: ClassVar[str] = "the kill switch, a file or a command"
    resets: ClassVar[str] = "a person takes the switch off and resumes"
    latches: ClassVar[str] = "halt of the account, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[Mapping[str, object]] = {"flatten": True}

    flatten: bool

    def __call__(self, view: View, order: OrderView) -> Verdict:
        trip = self.watch(view)
        if trip is None or (self.flatten and order.reduces):
            return passed(order)
        return denied(Reason.KILL_SWITCH, trip.facts, trip)

    def watch(self, view: View) -> Trip | None:
        if not view.control.kill_switch:
            return None
        action = Action.FLATTEN_AND_HALT if self.flatten else Action.HALT
        return Trip(action=action, reason=Reason.KILL_SWITCH, facts={"flatten": self.flatten}, realised=True)
