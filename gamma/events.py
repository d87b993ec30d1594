"""Everything that can enter the engine: facts in the past tense, and operators' commands.

Facts marked `recorded` go to the ledger before anything is sent, and `fold` rebuilds the book from
them alone. Market data and signs of life are transient: they come again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gamma.bars import Bar, Session
from gamma.reasons import Fact, Step
from gamma.views import CurveView, View

BARRED: Final = "barred_by_"
"""Before a step's name in a signal's notes: how many actions it barred that the policy preferred to those it took."""


class OrderKind(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"
    CANCEL = "cancel"
    REPLACE = "replace"


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    NONE = "none"


class OrderState(StrEnum):
    """PENDING -> ACKED | REJECTED | UNKNOWN; UNKNOWN -> ACKED | ABSENT | QUARANTINED; ACKED -> the rest."""

    PENDING = "pending"
    ACKED = "acked"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    QUARANTINED = "quarantined"


class Manage(StrEnum):
    """What a policy wants of the position that it holds."""

    BREAK_EVEN = "break_even"
    """The stop to the entry."""
    TRAIL_ON = "trail_on"
    """The stop behind the best price since the entry, from now on."""
    TRAIL_OFF = "trail_off"
    """The stop stays where it is."""
    CLOSE = "close"
    """Out at the market; an entry that still works is taken back."""
    REDUCE = "reduce"
    """So many lots out by a limit; the rest stays. For positions without a stop or target at the broker."""


class Level(StrEnum):
    """How far trading is cut. PAUSED lifts by itself; the others only by a person."""

    PAUSED = "paused"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One instrument of a multi-leg order; `ratio` is signed: + bought, - sold when the order is bought."""

    symbol: str
    ratio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An order as it was decided, before its first byte was sent.

    `price_ticks` is the limit or stop price, 0 at market. `parent` names the entry whose bracket this
    order belongs to, `subject` the order that a cancel or replace is about. `risk_microusd_per_lot` is the
    most that one lot can lose where no stop says it (an option structure), else 0. `reduces` tells that it closes
    what its strategy holds, `reduce_only` that the broker may hold it to what the account holds. From `until_utc_ns` on
    it is taken back; 0 is for good.
    """

    client_order_id: str
    decision_id: str
    strategy: str
    market: str
    kind: OrderKind
    order_type: OrderType
    side: int
    lots: int
    price_ticks: int = 0
    reduces: bool = False
    reduce_only: bool = False
    signal_id: str = ""
    parent: str = ""
    subject: str = ""
    reason: str = ""
    legs: tuple[Leg, ...] = ()
    risk_microusd_per_lot: int = 0
    ts_event_utc_ns: int = 0
    until_utc_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution at the broker; `execution_id` is unique in the account.

    `fee_estimated` tells that the fee is the market's commission, because the broker does not tell its own.

    A settlement is a fill without an order: `settled_microusd_per_lot` is what a lot was worth then, to the cent, and
    None for a trade. Its side is opposite to what is held, its price the nearest tick to what it was worth, and
    `opened_by` the client order id of the order that opened it, where the broker tells that.
    """

    execution_id: str
    client_order_id: str
    market: str
    side: int
    lots: int
    price_ticks: int
    fee_microusd: int
    ts_event_utc_ns: int
    fee_estimated: bool = False
    settled_microusd_per_lot: int | None = None
    opened_by: str = ""

    @property
    def settled(self) -> bool:
        """Whether it ended by itself, and nobody traded."""
        return self.settled_microusd_per_lot is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A round trip from flat to flat; P&L is net of fees."""

    trade_id: str
    strategy: str
    market: str
    side: int
    lots_max: int
    ts_open_utc_ns: int
    ts_close_utc_ns: int
    entry_points: float
    exit_points: float
    pnl_microusd: int
    fees_microusd: int
    risk_microusd: int
    exit_reason: str

    @property
    def pnl_usd_per_lot(self) -> float:
        """Net P&L of the trade by its largest size [usd/lot]."""
        return self.pnl_microusd / 1e6 / self.lots_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A row that stops new risk: on the account, a strategy or a market (`scope`, `target`)."""

    halt_id: str
    scope: str
    target: str
    level: Level
    reason: str
    actor: str
    evidence: Mapping[str, Fact]
    ts_event_utc_ns: int
    until_utc_ns: int = 0


