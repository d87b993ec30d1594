"""G27: a model that makes no sense is switched off."""

from collections.abc import Mapping
from math import isnan
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


@final
class ModelSanity(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Switch a strategy off whose policy gave a senseless action, or whose checkpoint is old or not the pinned one.

    Legal actions are the whole numbers from 0 up to, and without, `actions`.
    """

    id: ClassVar[str] = "G27"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "the policy's action; hash and age of its checkpoint"
    resets: ClassVar[str] = "a person re-enables the strategy"
    latches: ClassVar[str] = "strategy off, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = (
        "control.model_hash",
        "control.model_pinned_hash",
        "control.model_age_days",
    )
    example: ClassVar[Mapping[str, object]] = {"actions": 21, "age_max_days": 90}

    actions: Annotated[int, Field(gt=1)]
    age_max_days: Annotated[float, Field(gt=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        why = self._bad_checkpoint(view) or self._bad_action(view)
        facts = self.reading(view)
        return (
            denied(Reason.MODEL_INSANE, {**facts, "why": why}, self._trip(view, why)) if why else passed(order, facts)
        )

    def watch(self, view: View) -> Trip | None:
        why = "" if missing(view, self.needs) else self._bad_checkpoint(view)
        return self._trip(view, why) if why else None

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": self.age_max_days, "now": float(view.control.model_age_days)}

    def _trip(self, view: View, why: str) -> Trip:
        facts = {**self.reading(view), "why": why}
        return Trip(action=Action.STRATEGY_OFF, reason=Reason.MODEL_INSANE, facts=facts, realised=True)

    def _bad_checkpoint(self, view: View) -> str:
        control = view.control
        if control.model_hash != control.model_pinned_hash:
            return "the checkpoint that runs is not the pinned one"
        return "the checkpoint is too old" if control.model_age_days > self.age_max_days else ""

    def _bad_action(self, view: View) -> str:
        action = float(view.signal.action)
        if isnan(action):
            return "the policy's action is NaN"
        legal = action.is_integer() and 0 <= action < self.actions
        return "" if legal else f"action {action:g} is not one of 0 to {self.actions - 1}"
