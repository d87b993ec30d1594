"""The overview: may it trade, what is it worth, what is held and works, and what today was."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from gamma import account
from gamma.dashboard import parts
from gamma.dashboard.course import picture
from gamma.dashboard.sight import Query, Sight
from gamma.ledger.reader import Record
from gamma.markets import MICRO
from gamma.orders import Order

_STATES = {
    "ACTIVE": "It may take new risk.",
    "PAUSED": "It takes no new risk for now; exits and stops go on working.",
    "REDUCING": "It takes no new risk; exits and stops go on working.",
    "HALTED": "Nothing is sent but cancels; stops at the broker go on working.",
}


def show(sight: Sight, _: Query) -> list[Component]:
    """The page."""
    money = account.money(sight.now.book, sight.reader)
    return [
        _state(sight, money),
        _money(money),
        _today(sight, money),
        parts.card("Open positions", _positions(sight), wide=True, id="positions"),
        parts.card(
            "Equity", dcc.Graph(figure=picture(sight), config={"displayModeBar": False}, id="equity"), wide=True
        ),
        parts.card("Working orders", _orders(sight), wide=True, id="orders"),
    ]


def _state(sight: Sight, money: Record) -> Component:
    book = sight.now.book
    halts = [account.halt_row(book, one) for one in book.halts]
    said: list[Any] = [html.P([html.Strong(money["state"]), f". {_STATES.get(book.state, '')}"], id="state")]
    said += [_halt(row, sight.told) for row in halts]
    waiting = sight.reader.standing_alerts()
    if waiting:
        wait = "alerts wait" if len(waiting) > 1 else "alert waits"
        said.append(parts.notice(f"{len(waiting):,} critical {wait} for: gamma ack{sight.told}"))
    unresolved = account.unresolved(book)
    said += [
        parts.notice(f"Order {row['id']} in {row['market']} is {row['state']}: its market waits for it.")
        for row in unresolved
    ]
    return parts.card("State", *said)


def _halt(row: Record, told: str) -> Component:
    said = row["evidence"].get("text")
    why = parts.words(row["reason"]) + (f": {said}" if said else "")
    ends = (
        f"until {parts.when(row['until_utc_ns'])}"
        if row["until_utc_ns"]
        else f"since {parts.when(row['ts_event_utc_ns'])}"
    )
    lift = "" if row["until_utc_ns"] else f" A person lifts it with: gamma resume --ack {row['id']}{told}"
    on = row["target"] or row["scope"]
    return parts.notice(f"{row['level'].upper()} on {on}, {ends}, by {row['actor']}: {why}.{lift}", "bad")


def _money(money: Record) -> Component:
    rows: list[tuple[str, parts.Cell]] = [
        ("equity", html.Strong(parts.usd(money["equity_usd"]))),
        ("balance", parts.usd(money["balance_usd"])),
        ("peak", parts.usd(money["peak_usd"])),
        ("below peak", parts.usd(money["peak_usd"] - money["equity_usd"])),
    ]
    if money["floor_usd"] is not None:
        rows += [
            ("floor", parts.usd(money["floor_usd"])),
            ("room", html.Strong(parts.usd(money["room_usd"]), id="room")),
        ]
    won = f"{money['trades']:,} ({money['wins']:,} won)"
    rows += [("trades", won), ("P&L net", parts.signed(money["pnl_usd"])), ("fees", parts.usd(money["fees_usd"]))]
    return parts.card("Account [usd]", parts.figures(rows))


def _today(sight: Sight, money: Record) -> Component:
    since = sight.day_seq
    totals = sight.reader.trade_totals(since)
    refused = {
        by: number
        for (by, side, lots, _), number in sight.reader.tally(
            "decisions", "bound_by", "side", "lots", "reason", after_seq=since
        ).items()
        if side and not lots
    }
    rows: list[tuple[str, parts.Cell]] = [
        ("P&L with open", parts.signed(money["day_pnl_usd"])),
        ("trades", f"{totals['trades']:,} ({totals['wins']:,} won)"),
        ("their P&L", parts.signed(totals["pnl_microusd"] / MICRO)),
        ("fees", parts.usd(sight.reader.fees_microusd(since) / MICRO)),
        ("refused entries", parts.link(f"{sum(refused.values()):,}", sight.link("/decisions", outcome="refused"))),
    ]
    return parts.card(f"Today, {money['day'] or 'no day has begun'} [usd]", parts.figures(rows))


def _positions(sight: Sight) -> Component:
    rows = account.positions(sight.now.book)
    return parts.table(
        ("strategy", "market", ">lots", ">entry", ">stop", ">target", "?since", "?closing for"),
        [
            (
                row["strategy"] or "(not ours)",
                row["market"],
                f"{row['lots']:+d}",
                *(price(sight, row["market"], row[f"{name}_points"]) for name in ("entry", "stop", "target")),
                parts.when(row["ts_open_utc_ns"]),
                parts.words(row["exit_reason"]),
            )
            for row in rows
        ],
        empty="flat: nothing is held",
    )


def _orders(sight: Sight) -> Component:
    book = sight.now.book
    works = [o for o in book.orders.values() if (o.live or o.unresolved) and o.moves_position]
    return parts.table(
        ("order", "?strategy", "market", "kind", ">lots", ">price", ">filled", "state"),
        [_order(sight, order) for order in works],
        empty="none works",
    )


def _order(sight: Sight, order: Order) -> Sequence[parts.Cell]:
    intent = order.intent
    points = sight.now.book.market(intent.market).points(order.price_ticks) if order.price_ticks else None
    return (
        intent.client_order_id,
        intent.strategy,
        intent.market,
        str(intent.kind),
        f"{intent.side * intent.lots:+d}",
        "market" if points is None else price(sight, intent.market, points),
        str(order.filled_lots),
        str(order.state),
    )


def price(sight: Sight, market: str, points: float | None) -> str:
    """A price with the decimals of its market's tick; `-` where there is none."""
    return "-" if points is None else sight.now.book.market(market).shown(points)