# --- transient: they come again -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BarClosed:
    """A bar of a market is complete."""

    bar: Bar
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSeen:
    """Best bid and ask of a market."""

    market: str
    bid_points: float
    ask_points: float
    ts_event_utc_ns: int
    depth_top5_lots: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAdvanced:
    """Event time reached this instant."""

    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A market's trading session became the current one; `agrees` when both calendars tell the same hours."""

    session: Session
    ts_event_utc_ns: int
    agrees: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSeen:
    """Seconds since each loop's last sign of life, the clock's offset, and the kill switch."""

    broker_age_s: float
    data_age_s: float
    strategy_age_s: float
    clock_offset_s: float
    ts_event_utc_ns: int
    kill_switch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMade:
    """A strategy wants a trade; distances and prices in ticks, 0 where there is none.

    `slot_utc_ns` is the bar's close for which it was made: one decision a strategy and slot.
    `credit_ticks` is the mid of an option structure's credit, `width_ticks` the width of its widest wing.
    `novelty` is how far what a policy saw lies from what it was trained on; NaN where no policy made the signal.
    `curve` is what the chain's size picker says of every size of it; None where the chain has none.
    `work_s` is how long after its slot what has not filled of it is taken back; 0 is never.
    """

    strategy: str
    market: str
    signal_id: str
    slot_utc_ns: int
    side: int
    stop_ticks: int
    target_ticks: int
    ts_event_utc_ns: int
    price_ticks: int = 0
    credit_ticks: int = 0
    width_ticks: int = 0
    risk_microusd_per_lot: int = 0
    action: int = -1
    legs: tuple[Leg, ...] = ()
    novelty: float = float("nan")
    notes: Mapping[str, Fact] = field(default_factory=dict)
    curve: CurveView | None = None
    work_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageWanted:
    """A strategy wants something of the position that it holds; `trail_atr` average true ranges behind, to trail.

    `why` is the reason of a close, as the trade will tell it. To reduce, `lots` are to leave at `price_ticks` or
    better, and what has not filled `work_s` after the slot is taken back; 0 is never.
    """

    strategy: str
    market: str
    manage: Manage
    slot_utc_ns: int
    ts_event_utc_ns: int
    trail_atr: float = 0.0
    why: str = ""
    lots: int = 0
    price_ticks: int = 0
    work_s: float = 0.0
    notes: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed:
    """A policy gave NaN or an illegal action, or is stale or not the pinned one."""

    strategy: str
    text: str
    ts_event_utc_ns: int


