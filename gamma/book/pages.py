"""What stands in the book: the records that the engine remembers. Frozen values; `fold` makes the next ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from gamma.events import FillsRead, Halt, HealthSeen, Level, SessionOpened
from gamma.floor import FloorRule, FloorState
from gamma.markets import Market, market
from gamma.marks import Mark
from gamma.orders import Order, Position, id_prefix, unended
from gamma.views import PastIntent, PastTrade

HOUR_NS: Final = 3_600_000_000_000
DAY_NS: Final = 24 * HOUR_NS

Key = tuple[str, str]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the book is of: the account, its capital, its floor rule and its markets."""

    account: str
    mode: str
    starting_capital_microusd: int
    markets: Mapping[str, Market]
    floor_rule: FloorRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A strategy's completed trades, newest last; at most 100 are kept, `trades` counts all.

    `slippage_ticks` is how much worse than its own price each fill of a stop was, of the last 100.
    """

    trades: int = 0
    pnl_usd_per_lot: tuple[float, ...] = ()
    r_multiples: tuple[float, ...] = ()
    slippage_ticks: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)  # no slots: `revised`
class Money:
    """The account's money, in whole micro-dollars; `peak` is the highest equity seen, open P&L included."""

    realised_microusd: int = 0
    fees_microusd: int = 0
    equity_microusd: int = 0
    peak_microusd: int = 0
    floor: FloorState | None = None
    floor_room_start_microusd: int = 0
    day: str = ""
    day_balance_microusd: int = 0
    day_equity_microusd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Who may trade, and what the last comparisons with the broker said.

    `mismatches` counts comparisons in a row that differed, by market; `broker_lots` is what the broker holds there.
    `strays` are orders of our form, seen at work, that this ledger never issued, each with its market.
    `fills_read` tells up to where the broker's executions are recorded.
    """

    armed_config_hash: str = ""
    armed_until_utc_ns: int = 0
    loss_max_microusd: int = 0
    mismatches: Mapping[str, int] = field(default_factory=dict)
    broker_lots: Mapping[str, int] = field(default_factory=dict)
    balance_gap_microusd: int | None = None
    foreign_orders: frozenset[str] = frozenset()
    strays: Mapping[str, str] = field(default_factory=dict)
    fills_read: FillsRead | None = None
    health: HealthSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """What a guard found and has not latched yet: how often in a row, when last, and whom it keeps from new risk.

    `action` is what the guard asked for; readings of a milder finding do not count for a harder one.
    """

    readings: int
    ts_event_utc_ns: int
    scope: str
    target: str
    action: str


@dataclass(frozen=True, kw_only=True)  # no slots: `revised`
class Book:
    """The engine's memory.

    `slots` holds the last slot that each strategy has decided on, `breaches` what guards found by (strategy,
    guard), `executions` the ids of the last fills, so that none is booked twice, `intents` the last orders of the day;
    `orders_today` counts them all.
    """

    setup: Setup
    epoch: int = 0
    sequence: int = 0
    halt_count: int = 0
    ts_event_utc_ns: int = 0
    money: Money
    positions: Mapping[Key, Position] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    tracks: Mapping[str, Track] = field(default_factory=dict)
    slots: Mapping[str, int] = field(default_factory=dict)
    halts: Mapping[str, Halt] = field(default_factory=dict)
    executions: tuple[str, ...] = ()
    control: Control = field(default_factory=Control)
    intents: tuple[PastIntent, ...] = ()
    orders_today: int = 0
    trades: tuple[PastTrade, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)
    sessions: Mapping[str, SessionOpened] = field(default_factory=dict)
    breaches: Mapping[Key, Breach] = field(default_factory=dict)

    @property
    def balance_microusd(self) -> int:
        """Starting capital, plus realised P&L, less fees [micro-dollars]."""
        return self.setup.starting_capital_microusd + self.money.realised_microusd - self.money.fees_microusd

    @property
    def client_id_prefix(self) -> str:
        """How the client order ids of this account begin: they go on with epoch and sequence."""
        return id_prefix(self.setup.account)

    @property
    def dead_man_prefix(self) -> str:
        """How the client order ids of this account's dead-man begin; none of ours does."""
        return f"d{self.client_id_prefix[1:]}"

    def at(self, ts_event_utc_ns: int) -> "Book":
        """The same book at this time."""
        return replace(self, ts_event_utc_ns=ts_event_utc_ns)

    def position(self, strategy: str, market: str) -> Position:
        """The strategy's position in the market; flat when there is none."""
        return self.positions.get((strategy, market)) or Position(strategy=strategy, market=market)

    def market(self, symbol: str) -> Market:
        """The market as it is configured, or as the table has it where nothing trades it any more."""
        return self.setup.markets.get(symbol) or market(symbol)

    @property
    def state(self) -> str:
        """ACTIVE, or the hardest level that stands on the whole account."""
        levels = {h.level for h in self.halts.values() if h.scope == "account"}
        return next(
            (str(level).upper() for level in (Level.HALTED, Level.REDUCING, Level.PAUSED) if level in levels), "ACTIVE"
        )

    def lots(self, market: str) -> int:
        """Net lots of the account in a market, over all strategies."""
        return sum(p.lots for (_, held), p in self.positions.items() if held == market)

    def standing(self, strategy: str, market: str) -> tuple[Halt, ...]:
        """The halts that stand against this strategy in this market."""
        return tuple(h for h in self.halts.values() if _against(h, strategy, market))

    def barred(self, strategy: str, market: str) -> bool:
        """Whether a halt, or the first reading of one, keeps this strategy from new risk in this market."""
        bars: tuple[Halt | Breach, ...] = (*self.halts.values(), *self.breaches.values())
        return any(_against(bar, strategy, market) for bar in bars)

    def frozen(self, strategy: str, market: str) -> bool:
        """HALTED: nothing at all is sent but cancels."""
        return any(h.level is Level.HALTED for h in self.standing(strategy, market))

    def unresolved(self, market: str) -> bool:
        """Whether the fate of an order in this market is not known."""
        return any(o.unresolved and o.intent.market == market for o in unended(self.orders))


def _against(bar: Halt | Breach, strategy: str, market: str) -> bool:
    return (
        bar.scope == "account"
        or (bar.scope == "strategy" and bar.target == strategy)
        or (bar.scope == "market" and bar.target == market)
    )


def with_item(mapping: Mapping[K, V], key: K, value: V) -> dict[K, V]:
    """A copy in which `key` holds `value`."""
    return {**mapping, key: value}


def without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    """A copy that lacks `key`."""
    left = dict(mapping)
    left.pop(key, None)
    return left
