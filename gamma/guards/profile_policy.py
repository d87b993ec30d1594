"""G2: what the account's firm forbids is not done."""

from collections.abc import Mapping
from typing import ClassVar, final

from pydantic import BaseModel

from gamma.guards import Scope, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import ControlView, OrderView, View


@final
class ProfilePolicy(BaseModel, frozen=True, extra="forbid"):
    """Refuse what the account's profile does not allow: automation, this product, this host.

    A product that is not allowed is refused on paper too. Automation and host matter to live trading
    alone: an account whose firm bans automation is for simulation, audit and tickets entered by hand,
    unless the operator attests in the config that this account may be traded so.
    """

    id: ClassVar[str] = "G2"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "the account's profile against market, mode and host"
    resets: ClassVar[str] = "with another profile or config"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("control.mode", "control.automation")
    example: ClassVar[Mapping[str, object]] = {}

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        control = view.control
        if control.products and order.market not in control.products:
            return denied(Reason.PROFILE_FORBIDS, {"why": f"the account's profile does not allow {order.market}"})
        facts: dict[str, Fact] = {"automation": control.automation, "mode": control.mode}
        why = "" if control.mode == "paper" else _forbidden(control)
        return denied(Reason.PROFILE_FORBIDS, {**facts, "why": why}) if why else passed(order, facts)


def _forbidden(control: ControlView) -> str:
    if control.hosts and control.host not in control.hosts:
        return (
            f"the account may be traded from {', '.join(control.hosts)} alone, and this is {control.host or 'unknown'}"
        )
    if control.automation == "allowed" or (control.automation in _ATTESTABLE and control.automation_attested):
        return ""
    if control.automation == "own_machine" and control.hosts:
        return ""
    return _ATTESTABLE.get(control.automation, f"automation = {control.automation!r} is not known to be allowed")


_ATTESTABLE = {
    "banned": (
        "the firm bans automated trading on this account: use it for simulation, audit and tickets entered by hand; "
        "if your firm allows it on yours, attest that with account.automation_attested = true"
    ),
    "own_machine": (
        "the firm allows automated trading from your own machine alone, no VPS: attest that this is one with "
        "account.automation_attested = true"
    ),
}
