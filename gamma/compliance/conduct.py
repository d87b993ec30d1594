"""`Conduct`: what an account held and had working at every moment, beside its history of equity and trades."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, final

from gamma import markets
from gamma.history import History
from gamma.markets import MICRO, Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The first violating time [ns], 0 where there is none, and what shows it."""

    ts_utc_ns: int = 0
    row: str = ""


NOWHERE: Final = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """An order that can still trade: at the broker, or not known not to be."""

    order_id: str
    market: str
    side: int
    lots: int
    entry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What holds from a moment until the next: net lots by market (none is 0), and the orders at work.

    `row` names what brought it about. `bare` are the markets in which something is held without a live stop or a
    defined largest loss. `balance_usd` is what has been realised.
    """

    ts_utc_ns: int
    row: str
    balance_usd: float
    held: Mapping[str, int] = field(default_factory=dict)
    working: tuple[Working, ...] = ()
    bare: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conduct:
    """All that the rules look at.

    `mark_rows` names the row behind each mark of the history. `orders_known` tells whether orders and stops are
    told of at all: of a file of trades they are not. `fees_told` is false where every fee is missing. `traded_by` is
    `live`, `paper` or `rehearsal` where gamma traded, and empty where nobody knows who did. `ts_end_utc_ns` is until
    when anything is known. `markets` are the account's own terms of what it traded.
    """

    history: History
    stands: tuple[Stand, ...]
    mark_rows: tuple[str, ...]
    orders_known: bool
    fees_told: bool
    traded_by: str
    ts_end_utc_ns: int
    markets: Mapping[str, Market] = field(default_factory=dict)

    def market(self, symbol: str) -> Market:
        """The market by the account's own terms, or as the table has it."""
        return self.markets.get(symbol) or markets.market(symbol)

    def mark(self, at: int) -> Where:
        """The time and the row of a mark; nowhere for -1."""
        if at < 0:
            return NOWHERE
        row = self.mark_rows[at] if at < len(self.mark_rows) else f"mark {at + 1}"
        return Where(ts_utc_ns=int(self.history.ts_mark_utc_ns[at]), row=row)

    @property
    def begin(self) -> Where:
        """The first thing that was done."""
        return Where(ts_utc_ns=self.stands[0].ts_utc_ns, row=self.stands[0].row) if self.stands else NOWHERE

    @property
    def end(self) -> Where:
        """Until when anything is known."""
        return Where(ts_utc_ns=self.ts_end_utc_ns, row="the end of the record")

    @property
    def spans(self) -> Iterator[tuple[Stand, int]]:
        """Each stand, and the time at which it ends [ns]."""
        ends = [one.ts_utc_ns for one in self.stands[1:]] + [max(self.ts_end_utc_ns, self._last_ns)]
        return zip(self.stands, ends, strict=False)

    @property
    def _last_ns(self) -> int:
        return self.stands[-1].ts_utc_ns if self.stands else 0


def of_trades(history: History, markets_of: Mapping[str, Market] | None = None) -> Conduct:
    """What trades alone tell, with a mark each: each is taken to be held at its largest from its open to its close."""
    trades = history.trades
    # At one moment what closes comes before what opens.
    changes = sorted(
        [(t.ts_open_utc_ns, 1, t.side * t.lots_max, t) for t in trades]
        + [(t.ts_close_utc_ns, 0, -t.side * t.lots_max, t) for t in trades],
        key=lambda change: (change[0], change[1], change[3].trade_id),
    )
    held: dict[str, int] = {}
    balance_microusd = round(history.start_usd * MICRO)
    stands = []
    for ts_utc_ns, opens, lots, trade in changes:
        held = {**held, trade.market: held.get(trade.market, 0) + lots}
        balance_microusd += 0 if opens else trade.pnl_microusd
        stands.append(
            Stand(ts_utc_ns=ts_utc_ns, row=f"trade {trade.trade_id}", balance_usd=balance_microusd / MICRO, held=held)
        )
    ends = [*history.ts_session_close_utc_ns[-1:].tolist(), *(one.ts_utc_ns for one in stands[-1:])]
    return Conduct(
        history=history,
        stands=tuple(stands),
        mark_rows=tuple(f"trade {t.trade_id}" for t in trades),
        orders_known=False,
        fees_told=any(t.fees_microusd for t in trades),
        traded_by="",
        ts_end_utc_ns=max(ends, default=0),
        markets=markets_of or {},
    )
