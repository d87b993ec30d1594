"""Event contracts by chance: cash, fees, pending orders and the caps are held against whole cents reckoned beside."""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final, final

from hypothesis import given
from hypothesis import strategies as st

from gamma.events import BarClosed, Fill, OrderFilled, OrderKind, SignalMade
from gamma.guards import Guard
from gamma.guards.cash_buffer import CashBuffer as CashGuard
from gamma.guards.concentration import Concentration
from gamma.markets import MICRO, event_market
from gamma.outlook import look
from gamma.sizing import Sizer, chain_lots
from gamma.views import OrderView, View
from sizers.cash_buffer import CashBuffer
from sizers.concentration_cap import ConcentrationCap
from sizers.encoded_size import EncodedSize
from sizers.fixed import Fixed
from sizers.order_value_cap import OrderValueCap
from sizers.position_cap import PositionCap
from tests.engine_case import T0, Case, S, bar_of, setup_of, strategy_rules

KX: Final = event_market("KXTEST-1")
MANY: Final = 10_000
CAPITAL_USD: Final = 600
CAPS: Final[dict[str, Sizer]] = {
    "position": PositionCap(),
    "value": OrderValueCap(),
    "concentration": ConcentrationCap(),
    "cash": CashBuffer(),
}


def fee_cents(lots: int, cents: int) -> int:
    return math.ceil(Fraction(7 * lots * cents * (100 - cents), 10_000))


def cost_cents(side: int, cents: int) -> int:
    return cents if side > 0 else 100 - cents


@final
@dataclass
class Order:
    """One order as it was sent: `cents` is its limit."""

    cid: str
    side: int
    lots: int
    cents: int
    filled: int = 0
    over: bool = False

    @property
    def left(self) -> int:
        return 0 if self.over else self.lots - self.filled


@final
@dataclass
class Ledger:
    """The same account in whole cents: NO is a short of YES with 100 cents set aside."""

    flow_cents: int = CAPITAL_USD * 100
    held: int = 0
    mark_cents: int = 50
    orders: list[Order] = field(default_factory=list)

    @property
    def cash_cents(self) -> int:
        return self.flow_cents - 100 * max(0, -self.held)

    @property
    def equity_cents(self) -> int:
        return self.cash_cents + abs(self.held) * cost_cents(1 if self.held > 0 else -1, self.mark_cents)

    @property
    def pending_cents(self) -> int:
        return sum(
            o.left * cost_cents(o.side, o.cents) + fee_cents(o.lots, o.cents) - fee_cents(o.filled, o.cents)
            for o in self.orders
            if o.left
        )

    def working(self, side: int) -> int:
        return sum(o.left for o in self.orders if o.side == side)

    def fill(self, order: Order, lots: int, cents: int) -> int:
        """Book it; gives the fee [cents]."""
        fee = fee_cents(order.filled + lots, cents) - fee_cents(order.filled, cents)
        order.filled += lots
        self.held += order.side * lots
        self.flow_cents -= order.side * lots * cents + fee
        return fee

    def most(self, side: int, cents: int) -> dict[str, int]:
        """The most lots under each cap, and under all; by trying them one after another."""
        each, exposure = cost_cents(side, cents), side * self.held + self.working(side)
        closing = max(0, -exposure)
        spend = max(0, self.cash_cents - self.pending_cents - 5_000)
        share = Fraction(self.equity_cents, 5)

        def fits(cap: str, lots: int) -> bool:
            opened = max(0, lots - closing)
            return {
                "position": exposure + lots <= 500,
                "value": lots * each <= 50_000,
                "concentration": not opened or (max(0, exposure) + opened) * each <= share,
                "cash": opened * each + fee_cents(opened, cents) <= spend,
            }[cap]

        found = {cap: _largest(lambda lots, cap=cap: fits(cap, lots)) for cap in CAPS}
        return found | {"all": min(found.values())}


def _largest(fits: Any) -> int:
    """The largest size up to MANY that fits, where all below it do."""
    low, high = 0, MANY
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


