"""The account and the position of a view: money, margin, risk, and what works. Pure."""

import math

from gamma.book import Book
from gamma.events import OrderKind
from gamma.markets import MICRO, Kind
from gamma.orders import Order, Position, unended
from gamma.outlook.scene import NO_MARK, Scene, equity_microusd
from gamma.views import NAN, AccountView, PositionView


def account(scene: Scene) -> AccountView:
    """Money, margin, risk and limits of the account."""
    book, policy, entries, equity = scene.book, scene.rules.policy, scene.entries, scene.equity_microusd
    money, balance = book.money, book.balance_microusd
    margin = sum(_margin_usd(book, p.market, p.lots) for p in book.positions.values())
    pending = sum(_working_usd(book, o) + _fee_usd(book, o) for o in entries)
    risk = sum(_risk_usd(book, p) for p in book.positions.values() if p.lots)
    return AccountView(
        balance_usd=balance / MICRO,
        equity_usd=equity / MICRO,
        starting_capital_usd=book.setup.starting_capital_microusd / MICRO,
        peak_equity_usd=max(money.peak_microusd, equity) / MICRO,
        floor_usd=money.floor.floor_microusd / MICRO if money.floor else NAN,
        floor_room_start_usd=money.floor_room_start_microusd / MICRO if money.floor else NAN,
        cash_usd=equity / MICRO - margin,
        pending_usd=pending,
        margin_used_usd=margin,
        day_start_equity_usd=money.day_equity_microusd / MICRO,
        day_pnl_usd=(equity - money.day_equity_microusd) / MICRO,
        day_realised_usd=(balance - money.day_balance_microusd) / MICRO,
        day_loss_max_usd=policy.day_loss_max_usd,
        minis_max=policy.minis_max(balance / MICRO),
        gross_risk_usd=risk + sum(_entry_risk_usd(book, o) for o in entries),
    )


def position(scene: Scene) -> PositionView:
    """What is held and works in the strategy's market, its family and the account."""
    book, symbol, family = scene.book, scene.market.symbol, scene.market.family
    held_lots = others_long = others_short = working_long = working_short = 0
    market_value = family_value = market_pending = family_pending = long_minis = short_minis = 0.0
    for (name, held), position in book.positions.items():
        market, lots = book.market(held), position.lots
        value = _margin_usd(book, held, lots)
        if held == symbol:
            held_lots += lots
            market_value += value
            if name != scene.strategy.name:
                others_long += max(0, lots)
                others_short += max(0, -lots)
        if market.family == family:
            family_value += value
            long_minis += max(0, lots) * market.mini_equivalent
            short_minis += max(0, -lots) * market.mini_equivalent
    for order in scene.entries:
        market, value = book.market(order.intent.market), _working_usd(book, order)
        long_lots, short_lots = _sides(order)
        if order.intent.market == symbol:
            working_long += long_lots
            working_short += short_lots
            market_pending += value
        if market.family == family:
            family_pending += value
            long_minis += long_lots * market.mini_equivalent
            short_minis += short_lots * market.mini_equivalent
    bare_lots, bare_since_utc_ns = _bare(book, book.positions.get((scene.strategy.name, symbol)))
    return PositionView(
        lots=held_lots,
        working_long_lots=working_long,
        working_short_lots=working_short,
        others_long_lots=others_long,
        others_short_lots=others_short,
        value_usd=_margin_usd(book, symbol, held_lots),
        market_value_usd=market_value,
        family_value_usd=family_value,
        market_pending_usd=market_pending,
        family_pending_usd=family_pending,
        portfolio_usd=scene.equity_microusd / MICRO,
        family_net_minis=long_minis - short_minis,
        family_long_minis=long_minis,
        family_short_minis=short_minis,
        bare_lots=bare_lots,
        bare_s=(book.ts_event_utc_ns - bare_since_utc_ns) / 1e9 if bare_lots else 0.0,
    )


def cash_microusd(book: Book) -> int:
    """Equity that is not tied up in what is held, at the last prices; as far as a price is known [micro-dollars]."""
    tied_usd = sum(_margin_usd(book, p.market, p.lots) for p in book.positions.values())
    return equity_microusd(book) - (round(tied_usd * MICRO) if math.isfinite(tied_usd) else 0)


