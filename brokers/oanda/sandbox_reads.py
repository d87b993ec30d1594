"""What a sandbox of OANDA's answers to questions: account, orders, trades, positions, transactions, prices, candles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from brokers.oanda import sandbox_shapes as shapes
from brokers.oanda.market_data import GRANULARITIES
from brokers.oanda.reading import moment
from brokers.oanda.sandbox_transactions import Row, Trade, Transactions
from brokers.sandbox.answers import Answer, in_json
from brokers.sandbox.prices import Prices
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid

MARKET: Final = "XAU_USD"
COUNT_MAX: Final = 5_000
PAGE_MAX: Final = 1_000
BREAK_NS: Final = 5 * 86_400 * NS  # no market is shut for longer
_LENGTHS: Final = {name: bar_s for bar_s, name in GRANULARITIES.items()}
_HUNG: Final = {"STOP_LOSS": "stopLossOrder", "TAKE_PROFIT": "takeProfitOrder"}


@dataclass(frozen=True, slots=True)
class View:
    """The account at a time; an order can be seen `lag_ns` after it came."""

    log: Transactions
    prices: Prices
    account: str
    lag_ns: int
    now_utc_ns: int

    def open_usd(self, trade: Trade) -> Decimal:
        """Open P&L of a trade [usd]."""
        touch = self.prices.touch(trade.symbol, self.now_utc_ns)
        return shapes.worth_usd(trade, touch, self.prices.market(trade.symbol))

    def orders(self, state: str = "PENDING") -> list[Row]:
        """Orders in a state, the newest first."""
        wanted = [p for p in self.log.orders.values() if p.ts_utc_ns + self.lag_ns <= self.now_utc_ns]
        return [p.row for p in reversed(wanted) if state in ("ALL", p.row["state"])]

    def told(self, fields: Mapping[str, Any]) -> Answer:
        """An answer with the number of the last transaction."""
        return in_json({**fields, "lastTransactionID": str(self.log.last)})


def answer(view: View, asked: Sequence[str], params: Mapping[str, str]) -> Answer:
    """Answer a question.

    Raises: InputInvalid where it is none.
    """
    if asked[:1] == ["transactions"]:
        return _transactions(view, asked[1:], params)
    told = _of_the_market(view, asked, params) or _of_the_account(view, asked, params)
    return view.told(told) if told else _missing("NOT_FOUND")


def _of_the_market(view: View, asked: Sequence[str], params: Mapping[str, str]) -> Row:
    """What is asked of the market; nothing where it is none of it."""
    match list(asked):
        case ["instruments", instrument, "candles"]:
            return _candles(view, instrument, params)
        case ["instruments"]:
            return {"instruments": _instruments(view, params)}
        case ["pricing"]:
            rows = [_price(view, name) for name in params.get("instruments", "").split(",")]
            return {"prices": rows, "time": shapes.stamp(view.now_utc_ns)}
        case _:
            return {}


def _of_the_account(view: View, asked: Sequence[str], params: Mapping[str, str]) -> Row:
    """What is asked of the account; nothing where it is none of it."""
    told: dict[str, Callable[[], Row]] = {
        "": lambda: {"account": {**_summary(view), **_parts(view)}},
        "summary": lambda: {"account": _summary(view)},
        "orders": lambda: {"orders": _listed(view, params)},
        "pendingOrders": lambda: {"orders": view.orders()},
        "trades": lambda: {"trades": [_trade(view, trade) for trade in _trades(view)]},
        "openTrades": lambda: {"trades": [_trade(view, trade) for trade in _trades(view) if trade.left]},
        "positions": lambda: {"positions": [_position(view)] if view.log.trades else []},
        "openPositions": lambda: {"positions": [_position(view)] if view.log.open_trades(MARKET) else []},
        f"positions/{MARKET}": lambda: {"position": _position(view)},
    }
    one = [trade for trade in view.log.trades.values() if list(asked) == ["trades", str(trade.number)]]
    if one:
        return {"trade": _trade(view, one[0])}
    found = told.get("/".join(asked))
    return found() if found is not None else {}


def _missing(code: str) -> Answer:
    return in_json({"errorCode": code, "errorMessage": code.replace("_", " ").capitalize()}, 404)


def _summary(view: View) -> Row:
    log, market = view.log, view.prices.market(MARKET)
    trades = log.open_trades(MARKET)
    touch = view.prices.touch(MARKET, view.now_utc_ns)
    open_usd = sum((view.open_usd(trade) for trade in trades), Decimal(0))
    units = sum((trade.left for trade in trades), Decimal(0))
    worth = abs(units) * touch.last_ticks * market.tick_points
    nav, used = log.balance_usd + open_usd, worth * shapes.MARGIN_RATE
    amounts = {
        "balance": log.balance_usd,
        "NAV": nav,
        "pl": log.realised_usd,
        "unrealizedPL": open_usd,
        "financing": log.financing_usd,
        "commission": Decimal(0),
        "marginUsed": used,
        "marginAvailable": max(Decimal(0), nav - used),
        "positionValue": worth,
        "marginCloseoutNAV": nav,
        "withdrawalLimit": max(Decimal(0), nav - used),
    }
    return {
        "id": view.account,
        "currency": "USD",
        "createdByUserID": 1,
        "createdTime": shapes.stamp(0),
        "guaranteedStopLossOrderMode": "DISABLED",
        "hedgingEnabled": False,
        "marginRate": shapes.text_of(shapes.MARGIN_RATE),
        "openTradeCount": len(trades),
        "openPositionCount": 1 if trades else 0,
        "pendingOrderCount": len(view.orders()),
        "lastTransactionID": str(log.last),
        **{name: shapes.money(usd) for name, usd in amounts.items()},
    }


def _parts(view: View) -> Row:
    trades = [_trade(view, t) for t in view.log.open_trades(MARKET)]
    return {"orders": view.orders(), "trades": trades, "positions": [_position(view)] if trades else []}


def _listed(view: View, params: Mapping[str, str]) -> list[Row]:
    rows = view.orders(params.get("state", "PENDING"))
    if "ids" in params:
        rows = [row for row in rows if row["id"] in params["ids"].split(",")]
    if "beforeID" in params:
        rows = [row for row in rows if int(row["id"]) < int(params["beforeID"])]
    return rows[: min(500, int(params.get("count", "50")))]


def _trades(view: View) -> list[Trade]:
    return list(reversed(view.log.trades.values()))


def _trade(view: View, trade: Trade) -> Row:
    hung = [p.row for p in view.log.orders.values() if p.trade == trade.number and not p.ended]
    orders = {_HUNG[row["type"]]: row for row in hung}
    return shapes.trade(trade, view.open_usd(trade), orders)


def _position(view: View) -> Row:
    trades = view.log.open_trades(MARKET)
    return shapes.position(MARKET, trades, sum((view.open_usd(t) for t in trades), Decimal(0)))


def _instruments(view: View, params: Mapping[str, str]) -> list[Row]:
    wanted = params.get("instruments", MARKET).split(",")
    return [shapes.instrument(view.prices.market(MARKET))] if MARKET in wanted else []


def _price(view: View, name: str) -> Row:
    return shapes.price(view.prices.market(name), view.prices.touch(name, view.now_utc_ns))


def _transactions(view: View, which: Sequence[str], params: Mapping[str, str]) -> Answer:
    last = view.log.last
    match list(which):
        case ["sinceid"]:
            return _range(view, int(params.get("id", "0")) + 1, last, empty=True)
        case ["idrange"]:
            return _range(view, int(params.get("from", "0")), int(params.get("to", "0")))
        case [number] if number.isdecimal() and 0 < int(number) <= last:
            return view.told({"transaction": view.log.rows[int(number) - 1]})
        case []:
            path = f"/v3/accounts/{view.account}/transactions/idrange"
            pages = [f"{path}?from={n}&to={min(n + 99, last)}" for n in range(1, last + 1, 100)]
            return view.told({"count": last, "pageSize": 100, "pages": pages})
        case _:
            return _missing("NO_SUCH_TRANSACTION")


def _range(view: View, begin: int, end: int, *, empty: bool = False) -> Answer:
    """Transactions by number, both ends included, a thousand at most; none at all only after the last one."""
    if empty and begin == view.log.last + 1:
        return view.told({"transactions": []})
    if not 1 <= begin <= end <= view.log.last:
        return _out_of_range()
    return view.told({"transactions": view.log.rows[begin - 1 : end][:PAGE_MAX]})


def _out_of_range() -> Answer:
    return in_json({"errorMessage": "The transaction ID range specified is invalid"}, 416)


def _candles(view: View, instrument: str, params: Mapping[str, str]) -> Row:
    market = view.prices.market(instrument)
    granularity = params.get("granularity", "S5")
    if granularity not in _LENGTHS:
        raise InputInvalid(f"Invalid value specified for 'granularity': {granularity}")
    bar_ns = _LENGTHS[granularity] * NS
    count = min(COUNT_MAX, int(params.get("count", "500")))
    begin = moment(params["from"]) if "from" in params else view.now_utc_ns - max(3 * count * bar_ns, BREAK_NS)
    until = min(view.now_utc_ns, moment(params["to"]) if "to" in params else view.now_utc_ns)
    bars = view.prices.bars(instrument, bar_ns // NS, begin + bar_ns - 1, until)
    shown = bars[:count] if "from" in params else bars[-count:]
    growing = _growing(view, instrument, bar_ns) if len(shown) < count and until == view.now_utc_ns else None
    return shapes.candles(market, granularity, shown, growing=growing)


def _growing(view: View, instrument: str, bar_ns: int) -> Bar | None:
    """The candle that is not complete."""
    market, opened = view.prices.market(instrument), view.now_utc_ns // bar_ns * bar_ns
    touches = [view.prices.touch(instrument, ts) for ts in (opened, view.now_utc_ns)]
    if not touches[1].traded:
        return None
    first, last = (market.points(touch.last_ticks) for touch in touches)
    return Bar(
        market=instrument,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=opened + bar_ns,
        open_points=first,
        high_points=max(first, last),
        low_points=min(first, last),
        close_points=last,
    )
