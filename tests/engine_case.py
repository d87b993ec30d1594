"""Builders for the engine's tests: one account, MNQ at 20,000, and a driver that checks the laws at every step.

MNQ has 4 ticks a point, 0.50 usd a tick and lot, and 0.60 usd a lot and side in fees. A price of 80,000 ticks
is 20,000 points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

from gamma.bars import Bar, Session
from gamma.book import Book, Setup, durable, fold, open_book
from gamma.effects import Answer, Ask, Effect, Record, Send, Tell, Tick
from gamma.engine import step
from gamma.events import (
    BarClosed,
    BootStarted,
    Event,
    Fill,
    FlattenRequested,
    HaltRequested,
    HealthSeen,
    Intent,
    Level,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderRejected,
    OrderState,
    PeakRebased,
    Recorded,
    ResolveRequested,
    ResumeRequested,
    SessionOpened,
    SignalMade,
    TimeAdvanced,
    Trade,
    TradeClosed,
)
from gamma.exits import ExitRule
from gamma.floor import FloorRule
from gamma.guards import Action, Guard, Scope, Trip, Verdict
from gamma.invariants import Audit
from gamma.markets import MICRO, Market, market
from gamma.notices import Notice
from gamma.orders import GRAPH, Order, Position
from gamma.ports import Capabilities, Dedupe
from gamma.reasons import Fact, Reason
from gamma.rules import ProfilePolicy, Rules, StrategyRules
from gamma.sizing import Sizer
from gamma.views import Num, OrderView, View

S = 1_000_000_000
MINUTE = 60 * S
DAY = 86_400 * S
# 2026-03-02, a Monday, 15:00 UTC.
T0 = 1_772_463_600 * S
PRICE = 80_000
MNQ = market("MNQ")
MES = market("MES")
BROKER = Capabilities(
    name="bench",
    dedupe=Dedupe.NONE,
    direct_lookup=False,
    bracket=True,
    multi_leg=True,
    replace=True,
    reduce_only=False,
    order_stream=False,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """A sizer that wants so many lots."""

    lots: float = 1

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        return self.lots

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002
        return {"lots": self.lots}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Raiser:
    """A sizer with a fault in it."""

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        raise ZeroDivisionError("a sizer's fault")

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002
        return {}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A guard that trips between orders, as long as `when` holds of the view; on an order it denies then too."""

    id: ClassVar[str] = "wire"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "what the test says"
    resets: ClassVar[str] = "when the test says"
    latches: ClassVar[str] = "what the test says"
    needs: ClassVar[tuple[str, ...]] = ()

    when: Callable[[View], bool]
    action: Action
    reason: Reason = Reason.DAILY_LOSS
    realised: bool = False
    until_utc_ns: int = 0
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __call__(self, view: View, order: OrderView) -> Verdict:
        trip = self.watch(view)
        return Verdict(lots=order.lots if trip is None else 0, reason=Reason.OK if trip is None else trip.reason)

    def watch(self, view: View) -> Trip | None:
        if not self.when(view):
            return None
        return Trip(
            action=self.action,
            reason=self.reason,
            facts=self.facts,
            realised=self.realised,
            until_utc_ns=self.until_utc_ns,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A guard on every order, exits too, that answers what the test says; it does not look between orders."""

    id: ClassVar[str] = "gate"
    scope: ClassVar[Scope] = Scope.ALL
    measures: ClassVar[str] = "what the test says"
    resets: ClassVar[str] = "when the test says"
    latches: ClassVar[str] = "what the test says"
    needs: ClassVar[tuple[str, ...]] = ()

    answer: Callable[[View, OrderView], Verdict]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        return self.answer(view, order)


def below(equity_usd: float) -> Callable[[View], bool]:
    """Equity, open P&L included, is below this."""
    return lambda view: bool(view.account.equity_usd < equity_usd)


def strategy_rules(
    name: str = "alpha",
    *,
    lots: float = 2,
    traded: Market = MNQ,
    sizers: Sequence[tuple[str, Sizer]] | None = None,
    guards: Sequence[tuple[str, Guard]] = (),
    exits: ExitRule | None = None,
    adds: bool = False,
) -> StrategyRules:
    return StrategyRules(
        name=name,
        market=traded,
        sizers=sizers if sizers is not None else [("lots", Lots(lots=lots))],
        guards=guards,
        exits=exits or ExitRule(),
        adds=adds,
    )


def rules_of(*strategies: StrategyRules, capabilities: Capabilities = BROKER) -> Rules:
    return Rules(
        strategies={s.name: s for s in strategies},
        capabilities=capabilities,
        day_market="MNQ",
        config_hash="c0ffee",
        policy=ProfilePolicy(),
    )


def setup_of(capital_usd: int = 50_000, floor_rule: FloorRule | None = None) -> Setup:
    return Setup(
        account="DU1",
        mode="paper",
        starting_capital_microusd=capital_usd * MICRO,
        markets={"MNQ": MNQ, "MES": MES},
        floor_rule=floor_rule,
    )


def bar_of(
    close: int = PRICE, *, high: int = 0, low: int = 0, at: int = T0, symbol: str = "MNQ", bar_s: int = 300
) -> Bar:
    """A bar that closes `at` with prices in ticks, and one point of spread."""
    return Bar(
        market=symbol,
        ts_open_utc_ns=at - bar_s * S,
        ts_close_utc_ns=at,
        open_points=close / 4,
        high_points=max(high, close) / 4,
        low_points=(min(low, close) if low else close) / 4,
        close_points=close / 4,
        volume_lots=1_000.0,
        spread_points=0.25,
    )


def session_of(date: str, opened: int, closes: int, symbol: str = "MNQ") -> Session:
    return Session(
        market=symbol,
        date=date,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=closes,
        ts_cash_open_utc_ns=opened,
        ts_cash_close_utc_ns=closes,
        ts_flat_by_utc_ns=closes - 10 * MINUTE,
        early_close=False,
    )


class Case:
    """An account under test. Every step is taken twice, and must come out the same; every law is looked at."""

    def __init__(
        self, *strategies: StrategyRules, setup: Setup | None = None, capabilities: Capabilities = BROKER
    ) -> None:
        self.rules = rules_of(*(strategies or (strategy_rules(),)), capabilities=capabilities)
        self.setup = setup or setup_of()
        self.book: Book = open_book(self.setup)
        self.shadow: Book = self.book
        self.now = T0
        self.effects: list[Effect] = []
        self.facts: list[Recorded] = []
        self.answers: list[Answer] = []
        self.ticks: list[Tick] = []
        self.told: list[Notice] = []
        self.out: list[Send | Ask] = []
        self.ids: set[str] = set()
        self.executions = 0
        self.audit = Audit(self.setup, self.rules)
        self.steps = 0
        self.kept: list[tuple[int, object]] = []
        self.do(BootStarted(epoch=1, config_hash="c0ffee", code_hash="", ts_event_utc_ns=self.now))

    # --- what happens ------------------------------------------------------------------------------

    def do(self, *events: Event) -> list[Effect]:
        """Take events through the engine; gives the effects of them all."""
        came: list[Effect] = []
        for event in events:
            before = self.book
            self.book, effects = step(before, event, self.rules)
            again, same = step(before, event, self.rules)
            assert repr((again, same)) == repr((self.book, effects)), "the step is not a function of its input"
            self._keep(effects)
            self._look(effects)
            came.extend(effects)
        self.effects.extend(came)
        return came

    def _look(self, effects: Sequence[Effect]) -> None:
        """Whether all that must always hold does: the facts, ticks and notices of a step are one transaction."""
        self.steps += 1
        kept: list[object] = [e.fact for e in effects if isinstance(e, Record)]
        kept += [e for e in effects if isinstance(e, Tick)]
        kept += [e.notice for e in effects if isinstance(e, Tell)]
        for record in kept:
            self.audit.take(self.audit.seq + 1, self.steps, record)
            self.kept.append((self.steps, record))
        self.audit.settle()
        assert not self.audit.violations, "; ".join(map(str, self.audit.violations))

    def _keep(self, effects: Sequence[Effect]) -> None:
        intended: set[str] = set()
        for effect in effects:
            if isinstance(effect, Record):
                self._write(effect.fact)
                if isinstance(effect.fact, OrderIntended):
                    self._intended(effect.fact, intended)
            elif isinstance(effect, Send | Ask):
                assert effect.intent.client_order_id in intended, "sent before it was recorded"
                intended.remove(effect.intent.client_order_id)
                self.out.append(effect)
            elif isinstance(effect, Tell):
                self.told.append(effect.notice)
            elif isinstance(effect, Tick):
                self.ticks.append(effect)
            else:
                self.answers.append(effect)
        assert not intended, "recorded, and never sent"

    def _write(self, fact: Recorded) -> None:
        """Keep a fact, and fold it into the book that a restart would find."""
        self.facts.append(fact)
        before, self.shadow = self.shadow, fold(self.shadow, fact)
        for cid, order in before.orders.items():
            now = self.shadow.orders.get(cid, order).state
            assert now is order.state or now in GRAPH[order.state], f"I7: {cid} went from {order.state} to {now}"
        peak, risen = before.money.peak_microusd, self.shadow.money.peak_microusd
        assert risen >= peak or isinstance(fact, PeakRebased), "a peak fell by itself"
        if before.money.floor is not None and self.shadow.money.floor is not None:
            assert self.shadow.money.floor.floor_microusd >= before.money.floor.floor_microusd, "a floor fell"

    def _intended(self, fact: OrderIntended, intended: set[str]) -> None:
        ids = [fact.intent.client_order_id, *(c.client_order_id for c in fact.bracket)]
        assert self.ids.isdisjoint(ids), "an id was used twice"
        assert all(len(i) <= 32 for i in ids)
        self.ids.update(ids)
        intended.add(ids[0])

    def refold(self) -> Book:
        """The book that a restart finds: the fold of all that was recorded."""
        assert repr(durable(self.shadow)) == repr(durable(self.book)), "the ledger tells another book"
        return self.shadow

    def restart(self) -> None:
        """A crash, and a new daemon on the ledger that it left."""
        self.book = self.refold()
        epoch = self.book.epoch + 1
        self.do(BootStarted(epoch=epoch, config_hash="c0ffee", code_hash="", ts_event_utc_ns=self.now))

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass, and have the engine see it."""
        self.now += round(seconds * S)
        return self.do(TimeAdvanced(ts_event_utc_ns=self.now))

    def bar(self, close: int = PRICE, *, high: int = 0, low: int = 0, symbol: str = "MNQ") -> list[Effect]:
        """Five minutes later a bar closes."""
        self.now += 5 * MINUTE
        shape = bar_of(close, high=high, low=low, at=self.now, symbol=symbol)
        return self.do(BarClosed(bar=shape, ts_event_utc_ns=self.now))

    def session(self, date: str = "2026-03-02", symbol: str = "MNQ") -> list[Effect]:
        session = session_of(date, self.now, self.now + 8 * 60 * MINUTE, symbol)
        return self.do(SessionOpened(session=session, ts_event_utc_ns=self.now))

    def health(self, **changes: Any) -> list[Effect]:
        health = HealthSeen(
            broker_age_s=0.0, data_age_s=0.0, strategy_age_s=0.0, clock_offset_s=0.0, ts_event_utc_ns=self.now
        )
        return self.do(replace(health, **changes))

    def signal(
        self, side: int = 1, *, strategy: str = "alpha", stop: int = 40, target: int = 80, price: int = 0, **more: Any
    ) -> list[Effect]:
        """A strategy wants a trade, now."""
        self.now += 1
        made = SignalMade(
            strategy=strategy,
            market=self.rules.strategies[strategy].market.symbol,
            signal_id=f"{strategy}:{self.now}",
            slot_utc_ns=self.now,
            side=side,
            stop_ticks=stop,
            target_ticks=target,
            ts_event_utc_ns=self.now,
            price_ticks=price,
        )
        return self.do(replace(made, **more))

    def accept(self, *client_order_ids: str) -> list[Effect]:
        return self.do(
            *(
                OrderAccepted(client_order_id=cid, broker_order_id=f"b-{cid}", ts_event_utc_ns=self.now)
                for cid in client_order_ids
            )
        )

    def lose(self, client_order_id: str) -> list[Effect]:
        return self.do(OrderLost(client_order_id=client_order_id, text="no answer", ts_event_utc_ns=self.now))

    def miss(self, client_order_id: str, *, final: bool = False) -> list[Effect]:
        return self.do(OrderMissed(client_order_id=client_order_id, final=final, ts_event_utc_ns=self.now))

    def reject(self, client_order_id: str) -> list[Effect]:
        return self.do(
            OrderRejected(client_order_id=client_order_id, code="no", text="refused", ts_event_utc_ns=self.now)
        )

    def canceled(self, client_order_id: str, *, expired: bool = False) -> list[Effect]:
        return self.do(OrderCanceled(client_order_id=client_order_id, ts_event_utc_ns=self.now, expired=expired))

    def fill(
        self, client_order_id: str, lots: int, price: int, *, side: int = 0, symbol: str = "MNQ", execution: str = ""
    ) -> list[Effect]:
        """The broker executes `lots` of an order, a second later; the side of an unknown order must be given."""
        self.now += S
        self.executions += 1
        order = self.book.orders.get(client_order_id)
        fill = Fill(
            execution_id=execution or f"x{self.executions}",
            client_order_id=client_order_id,
            market=symbol,
            side=side or (order.intent.side if order else 1),
            lots=lots,
            price_ticks=price,
            fee_microusd=600_000 * lots,
            ts_event_utc_ns=self.now,
        )
        return self.do(OrderFilled(fill=fill, ts_event_utc_ns=self.now))

    # --- what a person asks ------------------------------------------------------------------------

    def halt(self, *, scope: str = "account", target: str = "", level: Level = Level.REDUCING) -> Answer:
        self.do(
            HaltRequested(
                command_id="c",
                actor="me",
                text="",
                level=level,
                ts_event_utc_ns=self.now,
                scope=scope,
                target=target,
            )
        )
        return self.answers[-1]

    def resume(self, halt_id: str = "", *, rebase: bool = False) -> Answer:
        """Lift a halt; the newest where none is named."""
        halt_id = halt_id or list(self.book.halts)[-1]
        self.do(ResumeRequested(command_id="c", actor="me", halt_id=halt_id, ts_event_utc_ns=self.now, rebase=rebase))
        return self.answers[-1]

    def flatten(self, symbol: str = "") -> Answer:
        self.do(FlattenRequested(command_id="c", actor="me", market=symbol, ts_event_utc_ns=self.now))
        return self.answers[-1]

    def resolve(self, client_order_id: str, outcome: str) -> Answer:
        self.do(
            ResolveRequested(
                command_id="c",
                actor="me",
                client_order_id=client_order_id,
                outcome=outcome,
                ts_event_utc_ns=self.now,
            )
        )
        return self.answers[-1]

    # --- whole stretches ---------------------------------------------------------------------------

    def enter(self, side: int = 1, *, lots: int = 2, price: int = PRICE, **signal: Any) -> str:
        """A signal, an entry at market with its bracket, accepted and filled; gives the entry's id."""
        if "MNQ" not in self.book.marks:
            self.bar(price)
        self.signal(side, **signal)
        entry = self.sent(OrderKind.ENTRY)
        children = [o.intent.client_order_id for o in self.children(entry)]
        self.accept(entry, *children)
        self.fill(entry, lots, price)
        return entry

    def stop_out(self, entry: str, *, lots: int = 2, price: int = PRICE - 40) -> None:
        """The stop fills, and the broker takes the target back."""
        self.fill(f"{entry}s", lots, price)
        self.canceled(f"{entry}t")

    # --- what came of it ---------------------------------------------------------------------------

    def sent(self, kind: OrderKind) -> str:
        """The id of the last order of this kind that went out."""
        return self.intent(kind).client_order_id

    def intent(self, kind: OrderKind) -> Intent:
        return [s.intent for s in self.out if s.intent.kind is kind][-1]

    def count(self, kind: OrderKind) -> int:
        """How many orders of this kind went out so far."""
        return sum(s.intent.kind is kind for s in self.out)

    def children(self, entry: str) -> list[Order]:
        return [o for o in self.book.orders.values() if o.intent.parent == entry]

    def state(self, client_order_id: str) -> OrderState:
        return self.book.orders[client_order_id].state

    def position(self, strategy: str = "alpha") -> Position:
        return self.book.position(strategy, self.rules.strategies[strategy].market.symbol)

    def of(self, kind: type) -> list[Any]:
        """All recorded facts of one kind."""
        return [f for f in self.facts if type(f) is kind]

    @property
    def trades(self) -> list[Trade]:
        """All round trips that were closed."""
        return [f.trade for f in self.of(TradeClosed)]

    @property
    def notices(self) -> list[str]:
        """The keys of all that a person was told."""
        return [n.key for n in self.told]
