"""The shell on a real ledger file and the real paper broker."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brokers.paper import Fault, PaperBroker
from gamma.errors import InvariantBroken, LedgerFailed, Transient
from gamma.events import (
    DecisionMade,
    FlattenRequested,
    ForeignOrderSeen,
    HaltRequested,
    Intent,
    Level,
    OrderFilled,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderRejected,
    OrderState,
    OrderType,
    Recorded,
)
from gamma.ledger import Ledger
from gamma.ports import Accepted, FillPage, Lost, NotListed
from tests.brokers.desk import approve
from tests.engine_case import MINUTE, PRICE, bar_of
from tests.stand import Stand

Make = Callable[..., Stand]

# How a broker across a network proves absence.
REMOTE = {"absence_listings": 3, "absence_spacing_s": 20.0, "quiet_window_s": 120.0}


@dataclass
class Faulty:
    """A broker in which one request, or one read, does what the test says; all else is the real one's."""

    real: PaperBroker
    name: str
    act: Callable[..., Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name) if name != self.name else self.act


@dataclass
class FullDisk:
    """A store that cannot commit while `full`."""

    real: Ledger
    full: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def commit(self) -> None:
        if self.full:
            raise LedgerFailed("the disk is full")
        self.real.commit()


@pytest.fixture
def stand(make_stand: Make) -> Stand:
    """An account that has booted and seen one bar at 20,000."""
    made = make_stand()
    made.boot()
    made.bar()
    return made


def faulty(make_stand: Make, name: str, act: Callable[..., Any]) -> Stand:
    """An account that has seen one bar, at a broker in which `name` does what the test says; requests time out soon."""
    made = make_stand(
        wrap_broker=lambda broker: Faulty(broker, name, lambda *arguments: act(made, *arguments)),
        capabilities={"place_timeout_s": 0.01},
    )
    made.boot()
    made.bar()
    return made


# --- recorded before it is sent -------------------------------------------------------------------


def test_an_order_is_in_the_ledger_before_the_broker_hears_of_it(make_stand: Make) -> None:
    on_disk: list[list[str]] = []

    async def place(stand: Stand, approved: Any, intent: Intent, bracket: Sequence[Intent]) -> Any:
        on_disk.append([f.intent.client_order_id for f in stand.intents(OrderKind.ENTRY)])
        return await stand.paper.place(approved, intent, bracket)

    stand = faulty(make_stand, "place", place)
    stand.signal()
    assert on_disk == [stand.at_broker()[:1]]


def test_what_cannot_be_recorded_is_not_sent_and_leaves_the_book_as_it_was(make_stand: Make) -> None:
    stores: list[FullDisk] = []

    def wrap(ledger: Ledger) -> Any:
        stores.append(FullDisk(ledger))
        return stores[-1]

    stand = make_stand(wrap_store=wrap)
    stand.boot()
    stand.bar()
    stores[-1].full = True
    before = stand.book
    with pytest.raises(LedgerFailed, match="disk is full"):
        stand.signal()
    assert stand.at_broker() == []
    assert stand.book is before


def test_a_ledger_without_room_for_a_page_takes_no_order(stand: Stand) -> None:
    stand.ledger.commit()
    raw = stand.ledger._raw
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")

    def trade_until_it_is_full() -> None:
        for _ in range(50):
            stand.bar(want=1)

    with pytest.raises(LedgerFailed, match="nothing is sent that is not recorded"):
        trade_until_it_is_full()
    sent = set(stand.at_broker())
    intended = {i.client_order_id for f in stand.intents(OrderKind.ENTRY) for i in (f.intent, *f.bracket)}
    assert sent <= intended


def test_a_market_order_before_any_price_is_denied(make_stand: Make) -> None:
    stand = make_stand()
    stand.boot()
    stand.signal()
    assert [(d.lots, d.standing) for d in stand.facts(DecisionMade)] == [(0, "input_missing")]


# --- stopped between the decision and the first byte --------------------------------------------------


def test_the_stop_flag_is_read_again_before_the_first_byte(make_stand: Make) -> None:
    switch: list[bool] = []
    stand = make_stand(stopped=lambda: bool(switch))
    stand.boot()
    stand.bar()
    switch.append(True)
    stand.signal()
    assert stand.at_broker() == []
    assert [(f.code, f.client_order_id) for f in stand.facts(OrderRejected)] == [
        ("stopped", stand.intents(OrderKind.ENTRY)[0].intent.client_order_id)
    ]


