"""The gate: each order is looked at as its first byte leaves the process, against what is on disk at that moment."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

from gamma.chaos.drill import Aim, Asked, Sent
from gamma.chaos.simulation.loop import Time
from gamma.chaos.simulation.setting import QUOTE_AGE_MAX_S
from gamma.chaos.simulation.tap import Intended, OnDisk
from gamma.chaos.simulation.world import Strange
from gamma.clock import NS
from gamma.events import OrderKind

# A clock that is a little off is borne, and an order takes its way to the wire.
AGE_MAX_S: Final = QUOTE_AGE_MAX_S + 3.0
# A daemon that starts while the wall clock is half a minute behind cannot know that a bar is older than it seems.
UNSEEN_S: Final = 30.0


@final
class Gate:
    """Knows every order that ever left, through all lives of the daemon; `wrong` is told of each that should not have.

    It knows nothing of how the daemon came to send an order, and asks the disk alone whether it might. `rival` says
    whether another daemon holds the account now, and `working` gives the client ids of what works at the broker.
    """

    def __init__(
        self,
        on_disk: OnDisk,
        kill_switch: Path,
        time: Time,
        wrong: Callable[[str], None],
        *,
        working: Callable[[], Iterable[str]],
        strange: Strange | None = None,
    ) -> None:
        self._on_disk = on_disk
        self._kill_switch = kill_switch
        self._time = time
        self._wrong = wrong
        self._working = working
        self._strange = strange
        self._left: set[str] = set()
        self.rival = False

    def leave(self, asked: Asked, sent: Sent) -> None:
        """A request leaves; reads may, and who holds the account is asked of every other, all else of new orders."""
        if self.rival and sent.aim in (Aim.CHANGE, Aim.PLACE):
            self._wrong(f"I11: {asked.method} {asked.target} was sent while another daemon held the account")
        if sent.aim is not Aim.PLACE:
            return
        cid = sent.client_order_id
        if cid in self._left:
            self._wrong(f"I1: {cid} was sent a second time")
        self._left.add(cid)
        intent = self._on_disk.intended(cid)
        if intent is None:
            self._wrong(f"I6: {cid} was sent, and no intent of it was on disk")
        else:
            self._halts(cid, intent)
            if intent.kind == OrderKind.ENTRY:
                self._entry(cid, intent)
            elif intent.kind == OrderKind.EXIT:
                self._exit(cid, intent)

    def _halts(self, cid: str, intent: Intended) -> None:
        """I5: under a halt no entry goes out, under a hard one nothing that trades."""
        for halt in self._on_disk.standing():
            covers = halt.target in {"account": "", "strategy": intent.strategy, "market": intent.market}[halt.scope]
            if covers and (intent.kind == OrderKind.ENTRY or halt.level == "halted"):
                self._wrong(f"I5: the {intent.kind} {cid} was sent under the halt {halt.halt_id} ({halt.reason})")

    def _entry(self, cid: str, intent: Intended) -> None:
        """I5 and I10: no entry with the kill switch on, nor on a bar that is long over."""
        if self._kill_switch.exists():
            self._wrong(f"I5: the entry {cid} was sent with the kill switch on")
        age_s = (self._time.now - int(intent.decision_id.partition("@")[2])) / NS
        if age_s > AGE_MAX_S + (UNSEEN_S if self._time.was_set else 0.0):
            self._wrong(f"I10: the entry {cid} was sent {age_s:.1f} s after the bar that it was decided on")
        allowed = self._strange.answer(intent.market, intent.ts_event_utc_ns) if self._strange else 1.0
        if not 0 < allowed < math.inf:
            self._wrong(f"I10: the entry {cid} was sent, and of its sizers one allowed {allowed} lots")

    def _exit(self, cid: str, intent: Intended) -> None:
        """I2: an exit from the whole position goes out alone: whatever else worked for it has ended at the broker.

        What closes a part of it may work beside anything but such an exit.
        """
        for other in self._working():
            beside = self._on_disk.intended(other)
            if beside is None or (beside.strategy, beside.market) != (intent.strategy, intent.market):
                continue
            if _whole(intent) or _whole(beside):
                self._wrong(f"I2: the exit {cid} was sent while the {beside.kind} {other} worked")


def _whole(intent: Intended) -> bool:
    """An exit that no slot asked for closes all of the position."""
    return intent.kind == OrderKind.EXIT and "@" not in intent.decision_id
