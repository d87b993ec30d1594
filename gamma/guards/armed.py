"""G1: live trading is switched on by a person, for one config, one session and one largest loss."""

from collections.abc import Mapping
from typing import ClassVar, final

from pydantic import BaseModel

from gamma.guards import Action, Scope, Trip, Verdict, denied, passed
from gamma.reasons import Fact, Reason
from gamma.views import ControlView, OrderView, View


@final
class Armed(BaseModel, frozen=True, extra="forbid"):
    """Refuse live entries unless the very config that runs was armed, for this session; paper always passes.

    Arming names the largest loss of the day [usd]: there everything is closed and the arming is spent.
    """

    id: ClassVar[str] = "G1"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "hash of the config; day's P&L (realised and open) against the loss that was armed"
    resets: ClassVar[str] = "the arming ends with the session"
    latches: ClassVar[str] = "halt until the arming ends, after the armed loss"
    needs: ClassVar[tuple[str, ...]] = ("control.mode",)
    example: ClassVar[Mapping[str, object]] = {}

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if view.control.mode == "paper":
            return passed(order, {"mode": "paper"})
        why = _unarmed(view)
        facts = {**self.reading(view), "mode": view.control.mode}
        return denied(Reason.NOT_ARMED, {**facts, "why": why}, self.watch(view)) if why else passed(order, facts)

    def watch(self, view: View) -> Trip | None:
        control, account = view.control, view.account
        if control.mode == "paper" or not _in_force(control, view.clock.ts_event_utc_ns):
            return None
        if not -account.day_pnl_usd >= control.armed_loss_max_usd:
            return None
        return Trip(
            action=Action.FLATTEN_AND_HALT,
            reason=Reason.DAILY_LOSS,
            facts=self.reading(view),
            realised=bool(-account.day_realised_usd >= control.armed_loss_max_usd),
            until_utc_ns=control.armed_until_utc_ns,
        )

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": float(view.control.armed_loss_max_usd), "now": -float(view.account.day_pnl_usd)}


def _in_force(control: ControlView, now_utc_ns: int) -> bool:
    return 0 < now_utc_ns < control.armed_until_utc_ns and control.armed_config_hash != ""


def _unarmed(view: View) -> str:
    control = view.control
    if not _in_force(control, view.clock.ts_event_utc_ns):
        return "live trading is not armed for this session; a person arms it with gamma arm"
    if control.armed_config_hash != control.config_hash:
        return "another config was armed than the one that runs; arm this one with gamma arm"
    if not -view.account.day_pnl_usd < control.armed_loss_max_usd:
        return "the day's loss has reached what was armed"
    return ""
