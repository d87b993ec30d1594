"""The life of one order: whatever the broker says of it, in any order, the engine takes it where its life may go.

Beside the engine stands a table of what each word of the broker's means in each state, written out by hand from
the life of an order in the concepts. Nothing of the engine's is asked for it.
"""

from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gamma.effects import Effect, Send
from gamma.events import OrderIntended, OrderKind, OrderReplaced, OrderState
from gamma.orders import Order
from tests.engine_case import PRICE, Case, S, strategy_rules

LOTS = 4
QUIET_S, SPACING_S, LOOKS, DEADLINE_S = 120, 20, 3, 900
PENDING, UNKNOWN, QUARANTINED = OrderState.PENDING, OrderState.UNKNOWN, OrderState.QUARANTINED
ACKED, PARTIAL, FILLED = OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED
CANCELED, EXPIRED, REJECTED, ABSENT = OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABSENT
OPEN = (PENDING, UNKNOWN, QUARANTINED)
LIVE = (ACKED, PARTIAL)
ENDS = (FILLED, CANCELED, EXPIRED, REJECTED, ABSENT)

# What a word makes of each state; where a state is not listed, the word changes nothing.
WORDS = {
    "accepted": dict.fromkeys((*OPEN, ABSENT), ACKED),
    "lost": {PENDING: UNKNOWN},
    "canceled": dict.fromkeys((*OPEN, *LIVE), CANCELED),
    "expired": dict.fromkeys((*OPEN, *LIVE), EXPIRED),
    "rejected": {**dict.fromkeys((*OPEN, ACKED), REJECTED), PARTIAL: CANCELED},
    "missed for good": dict.fromkeys((UNKNOWN, QUARANTINED), ABSENT),
    "resolved as absent": dict.fromkeys((UNKNOWN, QUARANTINED), ABSENT),
    "resolved as filled": dict.fromkeys((UNKNOWN, QUARANTINED), ACKED),
    "a start": {PENDING: UNKNOWN},
    "time is up": dict.fromkeys((PENDING, UNKNOWN), QUARANTINED),
}


