"""Paper against live: where two ledgers of the same strategies part, slot by slot, and what fills cost."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from gamma import drift, stats
from gamma.errors import InputMissing
from gamma.events import Manage, OrderKind
from gamma.ledger import Reader, Wanted
from gamma.markets import MICRO, Market

HOLD: Final = "HOLD"
SIDES: Final = {1: "BUY", -1: "SELL"}
OF: Final = (OrderKind.ENTRY.value, OrderKind.STOP.value)
_ALL: Final = Wanted(limit=2**63 - 1)
_MANAGES: Final = frozenset(manage.value for manage in Manage)

Key = tuple[str, int]
"""A strategy, and the slot that it decided on [ns]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What became of one slot: what the strategy wanted, the lots that were sized, and what was filled of them.

    `slippage_ticks` is how much worse than the price of the decision the entry was filled; NaN where it was not.
    """

    act: str
    lots: int = 0
    bound_by: str = ""
    reason: str = ""
    state: str = ""
    filled_lots: int = 0
    slippage_ticks: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgered:
    """One ledger, reduced to what is compared; `slippage_ticks` by market and kind of order."""

    account: str
    mode: str
    events: int
    head_sha256: str
    slots: Mapping[Key, Slot]
    slippage_ticks: Mapping[tuple[str, str], Sequence[float]]
    pnl_usd: float
    markets: frozenset[str] = field(default=frozenset())


def of_ledger(reader: Reader) -> Ledgered:
    """Read a ledger.

    Raises: InputMissing when no slot was decided on in it.
    """
    with reader.at_once():
        ticks, decisions = reader.ticks(_ALL), {row["id"]: row for row in reader.decisions(_ALL)}
        orders, fills = reader.orders(_ALL), reader.fills(_ALL)
        events, head = reader.head
        prices = _prices(fills)
        entries = {row["decision_id"]: row for row in orders if row["kind"] == OrderKind.ENTRY.value}
        slots: dict[Key, Slot] = {}
        for row in ticks:
            act = row["outcome"].upper() if row["outcome"] in _MANAGES else HOLD
            slots[row["strategy"], row["slot_utc_ns"]] = Slot(act=act)
        slipped: dict[tuple[str, str], list[float]] = defaultdict(list)
        for decision_id, row in decisions.items():
            slot = _slot(reader, row, entries.get(decision_id), prices)
            slots[row["strategy"], row["slot_utc_ns"]] = slot
            if math.isfinite(slot.slippage_ticks):
                slipped[row["market"], OF[0]].append(slot.slippage_ticks)
        for order in orders:
            if order["kind"] == OF[1] and order["id"] in prices:
                slipped[order["market"], OF[1]].append(order["side"] * (prices[order["id"]] - order["price_ticks"]))
        pnl_usd = reader.trade_totals()["pnl_microusd"] / MICRO
    if not slots:
        raise InputMissing(f"the ledger of {reader.account}: no slot was decided on in it")
    return Ledgered(
        account=reader.account,
        mode=reader.mode,
        events=events,
        head_sha256=head,
        slots=slots,
        slippage_ticks=slipped,
        pnl_usd=pnl_usd,
        markets=frozenset(row["market"] for row in decisions.values()),
    )


def compare(paper: Ledgered, live: Ledgered, markets: Mapping[str, Market]) -> dict[str, Any]:
    """Both ledgers over the slots that lie in the span of both, as plain values.

    Raises: InputMissing when they have no span in common.
    """
    first = max(min(slot for _, slot in one.slots) for one in (paper, live))
    last = min(max(slot for _, slot in one.slots) for one in (paper, live))
    within = [{key for key in one.slots if first <= key[1] <= last} for one in (paper, live)]
    both = sorted(within[0] & within[1], key=lambda key: (key[1], key[0]))
    if not both:
        raise InputMissing("the two ledgers have no slot in common: they must be of the same strategies and days")
    pairs = [(key, paper.slots[key], live.slots[key]) for key in both]
    return {
        "paper": _head(paper),
        "live": _head(live),
        "ts_first_utc_ns": first,
        "ts_last_utc_ns": last,
        "slots": {
            "both": len(both),
            "only_paper": len(within[0] - within[1]),
            "only_live": len(within[1] - within[0]),
        },
        "signals": _signals(pairs),
        "sizes": _sizes(pairs),
        "fills": _fills(pairs),
        "slippage": _slippage(paper, live, markets),
        "slippage_apart_ticks": _sampled([b.slippage_ticks - a.slippage_ticks for _, a, b in pairs]),
    }


Pair = tuple[Key, Slot, Slot]


def _signals(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Whether both wanted the same on the same bar; where neither wanted anything they agree, and are told apart."""
    acted = [pair for pair in pairs if HOLD not in (pair[1].act, pair[2].act) or pair[1].act != pair[2].act]
    apart = [(key, a, b) for key, a, b in acted if a.act != b.act]
    low, high = stats.wilson(len(acted) - len(apart), len(acted))
    return {
        "held": len(pairs) - len(acted),
        "acted": len(acted),
        "agree": len(acted) - len(apart),
        "agree_frac": (len(acted) - len(apart)) / len(acted) if acted else math.nan,
        "agree_low_frac": low,
        "agree_high_frac": high,
        "differ": [{**_where(key), "paper": a.act, "live": b.act} for key, a, b in apart],
    }