@dataclass
class Slow:
    """A broker that has to ask something before it can send; all else is the real one's."""

    real: PaperBroker
    asking: Callable[[], None]

    async def prepare(self, intent: Intent) -> None:  # noqa: ARG002
        self.asking()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_the_stop_flag_is_read_after_all_that_the_broker_has_to_ask(make_stand: Make) -> None:
    switch: list[bool] = []
    stand = make_stand(
        stopped=lambda: bool(switch), wrap_broker=lambda broker: Slow(broker, lambda: switch.append(True))
    )
    stand.boot()
    stand.bar()
    stand.signal()
    assert stand.at_broker() == []
    assert [f.code for f in stand.facts(OrderRejected)] == ["stopped"]


def test_an_order_that_cannot_be_prepared_is_not_sent(make_stand: Make) -> None:
    def fail() -> None:
        raise Transient("SPXW261120P05800000: nobody knows it")

    stand = make_stand(wrap_broker=lambda broker: Slow(broker, fail))
    stand.boot()
    stand.bar()
    stand.signal()
    assert stand.at_broker() == []
    assert [(f.code, f.text) for f in stand.facts(OrderRejected)] == [
        ("not_sent", "SPXW261120P05800000: nobody knows it")
    ]


def test_an_order_that_is_prepared_goes_out(make_stand: Make) -> None:
    stand = make_stand(wrap_broker=lambda broker: Slow(broker, lambda: None))
    stand.boot()
    stand.bar()
    stand.signal()
    assert len(stand.at_broker()) == 2


def test_a_stop_does_not_hold_back_an_exit(make_stand: Make) -> None:
    switch: list[bool] = []
    stand = make_stand(stopped=lambda: bool(switch))
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    assert stand.lots == 2
    switch.append(True)
    stand.feed(FlattenRequested(command_id="1", actor="ann", market="", ts_event_utc_ns=stand.now))
    stand.bar()
    assert stand.lots == 0


def test_an_order_whose_lease_went_after_its_commit_is_not_sent(make_stand: Make, tmp_path: Path) -> None:
    """The stop flag is read between the two; the next start knows of the order, and finds that it never arrived."""
    unlinked: list[Path] = []

    def stopped() -> bool:
        unlinked.append(tmp_path / "gamma.db.lock")
        unlinked[-1].unlink()
        return False

    stand = make_stand(stopped=stopped)
    stand.boot()
    stand.bar()
    with pytest.raises(InvariantBroken, match="I11"):
        stand.signal()
    assert len(unlinked) == len(stand.intents(OrderKind.ENTRY)) == 1
    stand.restart()
    assert stand.at_broker() == []
    assert stand.order().state is OrderState.ABSENT


# --- lost answers -----------------------------------------------------------------------------------


def test_a_lost_answer_is_found_by_its_id_and_never_sent_again(make_stand: Make) -> None:
    stand = make_stand(params={"faults": ["lose_answer"]})
    stand.boot()
    stand.bar(want=1)
    entry = stand.order().intent.client_order_id
    assert stand.order().state is OrderState.UNKNOWN
    stand.bar(want=1)
    assert stand.at_broker() == [entry, f"{entry}s"]
    assert stand.lots == 2
    assert len(stand.intents(OrderKind.ENTRY)) == 1


def test_a_request_that_never_arrived_is_proved_absent_and_trading_goes_on(make_stand: Make) -> None:
    stand = make_stand(params={"faults": ["drop_request"]})
    stand.boot()
    stand.bar(want=1)
    lost = stand.order().intent.client_order_id
    stand.reconcile()
    assert stand.book.orders[lost].state is OrderState.ABSENT
    stand.bar(want=1)
    stand.bar()
    assert stand.lots == 2
    assert lost not in stand.at_broker()


async def not_listed(*_: Any) -> Any:
    return NotListed(final=False)


async def lose(*_: Any) -> Any:
    return Lost(text="no answer")


def look(stand: Stand, elapsed_s: list[float], until_s: float) -> OrderState:
    """Three looks, far enough apart by event time, while the process itself has lived no longer than this."""
    elapsed_s[0] = until_s
    for _ in range(3):
        stand.now += MINUTE
        stand.reconcile()
    return stand.order().state


def test_a_leap_of_event_time_proves_no_order_absent(make_stand: Make) -> None:
    elapsed_s = [0.0]
    stand = make_stand(elapsed_s=lambda: elapsed_s[0], capabilities=REMOTE)
    stand.boot()
    stand.bar()
    stand.shell.broker = Faulty(Faulty(stand.shell.broker, "find", not_listed), "place", lose)  # type: ignore[arg-type]
    elapsed_s[0] = 50.0
    stand.signal()
    stop = f"{stand.order().intent.client_order_id}s"
    assert look(stand, elapsed_s, 169.0) is OrderState.UNKNOWN
    assert stand.book.orders[stop].state is OrderState.UNKNOWN
    assert look(stand, elapsed_s, 170.0) is OrderState.ABSENT
    assert stand.book.orders[stop].state is OrderState.ABSENT


