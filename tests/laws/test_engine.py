"""The engine against a broker and a network that do their worst: what must hold after every event, and in the end.

The broker here is a simple one of our own. It may lose what it is sent, or its answer; fill in part, late, twice
and out of order; refuse, cancel and expire; forget to take back the other half of a bracket. The engine may crash
at any time. After it all, with no more faults, the account must come to rest: flat, with nothing at work.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gamma.book import Book, owner
from gamma.effects import Ask, Send
from gamma.events import (
    Event,
    Fill,
    Halted,
    Intent,
    Level,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderRejected,
    OrderReplaced,
    OrderState,
    OrderType,
    PositionsCompared,
)
from gamma.exits import ExitRule
from gamma.floor import FloorRule, TrailsOn
from gamma.guards import Action
from gamma.markets import MICRO
from gamma.views import View
from tests.engine_case import MNQ, PRICE, Case, S, Wire, setup_of, strategy_rules

LOTS = 3
NAMES = ("alpha", "beta")


@dataclass(slots=True)
class Working:
    """An order at the broker: `held` until its entry fills, then at work, then over."""

    intent: Intent
    left: int
    held: bool
    filled: int = 0
    over: bool = False
    price: int = 0


class Broker:
    """What really happened."""

    def __init__(self) -> None:
        self.orders: dict[str, Working] = {}
        self.lots = 0
        self.executions = 0

    def place(self, send: Send) -> None:
        for intent in (send.intent, *send.bracket):
            assert intent.client_order_id not in self.orders, "an order was sent twice"
            held = intent.client_order_id != send.intent.client_order_id
            self.orders[intent.client_order_id] = Working(
                intent=intent, left=intent.lots, held=held, price=intent.price_ticks
            )

    def end(self, client_order_id: str) -> bool:
        """Cancel an order, and the bracket of an entry that did not fill; False when there is nothing to cancel."""
        order = self.orders.get(client_order_id)
        if order is None or order.over:
            return False
        order.over = True
        if not order.filled:
            for child in self.children(client_order_id):
                child.over = True
        return True

    def children(self, client_order_id: str) -> list[Working]:
        return [o for o in self.orders.values() if o.intent.parent == client_order_id]

    def at_work(self) -> list[Working]:
        return [o for o in self.orders.values() if not o.over and not o.held]

    def fill(self, order: Working, lots: int, price: int, *, both_halves: bool) -> Fill:
        """Execute; the other half of a bracket shrinks with the first, unless the broker forgets."""
        intent = order.intent
        order.left, order.filled = order.left - lots, order.filled + lots
        order.over = order.left == 0
        for child in self.children(intent.client_order_id):
            child.held = False
        if intent.parent and not both_halves:
            for other in self.children(intent.parent):
                if other is not order:
                    other.left = max(0, other.left - lots)
                    other.over = other.over or other.left == 0
        self.lots += intent.side * lots
        self.executions += 1
        return Fill(
            execution_id=f"x{self.executions}",
            client_order_id=intent.client_order_id,
            market="MNQ",
            side=intent.side,
            lots=lots,
            price_ticks=price,
            fee_microusd=600_000 * lots,
            ts_event_utc_ns=0,
        )


def deep(view: View) -> bool:
    """An open loss of 150 usd and more."""
    return bool(view.account.balance_usd - view.account.equity_usd >= 150)


def rules_under_test() -> Case:
    exits = ExitRule(break_even_r=1.0, trail_from_r=1.5, trail_atr=1.0, time_bars=4)
    wire = Wire(when=deep, action=Action.FLATTEN_AND_HALT)
    rule = FloorRule(drawdown_microusd=2_500 * MICRO, trails_on=TrailsOn.INTRADAY)
    alpha = strategy_rules("alpha", lots=LOTS, exits=exits, guards=[("wire", wire)])
    return Case(alpha, strategy_rules("beta", lots=LOTS), setup=setup_of(floor_rule=rule))


class Trading(RuleBasedStateMachine):
    """Everything that can happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.case = rules_under_test()
        self.broker = Broker()
        self.price = PRICE
        self.seen = 0
        self.proved = 0
        self.waiting: list[Send | Ask] = []
        self.inbox: list[Event] = []
        self.heard: list[OrderFilled] = []
        self.owners: Counter[str] = Counter()

    # --- the way in, under watch ------------------------------------------------------------------

    def tell(self, *events: Event) -> None:
        """Take events through the engine; what it sends is looked at, and waits to be carried out."""
        for event in events:
            if isinstance(event, OrderFilled) and event.fill.execution_id not in self.case.book.executions:
                self.heard.append(event)
                self.owners[owner(self.case.book, event.fill)] += event.fill.side * event.fill.lots
            before = self.case.book
            self.case.do(replace(event, ts_event_utc_ns=self.case.now))
            self.look(before)

    def look(self, before: Book) -> None:
        """What went out since the last look had every right to."""
        fresh, self.seen = self.case.out[self.seen :], len(self.case.out)
        self.waiting.extend(fresh)
        now = before.at(self.case.now)
        lifted = {k: h for k, h in now.halts.items() if not 0 < h.until_utc_ns <= self.case.now}
        for n, sent in enumerate(fresh):
            intent, book = sent.intent, replace(now, halts=lifted)
            key = (intent.strategy, intent.market)
            if intent.kind is OrderKind.ENTRY:
                assert not book.barred(*key), "new risk under a halt"
                assert not book.unresolved(intent.market), "new risk while an order is unknown"
                assert not book.position(*key).lots
                assert not [o for o in book.orders.values() if o.intent.strategy == intent.strategy and o.left_lots]
            elif intent.kind is OrderKind.EXIT:
                assert not self.open_questions(fresh[n:]), "an exit while an order is unknown"
                held = self.case.book.position(*key)
                assert not self.case.book.frozen(*key), "an exit under HALTED"
                assert intent.side == -held.side
                assert intent.lots <= abs(held.lots), "an exit past flat"
            elif intent.kind is OrderKind.CANCEL:
                subject = self.case.book.orders[intent.subject]
                if subject.intent.kind is OrderKind.STOP and self.case.book.position(*key).side == -subject.intent.side:
                    assert not self.case.book.frozen(*key), "a stop was taken from a position that cannot leave"

    def open_questions(self, sent: Sequence[Send | Ask]) -> set[str]:
        """Orders that have no answer yet, but for those that are just now on their way."""
        return {c for c, o in self.case.book.orders.items() if o.unresolved} - {s.intent.client_order_id for s in sent}

    # --- the market -------------------------------------------------------------------------------

    @initialize()
    def open(self) -> None:
        self.case.session("2026-03-02")
        self.case.bar()
        self.look(self.case.book)

    @rule(move=st.integers(-60, 60), wick=st.integers(0, 30))
    def bar(self, move: int, wick: int) -> None:
        self.price += move
        before = self.case.book
        self.case.bar(self.price, high=self.price + wick, low=self.price - wick)
        self.look(before)

    @rule(seconds=st.sampled_from([0.001, 1, 6, 30, 130, 1_000]))
    def wait(self, seconds: float) -> None:
        before = self.case.book
        self.case.wait(seconds)
        self.look(before)

    @precondition(lambda self: not self.case.book.halts)
    @rule(
        strategy=st.sampled_from(NAMES),
        side=st.sampled_from([1, -1]),
        stop=st.sampled_from([0, 20, 40]),
        profit=st.sampled_from([0, 60]),
        limit=st.booleans(),
    )
    def signal(self, strategy: str, side: int, stop: int, profit: int, limit: bool) -> None:
        before = self.case.book
        price = self.price - side * 4 if limit else 0
        self.case.signal(side, strategy=strategy, stop=stop, target=profit, price=price)
        self.look(before)

    @precondition(lambda self: not self.case.book.halts)
    @rule(strategy=st.sampled_from(NAMES), side=st.sampled_from([1, -1]), lots=st.integers(1, LOTS))
    def enter(self, strategy: str, side: int, lots: int) -> None:
        """Without a hitch: a signal, its order, and its fill."""
        self.signal(strategy=strategy, side=side, stop=40, profit=60, limit=False)
        sent = [w.intent.client_order_id for w in self.waiting if w.intent.kind is OrderKind.ENTRY]
        self.run_smoothly()
        for entry in sent:
            order = self.broker.orders[entry]
            fill = self.broker.fill(order, lots, self.price, both_halves=False)
            self.tell(OrderFilled(fill=fill, ts_event_utc_ns=0))

    # --- the broker -------------------------------------------------------------------------------

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 9), fate=st.sampled_from(["done", "done", "done", "refused", "lost", "no answer"]))
    def carry(self, which: int, fate: str) -> None:
        """What was sent arrives and is answered, is refused, or is lost on the way there or on the way back."""
        sent = self.waiting.pop(which % len(self.waiting))
        cid = sent.intent.client_order_id
        if fate == "refused":
            self.inbox.append(OrderRejected(client_order_id=cid, code="no", text="", ts_event_utc_ns=0))
            return
        done = fate == "lost" or self.arrive(sent)
        if fate in ("lost", "no answer"):
            self.inbox.append(OrderLost(client_order_id=cid, text="", ts_event_utc_ns=0))
        elif done:
            self.inbox.extend(self.answers(sent))
        else:
            self.inbox.append(OrderRejected(client_order_id=cid, code="gone", text="", ts_event_utc_ns=0))

    def arrive(self, sent: Send | Ask) -> bool:
        intent = sent.intent
        if isinstance(sent, Send):
            self.broker.place(sent)
            return True
        if intent.kind is OrderKind.CANCEL:
            return self.broker.end(intent.subject)
        order = self.broker.orders[intent.subject]
        order.price = order.price if order.over else intent.price_ticks
        return not order.over

    def answers(self, sent: Send | Ask) -> list[Event]:
        intent = sent.intent
        if isinstance(sent, Send):
            ids = [intent.client_order_id, *(c.client_order_id for c in sent.bracket)]
            return [OrderAccepted(client_order_id=i, broker_order_id="b", ts_event_utc_ns=0) for i in ids]
        accepted = OrderAccepted(client_order_id=intent.client_order_id, broker_order_id="", ts_event_utc_ns=0)
        if intent.kind is OrderKind.CANCEL:
            return [accepted, *self.over(intent.subject)]
        moved = OrderReplaced(client_order_id=intent.subject, price_ticks=intent.price_ticks, ts_event_utc_ns=0)
        return [accepted, moved]

    def over(self, client_order_id: str) -> list[Event]:
        """The broker's word that an order is over, once each of its fills was heard; fills come first, always."""
        order, known = self.broker.orders[client_order_id], self.case.book.orders.get(client_order_id)
        if not order.over or known is None or known.filled_lots < order.filled or not known.left_lots:
            return []
        return [OrderCanceled(client_order_id=client_order_id, ts_event_utc_ns=0)]

    @precondition(lambda self: self.inbox)
    @rule(which=st.integers(0, 9), twice=st.booleans())
    def hear(self, which: int, twice: bool) -> None:
        """One answer comes in, out of its order, and perhaps twice."""
        event = self.inbox.pop(which % len(self.inbox))
        self.tell(event)
        if twice:
            self.tell(event)

    @precondition(lambda self: self.broker.at_work())
    @rule(which=st.integers(0, 9), lots=st.integers(1, LOTS), slip=st.integers(-4, 4), both_halves=st.booleans())
    def execute(self, which: int, lots: int, slip: int, both_halves: bool) -> None:
        """An order fills, wholly or in part; that is heard later."""
        working = self.broker.at_work()
        order = working[which % len(working)]
        price = self.price + slip if order.intent.order_type is OrderType.MARKET else order.price
        fill = self.broker.fill(order, min(lots, order.left), price, both_halves=both_halves)
        self.inbox.append(OrderFilled(fill=fill, ts_event_utc_ns=0))

    @precondition(lambda self: self.broker.at_work())
    @rule(which=st.integers(0, 9))
    def take_back(self, which: int) -> None:
        """The broker ends an order by itself."""
        working = self.broker.at_work()
        self.broker.end(working[which % len(working)].intent.client_order_id)

    @rule(which=st.integers(0, 9), final=st.booleans())
    def ask(self, which: int, final: bool) -> None:
        """Reconcile asks what became of one order; a broker that has it says so, one that does not, that it has not."""
        asked = [c for c, o in self.case.book.orders.items() if o.moves_position and o.state is not OrderState.PENDING]
        if asked:
            self.tell(*self.truth(asked[which % len(asked)], final=final))

    @rule()
    def compare(self) -> None:
        """Reconcile holds the broker's position against the book's; fills may be on their way."""
        if not self.case.book.unresolved("MNQ"):
            book_lots, broker_lots = self.case.book.lots("MNQ"), self.broker.lots
            compared = PositionsCompared(market="MNQ", book_lots=book_lots, broker_lots=broker_lots, ts_event_utc_ns=0)
            self.tell(compared)

    def truth(self, client_order_id: str, *, final: bool) -> list[Event]:
        order = self.broker.orders.get(client_order_id)
        if order is None:
            return [OrderMissed(client_order_id=client_order_id, final=final, ts_event_utc_ns=0)]
        accepted = OrderAccepted(client_order_id=client_order_id, broker_order_id="b", ts_event_utc_ns=0)
        return [accepted, *self.over(client_order_id)]

    @precondition(lambda self: self.waiting or self.inbox)
    @rule()
    def run_smoothly(self) -> None:
        """For once all that was sent arrives, and all that came of it is heard, in its order."""
        for sent in self.waiting:
            cid = sent.intent.client_order_id
            gone = OrderRejected(client_order_id=cid, code="gone", text="", ts_event_utc_ns=0)
            self.inbox.extend(self.answers(sent) if self.arrive(sent) else [gone])
        self.waiting = []
        self.hear_all()

    # --- people and crashes -----------------------------------------------------------------------

    @rule(
        what=st.sampled_from(["halt", "freeze", "halt beta", "flatten", "trade by hand", "crash", "crash"]),
        odd=st.booleans(),
    )
    def trouble(self, what: str, odd: bool) -> None:
        """What a person does, and what a machine does."""
        before = self.case.book
        if what == "halt":
            self.case.halt()
        elif what == "freeze":
            self.case.halt(level=Level.HALTED)
        elif what == "halt beta":
            self.case.halt(level=Level.HALTED, scope="strategy", target="beta")
        elif what == "flatten":
            self.case.flatten()
        elif what == "trade by hand":
            self.trade_by_hand(1 if odd else -1)
        else:
            self.crash(arrived=odd)
            before = self.case.book
        self.look(before)

    @precondition(lambda self: self.case.book.halts)
    @rule(rebase=st.booleans())
    def resume(self, rebase: bool) -> None:
        for halt in list(self.case.book.halts):
            before = self.case.book
            self.case.resume(halt, rebase=rebase)
            self.look(before)

    def trade_by_hand(self, side: int) -> None:
        """A person trades a lot at the broker's own screen."""
        self.broker.executions += 1
        self.broker.lots += side
        fill = Fill(
            execution_id=f"x{self.broker.executions}",
            client_order_id="",
            market="MNQ",
            side=side,
            lots=1,
            price_ticks=self.price,
            fee_microusd=0,
            ts_event_utc_ns=0,
        )
        self.inbox.append(OrderFilled(fill=fill, ts_event_utc_ns=0))

    def crash(self, *, arrived: bool) -> None:
        """The daemon dies with orders on their way: they arrived, or they did not. Nobody hears the answers."""
        for sent in self.waiting:
            if arrived:
                self.arrive(sent)
        self.waiting = []
        self.inbox = [e for e in self.inbox if isinstance(e, OrderFilled)]
        self.case.restart()
        assert not [o for o in self.case.book.orders.values() if o.state is OrderState.PENDING]

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def every_law_holds(self) -> None:
        self.the_ledger_tells_the_same_book()
        self.the_position_is_the_sum_of_its_fills()
        self.the_money_is_the_sum_of_its_fills()
        self.what_a_stop_was_to_cover_is_covered_or_on_its_way_out()
        self.what_nobody_decided_is_on_its_way_out()
        self.absence_was_proved()
        assert len(self.case.told) >= len(self.case.of(Halted)), "a halt was not told"

    def the_ledger_tells_the_same_book(self) -> None:
        self.case.refold()

    def the_position_is_the_sum_of_its_fills(self) -> None:
        held = Counter({strategy: p.lots for (strategy, _), p in self.case.book.positions.items() if p.lots})
        assert held == Counter({name: lots for name, lots in self.owners.items() if lots})

    def the_money_is_the_sum_of_its_fills(self) -> None:
        fills = [e.fill for e in self.heard]
        paid = -sum(f.side * f.lots * f.price_ticks for f in fills)
        kept = sum(p.side * lots * price for p in self.case.book.positions.values() for lots, price in p.lots_open)
        money = self.case.book.money
        assert money.realised_microusd == (paid + kept) * MNQ.tick_value_microusd
        assert money.fees_microusd == sum(f.fee_microusd for f in fills)
        closed = sum(t.pnl_microusd for t in self.case.trades)
        opened = sum(p.pnl_microusd - p.fees_microusd for p in self.case.book.positions.values())
        assert closed + opened == money.realised_microusd - money.fees_microusd

    def what_a_stop_was_to_cover_is_covered_or_on_its_way_out(self) -> None:
        book = self.case.book
        for position in book.positions.values():
            stops = [o for o in book.orders.values() if o.intent.parent in position.entry_ids]
            stops = [o for o in stops if o.intent.kind is OrderKind.STOP]
            if stops and not position.exit_reason:
                assert sum(o.left_lots for o in stops) >= abs(position.lots)

    def what_nobody_decided_is_on_its_way_out(self) -> None:
        """What came late, by overshooting, or against a halt is being closed or cancelled."""
        book, now = self.case.book, self.case.now
        absent = {f.client_order_id for f in self.case.of(OrderAbsent)}
        for position in book.positions.values():
            if position.strategy and (not position.entry_ids or absent & set(position.entry_ids)):
                assert position.exit_reason, "nobody decided on this position"
        for cid, order in book.orders.items():
            barred = cid in absent or book.barred(order.intent.strategy, order.intent.market)
            if order.live and order.intent.kind is OrderKind.ENTRY and barred:
                assert order.ts_cancel_utc_ns, "an entry works that should not"
            waits = order.unresolved and order.state is not OrderState.QUARANTINED
            assert not waits or order.deadline_utc_ns > now, "an order is unknown past its deadline"

    def absence_was_proved(self) -> None:
        """By one final look, or by three that lie 20 s apart, 120 s after the order was made."""
        for fact in self.case.facts[self.proved :]:
            if isinstance(fact, OrderAbsent):
                missed = [m for m in self.case.of(OrderMissed) if m.client_order_id == fact.client_order_id]
                times = [m.ts_event_utc_ns for m in missed]
                apart = any(
                    b - a >= 20 * S and c - b >= 20 * S for a in times for b in times for c in times if a < b < c
                )
                sent = next(i.intent for i in self.case.out if self.is_of(i, fact.client_order_id)).ts_event_utc_ns
                assert missed[-1].final or (apart and fact.ts_event_utc_ns - sent >= 120 * S), "absence without proof"
        self.proved = len(self.case.facts)

    def is_of(self, sent: Send | Ask, client_order_id: str) -> bool:
        bracket = sent.bracket if isinstance(sent, Send) else ()
        return client_order_id in {sent.intent.client_order_id, *(c.client_order_id for c in bracket)}

    # --- and in the end ---------------------------------------------------------------------------

    def teardown(self) -> None:
        """No more faults: all is carried out and heard, all halts are lifted, and everything is to be closed."""
        for _ in range(60):
            self.settle()
            book = self.case.book
            if self.at_rest(book):
                break
            for halt in list(book.halts):
                self.case.resume(halt, rebase=True)
            self.case.flatten()
            self.case.wait(30)
            self.look(book)
        assert self.broker.lots == self.case.book.lots("MNQ") == 0, "not flat in the end"
        assert not self.case.book.positions
        assert not [o for o in self.broker.orders.values() if not o.over], "something still works at the broker"
        assert not self.case.book.unresolved("MNQ")
        self.the_ledger_tells_the_same_book()
        self.the_money_is_the_sum_of_its_fills()

    def at_rest(self, book: Book) -> bool:
        working = [o for o in self.broker.orders.values() if not o.over]
        return not working and not book.positions and not self.inbox and all(o.ended for o in book.orders.values())

    def settle(self) -> None:
        """Carry out and hear everything; market orders fill whole, and reconcile tells the truth."""
        busy = True
        while busy:
            self.run_smoothly()
            at_market = [o for o in self.broker.at_work() if o.intent.order_type is OrderType.MARKET]
            for order in at_market:
                fill = self.broker.fill(order, order.left, self.price, both_halves=False)
                self.inbox.append(OrderFilled(fill=fill, ts_event_utc_ns=0))
            busy = bool(at_market or self.waiting or self.inbox)
        for cid, known in list(self.case.book.orders.items()):
            turned_up = known.state is OrderState.ABSENT and cid in self.broker.orders
            if turned_up or (known.moves_position and not known.ended):
                self.tell(*self.truth(cid, final=True))
        self.compare()

    def hear_all(self) -> None:
        fills: Sequence[Event] = [e for e in self.inbox if isinstance(e, OrderFilled)]
        rest = [e for e in self.inbox if not isinstance(e, OrderFilled)]
        self.inbox = []
        self.tell(*fills, *rest)


TestTrading = Trading.TestCase
TestTrading.settings = settings(stateful_step_count=40, suppress_health_check=list(HealthCheck))