def _sides(order: Order) -> tuple[int, int]:
    """What could still fill, long and short [lots]."""
    lots = order.left_lots
    return (lots, 0) if order.intent.side > 0 else (0, lots)


def _margin_usd(book: Book, symbol: str, lots: int) -> float:
    if not lots:
        return 0.0
    market, price = book.market(symbol), book.marks.get(symbol, NO_MARK).price_points
    # NO, which is what short means in an event contract, costs what YES does not.
    paid = 100 - price if market.kind is Kind.EVENT and lots < 0 else price
    return abs(lots) * market.margin_usd_per_lot(paid)


def _working_usd(book: Book, order: Order) -> float:
    """What an order that works would tie up, if all that is left of it filled: an event contract at its limit [usd]."""
    intent, lots = order.intent, order.left_lots
    market = book.market(intent.market)
    if market.kind is not Kind.EVENT or not lots or not order.price_ticks:
        return _margin_usd(book, intent.market, intent.side * lots)
    yes_cents = market.points(order.price_ticks)
    return lots * market.margin_usd_per_lot(yes_cents if intent.side > 0 else 100 - yes_cents)


def _fee_usd(book: Book, order: Order) -> float:
    """What an event contract's order would still be charged; the exchange's fee is one for all its fills [usd]."""
    market = book.market(order.intent.market)
    if market.kind is not Kind.EVENT or not order.left_lots:
        return 0.0
    price_ticks: float = order.price_ticks or book.marks.get(market.symbol, NO_MARK).price_points
    if not math.isfinite(price_ticks):
        return NAN
    at = round(price_ticks)
    return (market.fee_microusd(order.intent.lots, at) - market.fee_microusd(order.filled_lots, at)) / MICRO


def _risk_usd(book: Book, position: Position) -> float:
    """What the position loses from here if its stop fills at its price; without one, all that it can [usd]."""
    stops = [
        o.price_ticks
        for o in unended(book.orders)
        if o.intent.kind is OrderKind.STOP and o.live and o.intent.parent in position.entry_ids
    ]
    if not stops:
        return _whole_usd(book, position.market, position.lots, position.risk_microusd_per_lot)
    market = book.market(position.market)
    price = book.marks.get(position.market, NO_MARK).price_points * market.ticks_per_point
    return max(0.0, *(position.lots * (price - stop) for stop in stops)) * market.tick_value_microusd / MICRO


def _entry_risk_usd(book: Book, order: Order) -> float:
    intent = order.intent
    stops = [
        o.price_ticks
        for o in book.orders.values()
        if o.intent.parent == intent.client_order_id and o.intent.kind is OrderKind.STOP
    ]
    if not stops:
        told = intent.risk_microusd_per_lot
        return order.left_lots * told / MICRO if told else _working_usd(book, order)
    market = book.market(intent.market)
    price = intent.price_ticks or book.marks.get(intent.market, NO_MARK).price_points * market.ticks_per_point
    return order.left_lots * abs(price - stops[0]) * market.tick_value_microusd / MICRO


def _whole_usd(book: Book, symbol: str, lots: int, risk_microusd_per_lot: int) -> float:
    """The most that so many lots can lose: as their structure says, else their margin [usd]."""
    return abs(lots) * risk_microusd_per_lot / MICRO if risk_microusd_per_lot else _margin_usd(book, symbol, lots)


def _bare(book: Book, position: Position | None) -> tuple[int, int]:
    """How much of a position has neither a live stop nor a defined largest loss, and since when [ns].

    What is being closed already needs none.
    """
    if position is None or not position.lots or position.exit_reason:
        return 0, 0
    if position.risk_microusd_per_lot and not position.risk_ticks:
        return 0, 0
    stops = [
        o for o in book.orders.values() if o.intent.kind is OrderKind.STOP and o.intent.parent in position.entry_ids
    ]
    bare = abs(position.lots) - sum(o.left_lots for o in stops if o.confirmed)
    since = max(position.ts_grown_utc_ns, *(o.ts_end_utc_ns for o in stops), 0)
    return max(0, bare), since