def test_an_order_of_an_earlier_life_may_have_left_at_its_very_end(make_stand: Make) -> None:
    elapsed_s = [1000.0]
    stand = make_stand(elapsed_s=lambda: elapsed_s[0], capabilities=REMOTE)
    stand.boot()
    stand.bar()
    stand.shell.broker = Faulty(stand.shell.broker, "place", lose)  # type: ignore[arg-type]
    stand.signal()
    stand.wrap_broker = lambda broker: Faulty(broker, "find", not_listed)
    stand.now += 5 * MINUTE
    elapsed_s[0] = 1.0
    stand.restart()
    assert look(stand, elapsed_s, 119.0) is OrderState.UNKNOWN
    assert look(stand, elapsed_s, 120.0) is OrderState.ABSENT


def test_nothing_new_goes_out_in_a_market_while_an_order_is_unknown(make_stand: Make) -> None:
    stand = make_stand(params={"faults": ["lose_answer"]})
    stand.boot()
    stand.bar()
    stand.signal()
    stand.signal()
    assert len(stand.at_broker()) == 2
    assert stand.facts()[-1].outcome == "unresolved"


@pytest.mark.parametrize("kind", ["raise", "hang", "nonsense"])
def test_an_adapter_that_fails_in_any_way_is_a_lost_answer(make_stand: Make, kind: str) -> None:
    async def place(*_: Any) -> Any:
        if kind == "raise":
            raise KeyError("orderId")
        if kind == "hang":
            await asyncio.Event().wait()
        return {"status": "ok"}

    stand = faulty(make_stand, "place", place)
    stand.signal()
    assert stand.order().state is OrderState.UNKNOWN
    assert len(stand.facts(OrderLost)) == 1


def test_a_lost_cancel_is_told_by_the_order_that_it_was_about(make_stand: Make) -> None:
    stand = make_stand()
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    stop = stand.order(OrderKind.STOP).intent.client_order_id
    stand.paper.faults.append(Fault.LOSE_ANSWER)
    stand.feed(FlattenRequested(command_id="1", actor="ann", market="", ts_event_utc_ns=stand.now))
    assert stand.book.orders[stop].live
    stand.reconcile()
    assert stand.book.orders[stop].state is OrderState.CANCELED
    stand.bar()
    assert stand.lots == 0


def test_an_order_that_filled_unheard_is_not_proved_absent(make_stand: Make) -> None:
    """It is in no list of working orders, and its fill comes late: but the position shows it."""
    deaf = [True]

    async def find(*_: Any) -> Any:
        return NotListed(final=True)

    async def fills_since(marker: str) -> Any:
        return FillPage(fills=[], marker=marker) if deaf else await made.paper.fills_since(marker)

    made = faulty(make_stand, "find", find)
    made.paper.faults.append(Fault.LOSE_ANSWER)
    made.signal()
    entry = made.order().intent.client_order_id
    made.paper.trade_through(bar_of(at=made.now + 5 * MINUTE))
    made.shell.broker = Faulty(made.shell.broker, "fills_since", fills_since)  # type: ignore[arg-type]
    made.reconcile()
    assert made.book.orders[entry].state is OrderState.UNKNOWN
    deaf.clear()
    made.reconcile()
    assert (made.book.orders[entry].state, made.lots) == (OrderState.FILLED, 2)


def test_an_absent_order_that_turns_up_in_the_list_is_adopted_and_cancelled(stand: Stand) -> None:
    stand.paper.faults.append(Fault.LOSE_ANSWER)
    stand.signal()
    entry = stand.order().intent.client_order_id
    stand.feed(OrderMissed(client_order_id=entry, final=True, ts_event_utc_ns=stand.now))
    assert stand.book.orders[entry].state is OrderState.ABSENT
    stand.reconcile()
    assert f"order_late:{entry}" in stand.told()
    assert stand.book.orders[entry].state is OrderState.CANCELED
    assert stand.at_broker()


# --- reads that fail -----------------------------------------------------------------------------------