def _sizes(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Of the same signal the same lots; else which step bound on either side."""
    entered = [(key, a, b) for key, a, b in pairs if a.act == b.act and a.act in SIDES.values()]
    apart = [(key, a, b) for key, a, b in entered if a.lots != b.lots]
    return {
        "same": len(entered) - len(apart),
        "differ": [
            {
                **_where(key),
                "paper_lots": a.lots,
                "live_lots": b.lots,
                "paper_bound_by": a.bound_by,
                "live_bound_by": b.bound_by,
                "paper_reason": a.reason,
                "live_reason": b.reason,
            }
            for key, a, b in apart
        ],
    }


def _fills(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Entries that were ordered on both sides: which one filled, and the other did not, or not in full."""
    ordered = [(key, a, b) for key, a, b in pairs if a.lots and b.lots and a.act == b.act]
    missed = [(key, a, b) for key, a, b in ordered if _missed(a, b) or _missed(b, a)]
    return {
        "ordered": len(ordered),
        "missed_live": sum(_missed(a, b) for _, a, b in missed),
        "missed_paper": sum(_missed(b, a) for _, a, b in missed),
        "missed": [
            {
                **_where(key),
                "paper_filled_lots": a.filled_lots,
                "paper_lots": a.lots,
                "paper_state": a.state,
                "live_filled_lots": b.filled_lots,
                "live_lots": b.lots,
                "live_state": b.state,
            }
            for key, a, b in missed
        ],
    }


def _missed(filled: Slot, other: Slot) -> bool:
    """The one filled in full, the other did not."""
    return filled.filled_lots == filled.lots and other.filled_lots < other.lots


def _slippage(paper: Ledgered, live: Ledgered, markets: Mapping[str, Market]) -> list[dict[str, Any]]:
    """By market, of entries and of stops: how much worse than asked they filled.

    `expected_ticks` is what the market's costs reckon with, to which a fill at market adds half of the spread.
    """
    found = []
    for key in sorted({*paper.slippage_ticks, *live.slippage_ticks}):
        symbol, of = key
        expected = float(markets[symbol].slippage_ticks)
        ticks, modelled = live.slippage_ticks.get(key, ()), _sampled(paper.slippage_ticks.get(key, ()))
        found.append(
            {
                "market": symbol,
                "of": of,
                "expected_ticks": expected,
                "paper": modelled,
                "live": _sampled(ticks),
                "live_above_paper_p": drift.slippage_p(ticks, modelled["mean_ticks"]),
            }
        )
    return found


def _slot(reader: Reader, row: Mapping[str, Any], entry: Mapping[str, Any] | None, prices: Mapping[str, float]) -> Slot:
    act = SIDES.get(row["side"], HOLD)
    if entry is None:
        return Slot(act=act, lots=row["lots"], bound_by=row["bound_by"], reason=row["reason"])
    slipped = math.nan
    if entry["id"] in prices:
        market = reader.decision(row["id"]).view.market
        asked = entry["price_ticks"] or float(market.price_points) / float(market.tick_points)
        slipped = entry["side"] * (prices[entry["id"]] - asked)
    return Slot(
        act=act,
        lots=row["lots"],
        bound_by=row["bound_by"],
        reason=row["reason"],
        state=entry["state"],
        filled_lots=entry["filled_lots"],
        slippage_ticks=slipped,
    )


def _prices(fills: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The mean price of each order's fills [ticks]."""
    lots: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for fill in fills:
        lots[fill["client_order_id"]] += fill["lots"]
        total[fill["client_order_id"]] += fill["lots"] * fill["price_ticks"]
    return {cid: total[cid] / number for cid, number in lots.items()}


def _sampled(ticks: Sequence[float]) -> dict[str, float]:
    known = np.array([x for x in ticks if math.isfinite(x)], dtype=np.float64)
    low, high = stats.bootstrap(known, stats.mean)
    return {"fills": len(known), "mean_ticks": stats.mean(known), "low_ticks": low, "high_ticks": high}


def _where(key: Key) -> dict[str, Any]:
    return {"strategy": key[0], "slot_utc_ns": key[1]}


def _head(one: Ledgered) -> dict[str, Any]:
    return {
        "account": one.account,
        "mode": one.mode,
        "events": one.events,
        "head_sha256": one.head_sha256,
        "pnl_usd": one.pnl_usd,
    }