# --- recorded ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BootStarted:
    """The daemon started: a new epoch; every PENDING order becomes UNKNOWN."""

    epoch: int
    config_hash: str
    code_hash: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStarted:
    """A new trading day of the account, with what it starts from."""

    date: str
    balance_microusd: int
    equity_microusd: int
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarked:
    """Equity with open P&L over one bar of `market`: its best, its worst, and at the close.

    `ts_bar_utc_ns` is the bar's close; 0 in ledgers from before it was recorded, when it was the event's time.
    """

    market: str
    high_points: float
    low_points: float
    high_microusd: int
    low_microusd: int
    close_microusd: int
    ts_event_utc_ns: int
    ts_bar_utc_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """A decision with the whole view that it was made from, its trace, and what its signal noted of what it saw."""

    decision_id: str
    strategy: str
    market: str
    slot_utc_ns: int
    signal_id: str
    side: int
    lots: int
    sized_lots: int
    bound_by: str
    reason: str
    halted: bool
    steps: tuple[Step, ...]
    view: View
    config_hash: str
    standing: str
    ts_event_utc_ns: int
    fault: str = ""
    notes: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionManaged:
    """What was wanted of a position, and what came of it: it holds from now on where `reason` is ok, else nothing did.

    The orders that follow from it come of themselves, now and later. Of a reduction `lots` and `price_ticks` are what
    was wanted, 0 of all else; the order that follows at once has a decision's id, `strategy@slot`. `notes` tell of a
    reduction what was held, where the market's middle was, how wide its spread, and how much its book would take.
    """

    strategy: str
    market: str
    manage: Manage
    trail_atr: float
    slot_utc_ns: int
    reason: str
    ts_event_utc_ns: int
    lots: int = 0
    price_ticks: int = 0
    notes: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended:
    """An order, with the stop and target that the broker is to hold with it, is about to be sent.

    `deadline_utc_ns`: unproved by then, it is quarantined.
    """

    intent: Intent
    bracket: tuple[Intent, ...]
    deadline_utc_ns: int
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The broker has the order."""

    client_order_id: str
    broker_order_id: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The broker refused the order, definitely."""

    client_order_id: str
    code: str
    text: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLost:
    """The order was sent, and no answer tells what became of it: UNKNOWN."""

    client_order_id: str
    text: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMissed:
    """A complete look at the broker's did not show an order; `final` when that is proof of an unknown one's absence.

    `early` when the broker's quiet window since it was sent may not have passed, by a clock that nobody sets.
    """

    client_order_id: str
    final: bool
    ts_event_utc_ns: int
    early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAbsent:
    """It is proved, or a person says, that the order never reached the broker."""

    client_order_id: str
    actor: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuarantined:
    """The order's fate could not be proved in time; the account is frozen until a person resolves it."""

    client_order_id: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """An order was executed, in part or whole."""

    fill: Fill
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled:
    """The order works no more, by our wish or the broker's; it may have fills."""

    client_order_id: str
    ts_event_utc_ns: int
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReplaced:
    """The order works at a new price."""

    client_order_id: str
    price_ticks: int
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitWanted:
    """A position is to be closed, and why."""

    strategy: str
    market: str
    reason: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeClosed:
    """A round trip is complete."""

    trade: Trade
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """New risk is cut."""

    halt: Halt
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A halt was lifted: by a person, or a pause ran out."""

    halt_id: str
    actor: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakRebased:
    """A person took this equity as the new peak from which drawdown is measured."""

    equity_microusd: int
    actor: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsCompared:
    """The broker's position of a market stands against the book's; recorded when they differ, or agree again."""

    market: str
    book_lots: int
    broker_lots: int
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCompared:
    """The broker's balance stands against start plus P&L, fees and transfers."""

    gap_microusd: int
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOrderSeen:
    """The broker holds an order under an id of ours that this ledger never issued, or a stranger's.

    `works` where it was seen among the orders at work, and not by an execution alone.
    """

    client_order_id: str
    market: str
    ours: bool
    ts_event_utc_ns: int
    works: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A person armed live trading of one config until the session ends."""

    config_hash: str
    loss_max_microusd: int
    until_utc_ns: int
    actor: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsRead:
    """Every execution up to the broker's `marker` is recorded, and reading goes on from there.

    It counts for this account at this broker alone, and for these markets: fills of others were passed over.
    """

    account: str
    broker: str
    markets: tuple[str, ...]
    marker: str
    ts_event_utc_ns: int

    def marker_for(self, account: str, broker: str, markets: Collection[str]) -> str:
        """Where reading goes on; empty, for the first fill, where this counts for another account, broker or market."""
        same = (self.account, self.broker) == (account, broker)
        return self.marker if same and set(markets) <= set(self.markets) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutDown:
    """The daemon stopped cleanly."""

    reason: str
    ts_event_utc_ns: int


# --- commands: a person asks ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRequested:
    """Cut new risk; `level` HALTED stops every submit, REDUCING lets exits through."""

    command_id: str
    actor: str
    text: str
    level: Level
    ts_event_utc_ns: int
    scope: str = "account"
    target: str = ""
    reason: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequested:
    """Lift one halt; `rebase` measures drawdown from today's equity on."""

    command_id: str
    actor: str
    halt_id: str
    ts_event_utc_ns: int
    rebase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenRequested:
    """Cancel entries and close positions; of one market, or all where it is empty."""

    command_id: str
    actor: str
    market: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRequested:
    """Say what became of a quarantined order: it was `filled` (the fills follow by reconcile) or `absent`."""

    command_id: str
    actor: str
    client_order_id: str
    outcome: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRequested:
    """Arm live trading of this config until `until_utc_ns`."""

    command_id: str
    actor: str
    config_hash: str
    loss_max_microusd: int
    until_utc_ns: int
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AckRequested:
    """A person has seen an alert, named by number or key; all of them where `alert` is empty."""

    command_id: str
    actor: str
    alert: str
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRequested:
    """Ask the broker for everything, now."""

    command_id: str
    actor: str
    ts_event_utc_ns: int


Recorded = (
    BootStarted
    | DayStarted
    | EquityMarked
    | DecisionMade
    | PositionManaged
    | OrderIntended
    | OrderAccepted
    | OrderRejected
    | OrderLost
    | OrderMissed
    | OrderAbsent
    | OrderQuarantined
    | OrderFilled
    | OrderCanceled
    | OrderReplaced
    | ExitWanted
    | TradeClosed
    | Halted
    | Resumed
    | PeakRebased
    | PositionsCompared
    | BalanceCompared
    | ForeignOrderSeen
    | Armed
    | FillsRead
    | ShutDown
)
Transient = BarClosed | QuoteSeen | TimeAdvanced | SessionOpened | HealthSeen | SignalMade | ManageWanted | ModelFailed
# What the engine decides on; acknowledging and reconciling are the shell's own.
Instruction = HaltRequested | ResumeRequested | FlattenRequested | ResolveRequested | ArmRequested
Command = Instruction | AckRequested | ReconcileRequested
Event = Recorded | Transient | Instruction
