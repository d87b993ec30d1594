"""The book against plain bookkeeping: legal facts in any order, and sums kept lot by lot beside it.

No engine here: a fact that the ledger may hold is folded in as it comes, of any strategy and market, in a real
ledger; and the model counts each lot by itself.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gamma.book import Book, durable, fold, open_book
from gamma.codec import decode_event, encode_event
from gamma.events import (
    Armed,
    BalanceCompared,
    BootStarted,
    DayStarted,
    EquityMarked,
    ExitWanted,
    Fill,
    ForeignOrderSeen,
    Halt,
    Halted,
    Intent,
    Level,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderQuarantined,
    OrderRejected,
    OrderReplaced,
    OrderState,
    OrderType,
    PeakRebased,
    PositionsCompared,
    Recorded,
    Resumed,
    Trade,
    TradeClosed,
)
from gamma.ledger import Ledger
from gamma.recovery import recover
from tests.engine_case import MES, MINUTE, MNQ, PRICE, T0, S, rules_of, setup_of, strategy_rules

SETUP = setup_of()
RULES = rules_of(strategy_rules("alpha"), strategy_rules("beta"), strategy_rules("gold", traded=MES))
TRADED = {"alpha": MNQ, "beta": MNQ, "gold": MES}
FEE_MICROUSD = 600_000
NAMES, SIDES, MOVES = st.sampled_from(list(TRADED)), st.sampled_from([1, -1]), st.integers(-50, 50)
PENDING, UNKNOWN, QUARANTINED = OrderState.PENDING, OrderState.UNKNOWN, OrderState.QUARANTINED
OPEN = (PENDING, UNKNOWN, QUARANTINED)
LIVE = (OrderState.ACKED, OrderState.PARTIAL)
# What can be said of an order in which states, and what it is then: alone, or with its bracket.
HEARD: dict[str, tuple[OrderState, ...]] = {
    "accepted": (*OPEN, OrderState.ABSENT),
    "lost": (PENDING,),
    "canceled": (*OPEN, *LIVE),
    "expired": (*OPEN, *LIVE),
    "replaced": LIVE,
    "rejected": (*OPEN, OrderState.ACKED),
    "missed": (UNKNOWN, QUARANTINED),
    "absent": (UNKNOWN, QUARANTINED),
    "quarantined": (UNKNOWN,),
}
OF_ONE = {"accepted": OrderState.ACKED, "canceled": OrderState.CANCELED, "expired": OrderState.EXPIRED}
OF_A_BRACKET = {
    "lost": UNKNOWN,
    "rejected": OrderState.REJECTED,
    "absent": OrderState.ABSENT,
    "quarantined": QUARANTINED,
}
FOLLOWS = {UNKNOWN: (PENDING,), QUARANTINED: (UNKNOWN,), OrderState.REJECTED: OPEN, OrderState.ABSENT: OPEN}


@dataclass
class Lots:
    """One strategy's lots in one market, each by itself: (side, price), the oldest first."""

    held: deque[tuple[int, int]] = field(default_factory=deque)
    trip_microusd: int = 0
    realised_microusd: int = 0
    fees_microusd: int = 0

    @property
    def net(self) -> int:
        return sum(side for side, _ in self.held)

    def trade(self, side: int, price: int, tick_microusd: int) -> None:
        if self.held and self.held[0][0] == -side:
            _, opened = self.held.popleft()
            self.realised_microusd += (opened - price) * side * tick_microusd
        else:
            self.held.append((side, price))


@dataclass
class Known:
    """An order as the model has it."""

    intent: Intent
    state: OrderState = PENDING
    filled: int = 0


