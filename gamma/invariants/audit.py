"""`Audit`: goes along the ledger, event by event, and tells where it breaks what must always hold. Pure.

It folds the facts into a book of its own and looks at each step, the facts, ticks and notices of one
transaction, by the book as it was before. What it keeps does not grow with the ledger, so that it may go on
for a year, from where it stood.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeAlias, final

from gamma.book import Book, Setup, durable, fold, open_book
from gamma.bookmark import Bookmark
from gamma.effects import Tick
from gamma.errors import GammaError, InvariantBroken
from gamma.events import (
    BootStarted,
    DayStarted,
    DecisionMade,
    EquityMarked,
    ExitWanted,
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
    PositionManaged,
    TradeClosed,
)
from gamma.guards.order_rate import OrderRate
from gamma.invariants import alerts, decisions, intents
from gamma.invariants.book import of_book
from gamma.invariants.rates import Rates
from gamma.invariants.sums import Sums
from gamma.invariants.violations import NAMES, Violation
from gamma.notices import Notice
from gamma.rules import Rules

VIOLATIONS_MAX: Final = 100
# A step of these alone changes no position and no money, and moves orders as the fold lets them.
_ROUTINE: Final = frozenset({EquityMarked, OrderAccepted, OrderReplaced, OrderCanceled, OrderMissed, ExitWanted})
_Answer: TypeAlias = (
    OrderAccepted
    | OrderRejected
    | OrderLost
    | OrderMissed
    | OrderAbsent
    | OrderQuarantined
    | OrderCanceled
    | OrderReplaced
)


@dataclass(slots=True)
class _Step:
    """What one transaction brought, as it comes in: facts, then ticks, then notices."""

    seq: int = 0
    ts_recorded_utc_ns: int = 0
    stage: int = 0
    routine: bool = True
    decisions: dict[str, DecisionMade] = field(default_factory=dict)
    slots: dict[tuple[str, int], str] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    wanted: list[alerts.Wanted] = field(default_factory=list)
    ticks: set[tuple[str, int]] = field(default_factory=set)
    notices: list[Notice] = field(default_factory=list)


@final
class Audit:
    """One pass over a ledger, of which `seq` is the last event; `counts` tells how much each invariant looked at.

    `rules` give the limits on exits, for as long as the ledger was written under the same configuration.
    """

    def __init__(self, setup: Setup, rules: Rules | None = None) -> None:
        self.book: Book = open_book(setup)
        self.seq = 0
        self.ts_fact_utc_ns = 0
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()
        self._rules = rules
        self._config_hash = ""
        self._step = _Step()
        self._slots: dict[str, int] = {}
        self._decided: dict[str, int] = {}
        self._rates = Rates()
        self._sums = Sums()
        self._looks: Mapping[type, Callable[[Any], None]] = {
            BootStarted: self._boot,
            DayStarted: self._day,
            DecisionMade: self._decision,
            PositionManaged: self._managed,
            OrderIntended: self._intended,
            OrderFilled: self._filled,
        }

    def take(self, seq: int, ts_recorded_utc_ns: int, record: object) -> None:
        """Look at the next event."""
        stage = 2 if isinstance(record, Notice) else 1 if isinstance(record, Tick) else 0
        if stage < self._step.stage or ts_recorded_utc_ns != self._step.ts_recorded_utc_ns:
            self.settle()
            self._step = _Step(ts_recorded_utc_ns=ts_recorded_utc_ns)
        self.seq = self._step.seq = seq
        self._step.stage = stage
        if isinstance(record, Notice):
            self._step.notices.append(record)
        elif isinstance(record, Tick):
            self._tick(record)
        else:
            self._fact(record)

    def settle(self) -> None:
        """The step is whole: look at what only the end of it can tell."""
        step, self._step = self._step, _Step()
        if step.routine and not step.wanted:
            return
        self._tell("I9", (f"{what} was told to nobody" for what in alerts.untold(step.wanted, step.notices)), step.seq)
        self._count(I9=len(step.wanted))
        untold = (what for slot, what in step.slots.items() if slot not in step.ticks)
        self._tell("I14", (f"{what} has no tick" for what in untold), step.seq)
        known = self.book.control.foreign_orders
        unknown = (cid for cid in step.strangers if cid not in known and _whole(cid) not in known)
        self._tell("I6", (f"{cid} was filled, never intended, and not told of" for cid in unknown), step.seq)
        self._tell("I4", self._sums.differ(self.book), step.seq)
        for violation in of_book(self.book):
            self._add(replace(violation, seq=step.seq))

    def state(self) -> dict[str, Any]:
        """What it keeps beside the book, between two steps."""
        return {
            "config_hash": self._config_hash,
            "slots": self._slots,
            "decided": self._decided,
            "rates": self._rates.state(),
            "sums": self._sums.state(),
        }

    def resume(self, bookmark: Bookmark) -> None:
        """Go on from where another audit stood."""
        kept = bookmark.rounds
        self.book, self.seq, self.ts_fact_utc_ns = bookmark.book, bookmark.seq, bookmark.book.ts_event_utc_ns
        self._config_hash = kept["config_hash"]
        self._slots, self._decided = dict(kept["slots"]), dict(kept["decided"])
        self._rates.resume(kept["rates"])
        self._sums.resume(kept["sums"])

    def against(self, book: Book) -> list[Violation]:
        """I13: how the book in memory differs from the fold of all events up to here."""
        kept, held = durable(self.book), durable(book)
        names = [f.name for f in fields(Book) if f.name not in ("setup", "slots")]
        differ = [name for name in names if not _same(getattr(kept, name), getattr(held, name))]
        if not differ:
            return []
        text = f"the book in memory and the fold of the ledger differ in {', '.join(differ)}"
        return [Violation(invariant="I13", text=text, seq=self.seq)]

    # --- facts: the book is as it was before each --------------------------------------------------

    def _fact(self, fact: Any) -> None:
        step = self._step
        if not isinstance(fact, DecisionMade):  # its slot is the tick's
            self.ts_fact_utc_ns = max(self.ts_fact_utc_ns, fact.ts_event_utc_ns)
        step.routine = step.routine and type(fact) in _ROUTINE
        look = self._looks.get(type(fact))
        if look is not None:
            look(fact)
        elif isinstance(fact, _Answer):
            self._answer(fact)
        step.wanted += alerts.wanted(self.book, fact)
        before = self.book
        try:
            self.book = fold(before, fact)
        except InvariantBroken as error:
            name, _, text = str(error).partition(": ")
            self._tell(name if name in NAMES else "I7", [text or name])
        except (GammaError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self._tell("I13", [f"{type(fact).__name__} cannot be folded: {type(error).__name__}: {error}"])
        if self.book is not before and isinstance(fact, OrderFilled):
            self._sums.fill(fact.fill)
        elif isinstance(fact, TradeClosed):
            self._sums.trade(fact.trade)

    def _boot(self, fact: BootStarted) -> None:
        self._count(I11=1)
        if fact.epoch <= self.book.epoch:
            self._tell("I11", [f"epoch {fact.epoch} began after epoch {self.book.epoch}"])
        self._config_hash = fact.config_hash

    def _day(self, _: DayStarted) -> None:
        self._rates.begin_day()

    def _decision(self, made: DecisionMade) -> None:
        self._count(I10=1)
        self._use(made.strategy, made.slot_utc_ns, made.decision_id)
        self._step.decisions[made.decision_id] = made
        self._tell("I10", (f"{made.decision_id}: {fault}" for fault in decisions.faults(made)))

    def _managed(self, fact: PositionManaged) -> None:
        self._use(fact.strategy, fact.slot_utc_ns, f"{fact.manage} of {fact.strategy} on slot {fact.slot_utc_ns}")

    def _use(self, strategy: str, slot_utc_ns: int, what: str) -> None:
        """A slot is used up."""
        if slot_utc_ns <= self._decided.get(strategy, -1):
            self._tell("I14", [f"{strategy} decided again on slot {slot_utc_ns}"])
        self._decided[strategy] = slot_utc_ns
        self._step.slots[strategy, slot_utc_ns] = what

    def _intended(self, event: OrderIntended) -> None:
        intent, book = event.intent, self.book
        self._count(I1=1 + len(event.bracket), I5=1, I12=intent.kind is not OrderKind.REPLACE)
        self._tell("I1", intents.ids(book, event))
        self._tell("I5", intents.bars(book, intent))
        self._tell("I2", intents.beyond(book, intent))
        made = self._step.decisions.get(intent.decision_id)
        if intent.kind is OrderKind.ENTRY:
            self._entry(event, made)
        self._tell("I12", self._rates.over(intent, made, self._exits(intent.strategy)))
        self._rates.count(intent)

    def _entry(self, event: OrderIntended, made: DecisionMade | None) -> None:
        intent = event.intent
        if made is None:
            self._tell("I10", [f"entry {intent.client_order_id} follows from no decision"])
            return
        if made.decision_id in self._step.entered:
            self._tell("I1", [f"{made.decision_id} opened a second order"])
        self._step.entered.add(made.decision_id)
        self._count(I2=1)
        self._tell("I10", decisions.strays(made, intent))
        self._tell("I2", decisions.over(self.book, made, intent))

    def _exits(self, strategy: str) -> OrderRate | None:
        rules = self._rules
        if rules is None or self._config_hash != rules.config_hash or strategy not in rules.strategies:
            return None
        guards = rules.strategies[strategy].guards
        return next((guard for _, guard in guards if isinstance(guard, OrderRate)), None)

    def _answer(self, fact: _Answer) -> None:
        self._count(I6=1, I7=1)
        if fact.client_order_id not in self.book.orders:
            self._tell("I6", [f"{type(fact).__name__} of {fact.client_order_id}, which was never intended"])

    def _filled(self, fact: OrderFilled) -> None:
        fill = fact.fill
        self._count(I3=1, I4=1)
        if fill.execution_id in self.book.executions:
            self._tell("I3", [f"execution {fill.execution_id} was booked again"])
            return
        if fill.client_order_id not in self.book.orders and not fill.settled:
            self._step.strangers.add(fill.client_order_id or fill.execution_id)

    # --- ticks --------------------------------------------------------------------------------------

    def _tick(self, tick: Tick) -> None:
        self._count(I14=1)
        if tick.slot_utc_ns <= self._slots.get(tick.strategy, -1):
            self._tell("I14", [f"{tick.strategy} looked again at slot {tick.slot_utc_ns}"])
        self._slots[tick.strategy] = tick.slot_utc_ns
        self._step.ticks.add((tick.strategy, tick.slot_utc_ns))

    # --- what was found -----------------------------------------------------------------------------

    def _count(self, **looked_at: int) -> None:
        self.counts.update(looked_at)

    def _tell(self, invariant: str, texts: Iterable[str], seq: int = 0) -> None:
        for text in texts:
            self._add(Violation(invariant=invariant, text=text, seq=seq or self.seq))

    def _add(self, violation: Violation) -> None:
        """What stands in the book stays there, and is told once."""
        known = {(v.invariant, v.text) for v in self.violations}
        if len(known) < VIOLATIONS_MAX and (violation.invariant, violation.text) not in known:
            self.violations.append(violation)


def _whole(execution_id: str) -> str:
    """The execution of which this is a part, by its id; of a whole one its own."""
    whole, _, part = execution_id.rpartition("+")
    return whole if part.isdecimal() else execution_id


def _same(one: object, other: object) -> bool:
    """Equal, or unequal only in that NaN is not itself; text takes longer, and is seldom needed."""
    return one == other or repr(one) == repr(other)