@pytest.mark.parametrize("read", ["find", "fills_since", "orders", "open_orders", "positions"])
@pytest.mark.parametrize("kind", ["raise", "hang"])
def test_a_read_that_fails_concludes_nothing(make_stand: Make, read: str, kind: str) -> None:
    failing: list[bool] = []

    async def act(stand: Stand, *arguments: Any) -> Any:
        if failing and kind == "hang":
            await asyncio.Event().wait()
        if failing:
            raise ValueError("half a page")
        return await getattr(stand.paper, read)(*arguments)

    stand = faulty(make_stand, read, act)
    stand.paper.faults.append(Fault.LOSE_ANSWER)
    stand.signal()
    failing.append(True)
    if read == "find":
        stand.reconcile()
    else:
        with pytest.raises(Transient):
            stand.reconcile()
    # Where looking for it fails, the list of working orders still shows it.
    asked_before = read in ("fills_since", "positions")
    assert stand.order().state is (OrderState.UNKNOWN if asked_before else OrderState.ACKED)
    failing.clear()
    stand.bar()
    assert stand.lots == 2


# --- fills ---------------------------------------------------------------------------------------------


def test_a_fill_that_the_ledger_has_is_not_fed_again(stand: Stand) -> None:
    stand.signal()
    stand.bar()
    assert stand.lots == 2
    stand.restart()
    stand.restart()
    assert stand.lots == 2
    assert len(stand.facts(OrderFilled)) == len(stand.truth()[1]) == 1


def test_a_fill_that_was_not_committed_is_heard_again(stand: Stand) -> None:
    stand.signal()
    stand.bar()
    stand.crash()
    stand.open()
    assert stand.lots == 0
    stand.boot()
    assert stand.lots == 2
    stand.refold()


# --- orders that are not ours ------------------------------------------------------------------------------


def strange(client_order_id: str) -> Intent:
    return Intent(
        client_order_id=client_order_id,
        decision_id="x",
        strategy="x",
        market="MNQ",
        kind=OrderKind.ENTRY,
        order_type=OrderType.LIMIT,
        side=1,
        lots=1,
        price_ticks=PRICE - 400,
    )


def test_an_order_under_an_id_of_ours_that_we_never_issued_halts(stand: Stand) -> None:
    intent = strange(f"{stand.book.client_id_prefix}9-0")
    assert isinstance(asyncio.run(stand.paper.place(approve(intent), intent, [])), Accepted)
    stand.reconcile()
    assert [h.reason for h in stand.book.halts.values()] == ["position_mismatch"]
    assert stand.book.state == "HALTED"
    stand.reconcile()
    assert len(stand.facts(ForeignOrderSeen)) == 1
    stand.signal()
    assert stand.at_broker() == [intent.client_order_id]


def test_an_order_of_a_stranger_is_told_and_does_not_halt(stand: Stand) -> None:
    intent = strange("by-hand-1")
    asyncio.run(stand.paper.place(approve(intent), intent, []))
    stand.reconcile()
    assert stand.book.halts == {}
    assert any(key.startswith("order_foreign") for key in stand.told())


# --- a crash between two steps --------------------------------------------------------------------------------


def test_an_order_that_was_about_to_be_sent_is_unknown_after_a_crash_and_then_found(stand: Stand) -> None:
    stand.signal()
    stand.restart()
    assert stand.order().state is OrderState.ACKED
    stand.bar()
    assert stand.lots == 2
    stand.refold()


def test_an_order_that_was_recorded_and_never_sent_is_absent_after_a_crash(make_stand: Make) -> None:
    class Died(BaseException):
        pass

    async def die(*_: Any) -> Any:
        raise Died

    stand = faulty(make_stand, "place", die)
    with pytest.raises(Died):
        stand.signal()
    lost = stand.intents(OrderKind.ENTRY)[0].intent.client_order_id
    stand.wrap_broker = lambda broker: broker
    stand.restart()
    assert stand.book.orders[lost].state is OrderState.ABSENT
    assert stand.at_broker() == []
    stand.bar(want=1)
    assert len(stand.at_broker()) == 2


# --- observers ---------------------------------------------------------------------------------------------------


def test_an_observer_that_raises_does_not_hold_back_an_order(make_stand: Make) -> None:
    class Broken:
        def recorded(self, fact: Recorded, book: object) -> None:  # noqa: ARG002
            raise OSError("no such pipe")

        def answered(self, answer: object) -> None:  # noqa: ARG002
            raise OSError("no such pipe")

    stand = make_stand(observers=[Broken()])
    stand.boot()
    stand.bar()
    stand.signal()
    stand.bar()
    assert stand.lots == 2


def test_a_hard_halt_lets_no_exit_out_and_says_so(make_stand: Make) -> None:
    stand = make_stand()
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    halt = HaltRequested(command_id="h", actor="ann", text="look", level=Level.HALTED, ts_event_utc_ns=stand.now)
    stand.feed(halt, FlattenRequested(command_id="f", actor="ann", market="", ts_event_utc_ns=stand.now))
    stand.bar()
    stand.bar()
    assert stand.lots == 2
    assert [a.ok for a in stand.heard.answers] == [True, False]