class Account:
    """The engine's account and the one beside it."""

    def __init__(self) -> None:
        sizers: list[tuple[str, Sizer]] = [("encoded_size", EncodedSize()), *CAPS.items()]
        setup = replace(setup_of(CAPITAL_USD), markets={KX.symbol: KX})
        self.case = Case(strategy_rules(traded=KX, sizers=sizers, adds=True), setup=setup)
        self.told = Ledger()
        self.look(50)

    def look(self, cents: int) -> None:
        self.case.now += 5 * S
        told = replace(
            bar_of(symbol=KX.symbol, at=self.case.now, bar_s=5),
            open_points=float(cents), high_points=float(cents), low_points=float(cents), close_points=float(cents),
        )  # fmt: skip
        self.case.do(BarClosed(bar=told, ts_event_utc_ns=self.case.now))
        self.told.mark_cents = cents

    def order(self, side: int, action: int, cents: int) -> None:
        """A signal; the order that came of it is as large as it may be, and stands in both accounts.

        Nothing is bought against what is held or works: positions are of one side.
        """
        if side * self.told.held < 0 or self.told.working(-side):
            return
        before, wanted = self.case.count(OrderKind.ENTRY), (5, 10, 20, 50, 100)[(action - 1) % 5]
        lots = min(wanted, self.told.most(side, cents)["all"])
        self.case.signal(side, stop=0, target=0, price=cents, action=action)
        assert (self.case.count(OrderKind.ENTRY) - before) == (lots > 0)
        if lots:
            intent = self.case.intent(OrderKind.ENTRY)
            assert (intent.side, intent.lots, intent.price_ticks) == (side, lots, cents)
            self.case.accept(intent.client_order_id)
            self.told.orders.append(Order(intent.client_order_id, side, lots, cents))

    def fill(self, which: int, share: float, better: int) -> None:
        """Some of an order that works fills, at its limit or better."""
        working = [o for o in self.told.orders if o.left]
        if not working:
            return
        order = working[which % len(working)]
        cents = min(99, max(1, order.cents - order.side * better)) if not order.filled else order.cents
        lots = max(1, math.ceil(order.left * share))
        fee = self.told.fill(order, lots, cents)
        self.case.now += S
        self.case.executions += 1
        fill = Fill(
            execution_id=f"x{self.case.executions}",
            client_order_id=order.cid,
            market=KX.symbol,
            side=order.side,
            lots=lots,
            price_ticks=cents,
            fee_microusd=fee * 10_000,
            ts_event_utc_ns=self.case.now,
        )
        self.case.do(OrderFilled(fill=fill, ts_event_utc_ns=self.case.now))

    def cancel(self, which: int) -> None:
        working = [o for o in self.told.orders if o.left]
        if working:
            order = working[which % len(working)]
            self.case.canceled(order.cid)
            order.over = True

    def view(self, side: int, cents: int) -> View:
        strategy = self.case.rules.strategies["alpha"]
        signal = SignalMade(
            strategy="alpha", market=KX.symbol, signal_id="s", slot_utc_ns=1, side=side, stop_ticks=0, target_ticks=0,
            ts_event_utc_ns=self.case.now, price_ticks=cents,
        )  # fmt: skip
        return look(self.case.book, self.case.rules, strategy, signal)

    def agrees(self, side: int, cents: int) -> None:
        """Both accounts tell the same, and every cap leaves what it leaves when sizes are tried one by one."""
        view, told = self.view(side, cents), self.told
        assert self.case.book.balance_microusd <= 2 * CAPITAL_USD * MICRO
        assert round(view.account.cash_usd * 100, 6) == told.cash_cents
        assert round(view.account.pending_usd * 100, 6) == told.pending_cents
        assert round(view.position.portfolio_usd * 100, 6) == told.equity_cents
        assert view.position.lots == told.held
        assert (view.position.working_long_lots, view.position.working_short_lots) == (
            told.working(1),
            told.working(-1),
        )
        most = told.most(side, cents)
        for cap, sizer in CAPS.items():
            assert chain_lots([Fixed(lots=MANY), sizer], view) == most[cap], cap
        guard: Guard = CashGuard(cash_min_usd=50, margin_frac_max=0.5)
        order = OrderView(market=KX.symbol, side=side, lots=MANY, price_points=float(cents))
        assert guard(view, order).lots == most["cash"]
        tied = Concentration(portfolio_frac=0.2).reading(view)["now"]
        held = abs(told.held) * cost_cents(1 if told.held > 0 else -1, told.mark_cents)
        working = sum(o.left * cost_cents(o.side, o.cents) for o in told.orders)
        assert round(float(tied) * 100, 6) == held + working


SIDES: Final = st.sampled_from([1, -1])
CENTS: Final = st.integers(1, 99)
ACTS: Final = st.one_of(
    st.tuples(st.just("order"), SIDES, st.integers(1, 20), CENTS),
    st.tuples(st.just("fill"), st.integers(0, 5), st.floats(0.01, 1.0), st.integers(0, 5)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("look"), CENTS),
)


@given(acts=st.lists(ACTS, max_size=25), side=SIDES, cents=CENTS)
def test_cash_fees_pending_orders_and_every_cap_are_exact_to_the_cent(
    acts: list[tuple[Any, ...]], side: int, cents: int
) -> None:
    account = Account()
    for name, *how in acts:
        getattr(account, name)(*how)
    account.agrees(side, cents)
    account.agrees(-side, cents)


def test_the_account_beside_it_is_right_by_hand() -> None:
    # 100 YES at 40 cents, 30 of them filled: 12.00 and a fee of ceil(50.4) = 51 cents; the whole order's is 168 cents.
    account = Account()
    account.order(1, 5, 40)
    account.fill(0, 0.3, 0)
    assert (account.told.cash_cents, account.told.held) == (60_000 - 1_200 - 51, 30)
    assert account.told.pending_cents == 70 * 40 + 168 - 51
    assert account.told.equity_cents == 60_000 - 1_200 - 51 + 30 * 50
    account.agrees(1, 40)
    # Selling YES at 45 closes what is held; only the rest needs cash.
    account.cancel(0)
    assert account.told.most(-1, 45)["concentration"] == 30 + math.floor(account.told.equity_cents / 5 / 55)
    account.agrees(-1, 45)
    assert account.case.now > T0