class Bookkeeping(RuleBasedStateMachine):
    """Facts, in any legal order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.ledger = Ledger.open("sqlite://", account="DU1", mode="paper", clock_ns=lambda: self.now)
        self.book: Book = open_book(SETUP)
        self.retold: Book = self.book
        self.lots: defaultdict[str, Lots] = defaultdict(Lots)
        self.orders: dict[str, Known] = {}
        self.halts: dict[str, Level] = {}
        self.executions: list[OrderFilled] = []
        self.epoch = self.number = self.halt_count = self.peak = 0
        self.filled_before: Counter[str] = Counter()
        self.take(BootStarted(epoch=1, config_hash="c", code_hash="", ts_event_utc_ns=self.now))
        self.epoch, self.peak = 1, self.book.money.peak_microusd

    def take(self, fact: Recorded) -> None:
        """Fold a fact in, as it is and as the ledger gives it back."""
        self.ledger.append([fact])
        kind, text = encode_event(fact)
        again: Any = decode_event(kind, text)
        assert again == fact
        self.book, self.retold = fold(self.book, fact), fold(self.retold, again)

    def pick(self, which: int, *states: OrderState) -> str:
        """An order in one of these states; "" where there is none."""
        found = [cid for cid, known in self.orders.items() if known.state in states and cid in self.book.orders]
        return found[which % len(found)] if found else ""

    # --- orders -----------------------------------------------------------------------------------

    @rule(name=NAMES, side=SIDES, sizes=st.tuples(st.integers(1, 4), st.integers(0, 4)), move=MOVES, legs=st.booleans())
    def trade(self, name: str, side: int, sizes: tuple[int, int], move: int, legs: bool) -> None:
        """An entry that the broker takes, and fills in part or whole."""
        lots, filled = sizes
        cid = self.intend(name=name, side=side, lots=lots, legs=legs)
        self.take(OrderAccepted(client_order_id=cid, broker_order_id=f"b{cid}", ts_event_utc_ns=self.now))
        self.orders[cid].state = OrderState.ACKED
        self.execute(cid, filled, PRICE + move)

    @rule(side=SIDES, lots=st.lists(st.integers(1, 4), min_size=2, max_size=4), move=MOVES)
    def swing(self, side: int, lots: list[int], move: int) -> None:
        """One strategy to and fro."""
        for n, size in enumerate(lots):
            self.trade(name="alpha", side=side * (-1) ** n, sizes=(size, size), move=move * n, legs=False)

    @rule(child=st.sampled_from("st"), lost=st.booleans(), word=st.sampled_from(["rejected", "absent", "quarantined"]))
    def half_known(self, child: str, lost: bool, word: str) -> None:
        """The broker has told of one half of a bracket when the fate of the entry is found out."""
        cid = self.intend(name="alpha", side=1, lots=2, legs=True)
        self.take(OrderAccepted(client_order_id=f"{cid}{child}", broker_order_id="", ts_event_utc_ns=self.now))
        self.orders[f"{cid}{child}"].state = OrderState.ACKED
        if lost or word != "rejected":
            self.say(cid, "lost")
        self.say(cid, word)

    @rule(name=NAMES, side=SIDES, lots=st.integers(1, 4), legs=st.booleans())
    def send(self, name: str, side: int, lots: int, legs: bool) -> None:
        """An entry that nobody has answered yet."""
        self.intend(name=name, side=side, lots=lots, legs=legs)

    def intend(self, name: str, side: int, lots: int, legs: bool) -> str:
        """An entry, alone or with a stop and a target."""
        self.number += 1
        cid = f"g1-{self.epoch}-{self.number}"
        entry = Intent(
            client_order_id=cid,
            decision_id=f"d{cid}",
            strategy=name,
            market=TRADED[name].symbol,
            kind=OrderKind.ENTRY,
            order_type=OrderType.MARKET,
            side=side,
            lots=lots,
            ts_event_utc_ns=self.now,
        )
        stop = replace(
            entry,
            client_order_id=f"{cid}s",
            kind=OrderKind.STOP,
            order_type=OrderType.STOP,
            side=-side,
            price_ticks=PRICE - side * 40,
            reduces=True,
            parent=cid,
        )
        target = replace(stop, client_order_id=f"{cid}t", kind=OrderKind.TARGET, order_type=OrderType.LIMIT)
        bracket = (stop, replace(target, price_ticks=PRICE + side * 80)) if legs else ()
        deadline = self.now + 15 * MINUTE
        self.take(OrderIntended(intent=entry, bracket=bracket, deadline_utc_ns=deadline, ts_event_utc_ns=self.now))
        for intent in (entry, *bracket):
            self.orders[intent.client_order_id] = Known(intent=intent)
        return cid

    @rule(which=st.integers(0, 9), word=st.sampled_from(list(HEARD)))
    def hear(self, which: int, word: str) -> None:
        """What the broker says of an order, or what is found out of it."""
        if cid := self.pick(which, *HEARD[word]):
            self.say(cid, word)

    def say(self, cid: str, word: str) -> None:
        now, known = self.now, self.orders[cid]
        facts: dict[str, Recorded] = {
            "accepted": OrderAccepted(client_order_id=cid, broker_order_id=f"b{cid}", ts_event_utc_ns=now),
            "lost": OrderLost(client_order_id=cid, text="", ts_event_utc_ns=now),
            "canceled": OrderCanceled(client_order_id=cid, ts_event_utc_ns=now),
            "expired": OrderCanceled(client_order_id=cid, ts_event_utc_ns=now, expired=True),
            "replaced": OrderReplaced(client_order_id=cid, price_ticks=PRICE, ts_event_utc_ns=now),
            "rejected": OrderRejected(client_order_id=cid, code="no", text="", ts_event_utc_ns=now),
            "missed": OrderMissed(client_order_id=cid, final=False, ts_event_utc_ns=now),
            "absent": OrderAbsent(client_order_id=cid, actor="reconcile", ts_event_utc_ns=now),
            "quarantined": OrderQuarantined(client_order_id=cid, ts_event_utc_ns=now),
        }
        self.take(facts[word])
        if word in OF_A_BRACKET:
            self.spread(cid, OF_A_BRACKET[word])
        else:
            known.state = OF_ONE.get(word, known.state)

    def spread(self, cid: str, state: OrderState) -> None:
        """An order's fate is that of its bracket, as far as that is as little known."""
        self.orders[cid].state = state
        for child, known in self.orders.items():
            if known.intent.parent == cid and known.state in FOLLOWS[state] and child in self.book.orders:
                known.state = state

    @rule(which=st.integers(0, 9), lots=st.integers(1, 4), move=MOVES)
    def fill(self, which: int, lots: int, move: int) -> None:
        """An execution of an order in any state at all: a fill is stronger."""
        cid = self.pick(which, *(state for state in OrderState if state is not OrderState.FILLED))
        if cid:
            self.execute(cid, lots, PRICE + move)

    def execute(self, cid: str, lots: int, price: int) -> None:
        known = self.orders[cid]
        lots = min(lots, known.intent.lots - known.filled)
        if lots:
            self.book_fill(known.intent.strategy, cid, known.intent.side, lots, price)
            known.filled += lots
            dead = known.state in (OrderState.CANCELED, OrderState.EXPIRED)
            whole = known.filled == known.intent.lots
            known.state = OrderState.FILLED if whole else known.state if dead else OrderState.PARTIAL

    def book_fill(self, name: str, cid: str, side: int, lots: int, price: int) -> None:
        market = TRADED[name]
        fill = Fill(
            execution_id=f"x{len(self.executions)}",
            client_order_id=cid,
            market=market.symbol,
            side=side,
            lots=lots,
            price_ticks=price,
            fee_microusd=FEE_MICROUSD * lots,
            ts_event_utc_ns=self.now,
        )
        fact = OrderFilled(fill=fill, ts_event_utc_ns=self.now)
        self.executions.append(fact)
        self.take(fact)
        mine, before = self.lots[name], self.lots[name].net
        for _ in range(lots):
            mine.trade(side, price, market.tick_value_microusd)
        mine.fees_microusd += FEE_MICROUSD * lots
        if before and (mine.net > 0) - (mine.net < 0) != (before > 0) - (before < 0):
            self.close_trade(name, before)

    def close_trade(self, name: str, before: int) -> None:
        """The round trip is over, as the engine would tell it; its P&L is the model's."""
        mine, market = self.lots[name], TRADED[name]
        pnl = mine.realised_microusd - mine.fees_microusd - mine.trip_microusd
        mine.trip_microusd += pnl
        trade = Trade(
            trade_id=f"{name}#{len(self.executions)}",
            strategy=name,
            market=market.symbol,
            side=(before > 0) - (before < 0),
            lots_max=abs(before),
            ts_open_utc_ns=self.now,
            ts_close_utc_ns=self.now,
            entry_points=PRICE / 4,
            exit_points=PRICE / 4,
            pnl_microusd=pnl,
            fees_microusd=FEE_MICROUSD,
            risk_microusd=1,
            exit_reason="stop",
        )
        position = self.book.position(name, market.symbol)
        assert position.pnl_microusd - position.fees_microusd == pnl, "the book's P&L of a trip is another"
        self.take(TradeClosed(trade=trade, ts_event_utc_ns=self.now))

    @precondition(lambda self: self.executions)
    @rule(which=st.integers(0, 99))
    def tell_again(self, which: int) -> None:
        """An execution that is told twice changes nothing."""
        before = self.book
        assert fold(self.book, self.executions[which % len(self.executions)]) is before

    # --- the account ------------------------------------------------------------------------------

    @rule(level=st.sampled_from(list(Level)), scope=st.sampled_from(["account", "strategy alpha", "market MES"]))
    def halt(self, level: Level, scope: str) -> None:
        self.halt_count += 1
        kind, _, target = scope.partition(" ")
        halt = Halt(
            halt_id=f"h{self.halt_count}",
            scope=kind,
            target=target,
            level=level,
            reason="operator",
            actor="me",
            evidence={"text": "x"},
            ts_event_utc_ns=self.now,
        )
        self.take(Halted(halt=halt, ts_event_utc_ns=self.now))
        self.halts[halt.halt_id] = level

    @precondition(lambda self: self.halts)
    @rule(which=st.integers(0, 9))
    def resume(self, which: int) -> None:
        halt_id = list(self.halts)[which % len(self.halts)]
        self.take(Resumed(halt_id=halt_id, actor="me", ts_event_utc_ns=self.now))
        del self.halts[halt_id]

    @rule(high=st.integers(0, 10**9), low=st.integers(0, 10**9), symbol=st.sampled_from(["MNQ", "MES"]))
    def mark(self, high: int, low: int, symbol: str) -> None:
        close = self.book.balance_microusd
        self.take(
            EquityMarked(
                market=symbol,
                high_points=(PRICE + 8) / 4,
                low_points=(PRICE - 8) / 4,
                high_microusd=close + high,
                low_microusd=close - low,
                close_microusd=close,
                ts_event_utc_ns=self.now,
            )
        )
        self.peak = max(self.peak, close + high)

    @rule(minutes=st.sampled_from([0, 1, 61, 60 * 24]))
    def day(self, minutes: int) -> None:
        """Time goes on, and a day begins."""
        self.now += minutes * MINUTE + S
        balance = self.book.balance_microusd
        self.take(
            DayStarted(
                date=f"2026-03-{3 + len(self.executions) % 20:02d}",
                balance_microusd=balance,
                equity_microusd=balance,
                ts_event_utc_ns=self.now,
            )
        )

    @rule()
    def start_again(self) -> None:
        """A new epoch: what was about to be sent is unknown."""
        self.epoch, self.number = self.epoch + 1, 0
        self.take(BootStarted(epoch=self.epoch, config_hash="c", code_hash="", ts_event_utc_ns=self.now))
        for known in self.orders.values():
            known.state = UNKNOWN if known.state is PENDING else known.state

    @rule(lots=st.integers(-2, 2), gap=st.integers(-(10**7), 10**7), what=st.integers(0, 5))
    def compare(self, lots: int, gap: int, what: int) -> None:
        """What else the ledger may hold."""
        now, name = self.now, "alpha"
        facts: list[Recorded] = [
            PositionsCompared(market="MNQ", book_lots=0, broker_lots=lots, ts_event_utc_ns=now),
            BalanceCompared(gap_microusd=gap, ts_event_utc_ns=now),
            ForeignOrderSeen(client_order_id=f"f{gap % 3}", market="MNQ", ours=False, ts_event_utc_ns=now),
            Armed(config_hash="c", loss_max_microusd=1, until_utc_ns=now + 1, actor="me", ts_event_utc_ns=now),
            ExitWanted(strategy=name, market="MNQ", reason="time", ts_event_utc_ns=now),
        ]
        if what == 5:
            self.peak = 10**10 + gap
            self.take(PeakRebased(equity_microusd=self.peak, actor="me", ts_event_utc_ns=now))
        elif what < 4 or self.lots[name].net:
            self.take(facts[what])

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def positions_are_the_sums_of_their_fills(self) -> None:
        for name, market in TRADED.items():
            position, mine = self.book.position(name, market.symbol), self.lots[name]
            assert position.lots == mine.net
            queued = [(position.side, price) for lots, price in position.lots_open for _ in range(lots)]
            assert queued == list(mine.held)
        for symbol in ("MNQ", "MES"):
            assert self.book.lots(symbol) == sum(self.lots[n].net for n, m in TRADED.items() if m.symbol == symbol)

    @invariant()
    def money_is_start_plus_realised_less_fees(self) -> None:
        realised = sum(mine.realised_microusd for mine in self.lots.values())
        fees = sum(mine.fees_microusd for mine in self.lots.values())
        money = self.book.money
        assert (money.realised_microusd, money.fees_microusd) == (realised, fees)
        assert self.book.balance_microusd == SETUP.starting_capital_microusd + realised - fees
        assert money.peak_microusd == self.peak

    @invariant()
    def halts_stand_until_they_are_lifted(self) -> None:
        assert {halt_id: halt.level for halt_id, halt in self.book.halts.items()} == self.halts
        assert self.book.halt_count == self.halt_count

    @invariant()
    def orders_are_where_their_facts_took_them(self) -> None:
        for cid, known in self.orders.items():
            order = self.book.orders.get(cid)
            if order is None:
                assert known.state not in (*OPEN, *LIVE), "an order that can still trade is forgotten"
                continue
            assert (order.state, order.filled_lots) == (known.state, known.filled)
            assert order.filled_lots >= self.filled_before[cid], "filled lots became fewer"
            self.filled_before[cid] = order.filled_lots
        assert len(set(self.book.executions)) == len(self.book.executions) == len(self.executions)
        assert self.book.epoch == self.epoch

    @invariant()
    def what_is_told_again_is_the_same_book(self) -> None:
        assert self.retold == self.book
        assert durable(self.retold) == durable(self.book)

    def teardown(self) -> None:
        """The ledger tells the very book that is in memory."""
        self.ledger.commit()
        again = recover(SETUP, RULES, self.ledger)
        assert repr(durable(again)) == repr(durable(self.book))
        self.ledger.close()


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(stateful_step_count=20, suppress_health_check=list(HealthCheck))
