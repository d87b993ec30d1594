"""An order at the paper exchange, and the tape of its market."""

from dataclasses import dataclass, field
from typing import Final

from gamma.books import EventBook
from gamma.events import Intent, OrderState, OrderType
from gamma.markets import Kind, Market
from gamma.ports import BrokerOrder

OPEN: Final = frozenset({OrderState.ACKED, OrderState.PARTIAL})
_RANK: Final = {OrderType.STOP: 0, OrderType.MARKET: 1, OrderType.LIMIT: 2, OrderType.NONE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOrder:
    """An order as the exchange keeps it, for ever; `executions` holds (lots, price in ticks).

    A stop that was touched is `triggered`: a market order from then on. `code` and `text` say why it was refused.
    """

    intent: Intent
    sequence: int
    state: OrderState
    price_ticks: int
    ts_event_utc_ns: int
    triggered: bool = False
    executions: tuple[tuple[int, int], ...] = ()
    code: str = ""
    text: str = ""

    @property
    def client_order_id(self) -> str:
        """Our name for it."""
        return self.intent.client_order_id

    @property
    def broker_order_id(self) -> str:
        """The exchange's name for it."""
        return f"P{self.sequence}"

    @property
    def filled_lots(self) -> int:
        """What was executed [lots]."""
        return sum(lots for lots, _ in self.executions)

    @property
    def left_lots(self) -> int:
        """What is still to be executed [lots]."""
        return self.intent.lots - self.filled_lots

    @property
    def open(self) -> bool:
        """Whether it still works."""
        return self.state in OPEN

    @property
    def rank(self) -> int:
        """Stops trade before all others, limits last: the bad fill comes first."""
        return 0 if self.triggered else _RANK[self.intent.order_type]

    def told(self) -> BrokerOrder:
        """As a broker tells it."""
        return BrokerOrder(
            client_order_id=self.client_order_id,
            broker_order_id=self.broker_order_id,
            market=self.intent.market,
            state=self.state,
            side=self.intent.side,
            lots=self.intent.lots,
            filled_lots=self.filled_lots,
            price_ticks=self.price_ticks,
            ts_event_utc_ns=self.ts_event_utc_ns,
        )


@dataclass(slots=True, kw_only=True)
class Tape:
    """What the exchange last saw of a market, and the orders that work there, oldest first.

    `book` is that of the last look at an event market; it is not kept on disk.
    """

    market: Market
    ts_bar_utc_ns: int = 0
    ts_event_utc_ns: int = 0
    price_ticks: float = float("nan")
    volume_lots: float = float("nan")
    spread_points: float = float("nan")
    bid_ticks: int | None = None
    ask_ticks: int | None = None
    book: EventBook | None = None
    working: list[str] = field(default_factory=list)

    @property
    def by_quote_only(self) -> bool:
        """A structure trades at its net price, which no bar of its underlying shows."""
        return self.market.kind is Kind.OPTION_SPREAD

    def touch_ticks(self, side: int) -> int | None:
        """The best price of the other side: what a buyer pays, or a seller gets."""
        return self.ask_ticks if side > 0 else self.bid_ticks