class OneOrder(RuleBasedStateMachine):
    """One entry of four lots, without a bracket, and all that can be said of it."""

    def __init__(self) -> None:
        super().__init__()
        self.case = Case(strategy_rules(lots=LOTS), strategy_rules("beta", lots=1))
        self.state = PENDING
        self.filled = 0
        self.executions: list[str] = []
        self.looks: list[int] = []
        self.unseen: list[int] = []
        """Looks that did not show it though it works; a word of it makes them void."""
        self.price = 0
        self.sent_at = self.deadline = 0
        self.cid = ""

    @initialize(limit=st.booleans(), word=st.sampled_from(["accepted", "lost", "lost", ""]))
    def send(self, limit: bool, word: str) -> None:
        self.case.session()
        self.case.bar()
        self.case.signal(stop=0, target=0, price=PRICE if limit else 0)
        [sent] = self.case.out
        self.cid, self.price = sent.intent.client_order_id, sent.intent.price_ticks
        self.sent_at, self.deadline = self.case.now, self.case.now + DEADLINE_S * S
        if word:
            self.broker_says(word=word)

    @property
    def order(self) -> Order | None:
        return self.case.book.orders.get(self.cid)

    def hear(self, word: str) -> None:
        """What the word makes of the order; time may have been up before it came."""
        if self.state in (PENDING, UNKNOWN) and self.case.now >= self.deadline:
            self.state = WORDS["time is up"][self.state]
        self.state = WORDS.get(word, {}).get(self.state, self.state)

    # --- what is said of it -------------------------------------------------------------------------

    @rule(word=st.sampled_from(["accepted", "lost", "canceled", "expired", "rejected"]))
    def broker_says(self, word: str) -> None:
        {
            "accepted": lambda: self.case.accept(self.cid),
            "lost": lambda: self.case.lose(self.cid),
            "canceled": lambda: self.case.canceled(self.cid),
            "expired": lambda: self.case.canceled(self.cid, expired=True),
            "rejected": lambda: self.case.reject(self.cid),
        }[word]()
        if word == "accepted" and self.state in LIVE:
            self.unseen.clear()
        self.hear(word)

    @rule(lots=st.integers(1, LOTS), again=st.booleans())
    def execute(self, lots: int, again: bool) -> None:
        """An execution, new or told before."""
        twice = again and bool(self.executions)
        lots = min(lots, LOTS - self.filled)
        if not (twice or lots):
            return
        execution = self.executions[-1] if twice else f"e{len(self.executions)}"
        self.case.fill(self.cid, lots or 1, PRICE, execution=execution)
        self.hear("a fill")
        if not twice:
            self.unseen.clear()
            self.executions.append(execution)
            self.filled += lots
            if self.filled == LOTS:
                self.state = FILLED
            elif self.state not in (CANCELED, EXPIRED):
                self.state = PARTIAL

    @rule(final=st.booleans(), seconds=st.sampled_from([0.001, 19, 20, 41, 81]), times=st.integers(1, 6))
    def not_listed(self, final: bool, seconds: float, times: int) -> None:
        for n in range(times):
            self.look(final=final and n == times - 1, seconds=seconds)

    def look(self, *, final: bool, seconds: float) -> None:
        self.case.wait(seconds)
        self.hear("a look")
        asked = self.state in (UNKNOWN, QUARANTINED)
        self.case.miss(self.cid, final=final)
        if self.state in LIVE and not final:
            self.unseen.append(self.case.now)
        if not asked:
            return
        self.looks.append(self.case.now)
        if final or (apart(self.looks) >= LOOKS and self.case.now - self.sent_at >= QUIET_S * S):
            self.hear("missed for good")

    @rule(outcome=st.sampled_from(["absent", "filled", "gone"]))
    def a_person_says(self, outcome: str) -> None:
        self.hear("a question")
        answered = self.case.resolve(self.cid, outcome)
        over = self.state in LIVE and outcome == "absent" and apart(self.unseen) >= LOOKS
        assert answered.ok == (over or (self.state in (UNKNOWN, QUARANTINED) and outcome != "gone"))
        self.hear("canceled" if over else f"resolved as {outcome}")

    @precondition(lambda self: self.price)
    @rule(price=st.integers(PRICE - 8, PRICE + 8))
    def moved(self, price: int) -> None:
        self.case.do(OrderReplaced(client_order_id=self.cid, price_ticks=price, ts_event_utc_ns=self.case.now))
        self.hear("a move")
        if self.state not in ENDS:
            self.price = price

    @rule(seconds=st.sampled_from([0.001, 5, 19, 20, 21, 119, 121, 500]))
    def wait(self, seconds: float) -> None:
        self.case.wait(seconds)
        self.hear("time")

    @rule()
    def start_again(self) -> None:
        self.case.restart()
        # A start is a fact of its own: what was pending is unknown before its time can be up.
        self.state = WORDS["a start"].get(self.state, self.state)
        self.hear("a start")

    @rule(side=st.sampled_from([1, -1]), strategy=st.sampled_from(["alpha", "beta"]))
    def another_signal(self, side: int, strategy: str) -> None:
        """While its fate is open nothing new goes out in its market, nor of its strategy beside it."""
        self.hear("a signal")
        came = self.case.signal(side, strategy=strategy, stop=0, target=0)
        if self.state in OPEN or (strategy == "alpha" and (self.state in LIVE or self.filled)):
            assert not entries(came), "a new entry beside one whose fate is open"
        for sent in entries(came):
            self.case.reject(sent.intent.client_order_id)

    # --- what must hold -----------------------------------------------------------------------------

    @invariant()
    def it_is_where_its_life_may_have_taken_it(self) -> None:
        if not self.cid:
            return
        order = self.order
        if order is None:
            assert self.state in ENDS, "an order that is not over is forgotten"
            return
        assert order.state is self.state
        assert order.filled_lots == self.filled
        assert order.left_lots == (0 if self.state in ENDS else LOTS - self.filled)
        assert order.price_ticks == self.price
        assert order.unresolved == (self.state in OPEN)

    @invariant()
    def its_id_stands_in_one_intent(self) -> None:
        intents = [f for f in self.case.of(OrderIntended) if f.intent.client_order_id == self.cid]
        assert len(intents) == bool(self.cid)

    @invariant()
    def every_lot_is_accounted_for(self) -> None:
        bought = sum(p.lots for p in self.case.book.positions.values())
        assert bought == self.filled * (1 if self.cid else 0), "a lot too many or too few"

    def teardown(self) -> None:
        self.case.refold()


def apart(looks_utc_ns: Sequence[int]) -> int:
    """How many of the looks count, each long enough after the last that did."""
    count, last = 0, -SPACING_S * S
    for look in looks_utc_ns:
        if look - last >= SPACING_S * S:
            count, last = count + 1, look
    return count


def entries(came: Sequence[Effect]) -> list[Send]:
    return [e for e in came if isinstance(e, Send) and e.intent.kind is OrderKind.ENTRY]


TestOneOrder = OneOrder.TestCase
TestOneOrder.settings = settings(stateful_step_count=30, suppress_health_check=list(HealthCheck))
