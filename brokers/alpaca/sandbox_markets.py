"""Clock, calendar, contracts and prices as Alpaca writes them: prices are JSON numbers, and strikes texts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from brokers.alpaca.sandbox_shapes import number_of, stamp
from brokers.sandbox.answers import Answer, in_json
from brokers.sandbox.option_floor import option_of
from brokers.sandbox.option_market import FUNDS, OptionMarket
from brokers.sandbox.prices import Prices
from gamma import calendar
from gamma.bars import Bar, Session
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.options import Greeks, Option

UNDERLYINGS: Final = FUNDS
MARKET: Final = "SPY"
PAGE_MAX: Final = 1_000
_UNITS_S: Final = {"Min": 60, "T": 60, "Hour": 3_600, "H": 3_600, "Day": 86_400, "D": 86_400}
_SIZE: Final = 10


def missing(what: str) -> Answer:
    """There is no such thing."""
    return in_json({"code": 40410000, "message": f"{what} not found"}, 404)


def trading(quotes: OptionMarket, rooms: Sequence[str], params: Mapping[str, str], now_utc_ns: int) -> Answer:
    """What the trading host tells of markets.

    Raises: InputInvalid where something is not listed.
    """
    match list(rooms):
        case ["clock"]:
            return in_json(clock(now_utc_ns))
        case ["calendar"]:
            return in_json(_days(params, now_utc_ns))
        case ["options", "contracts"]:
            rows = [_contract(option, now_utc_ns) for option, _ in _listed(quotes, params, now_utc_ns)]
            page, token = _page(rows, params, 100)
            return in_json({"option_contracts": page, "next_page_token": token})
        case ["options", "contracts", symbol]:
            option = option_of(symbol)
            quotes.quote(option, now_utc_ns)
            return in_json(_contract(option, now_utc_ns))
        case ["assets", symbol] if symbol in UNDERLYINGS:
            return in_json(_asset(symbol))
        case _:
            return missing("endpoint")


def data(
    quotes: OptionMarket, prices: Prices | None, rooms: Sequence[str], params: Mapping[str, str], now_utc_ns: int
) -> Answer:
    """What the data host tells; what is not quoted is left out."""
    symbols = [symbol for symbol in params.get("symbols", "").split(",") if symbol]
    match list(rooms):
        case ["v2", "stocks", "snapshots"]:
            found = {s: _stock(quotes, s, now_utc_ns) for s in symbols if s in UNDERLYINGS}
            return in_json(found)
        case ["v2", "stocks", ("quotes" | "trades") as what, "latest"]:
            key = "latestQuote" if what == "quotes" else "latestTrade"
            return in_json({what: {s: _stock(quotes, s, now_utc_ns)[key] for s in symbols if s in UNDERLYINGS}})
        case ["v2", "stocks", "bars"] if prices is not None:
            return _bars(prices, symbols, params, now_utc_ns)
        case ["v1beta1", "options", *asked]:
            return _options(quotes, asked, params, now_utc_ns)
        case _:
            return missing("endpoint")


def _options(quotes: OptionMarket, rooms: Sequence[str], params: Mapping[str, str], now_utc_ns: int) -> Answer:
    symbols = [symbol for symbol in params.get("symbols", "").split(",") if symbol]
    match list(rooms):
        case ["snapshots"]:
            return _snapshots(_quoted(quotes, symbols, now_utc_ns), params, now_utc_ns)
        case ["snapshots", underlying]:
            listed = _listed(quotes, {**params, "underlying_symbols": underlying}, now_utc_ns)
            return _snapshots(listed, params, now_utc_ns)
        case ["quotes", "latest"]:
            rows = _quoted(quotes, symbols, now_utc_ns)
            return in_json({"quotes": {option.symbol: _option_quote(option, now_utc_ns) for option, _ in rows}})
        case _:
            return missing("endpoint")


def clock(now_utc_ns: int) -> dict[str, Any]:
    """What time it is, and whether the market is open."""
    running = calendar.session_at(MARKET, now_utc_ns)
    opened = running is not None and now_utc_ns < running.ts_cash_close_utc_ns
    after = calendar.next_session(MARKET, now_utc_ns)
    closing = running.ts_cash_close_utc_ns if running is not None and opened else after.ts_cash_close_utc_ns
    return {
        "timestamp": stamp(now_utc_ns),
        "is_open": opened,
        "next_open": stamp(after.ts_cash_open_utc_ns),
        "next_close": stamp(closing),
    }


def closes_utc_ns(ts_utc_ns: int) -> int:
    """When an order that is good for the day ends [UTC ns]."""
    running: Session = calendar.session_at(MARKET, ts_utc_ns) or calendar.next_session(MARKET, ts_utc_ns)
    return running.ts_close_utc_ns


def _days(params: Mapping[str, str], now_utc_ns: int) -> list[dict[str, str]]:
    today = datetime.fromtimestamp(now_utc_ns // NS, UTC).date().isoformat()
    found = calendar.sessions(MARKET, params.get("start", today)[:10], params.get("end", today)[:10])
    return [
        {
            "date": one.date,
            "open": _new_york(one.ts_cash_open_utc_ns, "%H:%M"),
            "close": _new_york(one.ts_cash_close_utc_ns, "%H:%M"),
            "session_open": "0400",
            "session_close": "2000",
        }
        for one in found
    ]


def _new_york(ts_utc_ns: int, form: str) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(calendar.NEW_YORK).strftime(form)


def _listed(quotes: OptionMarket, params: Mapping[str, str], now_utc_ns: int) -> list[tuple[Option, Greeks]]:
    """The options of underlyings that are asked for; without a last day, those until the next weekend."""
    today = datetime.fromtimestamp(now_utc_ns // NS, UTC).astimezone(calendar.NEW_YORK).date()
    exact, weekend = params.get("expiration_date"), date.fromordinal(today.toordinal() + 6 - today.weekday())
    first = exact or params.get("expiration_date_gte", "")
    last = exact or params.get("expiration_date_lte", weekend.isoformat())
    low, high = float(params.get("strike_price_gte", 0)), float(params.get("strike_price_lte", 1e9))
    found: list[tuple[Option, Greeks]] = []
    for underlying in params.get("underlying_symbols", "").split(","):
        if underlying not in UNDERLYINGS:
            continue
        for day in quotes.expirations(underlying, now_utc_ns):
            if first <= day.isoformat() <= last:
                found += quotes.chain(underlying, day, now_utc_ns)
    kind = params.get("type", "")
    return [
        (option, greeks)
        for option, greeks in found
        if low <= option.strike_points <= high and kind in ("", option.right.value)
    ]


def _quoted(quotes: OptionMarket, symbols: Iterable[str], now_utc_ns: int) -> list[tuple[Option, Greeks]]:
    wanted = {}
    for symbol in symbols:
        try:
            option = option_of(symbol)
        except InputInvalid:
            continue
        wanted[symbol] = option
    days = {(option.root, option.expires) for option in wanted.values() if option.root in UNDERLYINGS}
    chains = [pair for root, day in sorted(days) for pair in quotes.chain(root, day, now_utc_ns)]
    return [(option, greeks) for option, greeks in chains if option.symbol in wanted]


def _snapshots(rows: Sequence[tuple[Option, Greeks]], params: Mapping[str, str], now_utc_ns: int) -> Answer:
    page, token = _page([_snapshot(option, greeks, now_utc_ns) for option, greeks in rows], params, 100)
    return in_json({"snapshots": dict(page), "next_page_token": token})


def _snapshot(option: Option, greeks: Greeks, now_utc_ns: int) -> tuple[str, dict[str, Any]]:
    named = {
        "delta": greeks.delta,
        "gamma": greeks.gamma,
        "rho": greeks.rho / 100,
        "theta": greeks.theta / 365,
        "vega": greeks.vega / 100,
    }
    told: dict[str, Any] = {
        "latestQuote": _option_quote(option, now_utc_ns),
        "dailyBar": {"t": stamp(now_utc_ns), "o": 0, "h": 0, "l": 0, "c": 0, "v": int(option.volume), "n": 1, "vw": 0},
        "impliedVolatility": round(option.iv, 4),
        "greeks": {name: round(float(value), 4) for name, value in named.items()},
    }
    return option.symbol, told


def _option_quote(option: Option, now_utc_ns: int) -> dict[str, Any]:
    sizes = {"as": _SIZE, "ax": "A", "bs": _SIZE, "bx": "A", "c": " "}
    return {"t": stamp(now_utc_ns), "ap": option.ask_points, "bp": option.bid_points, **sizes}


def _stock(quotes: OptionMarket, symbol: str, now_utc_ns: int) -> dict[str, Any]:
    last, at = float(quotes.spot(symbol, now_utc_ns)), stamp(now_utc_ns)
    bid, ask = round(last - 0.01, 2), round(last + 0.01, 2)
    quote = {"t": at, "ax": "V", "ap": ask, "as": 3, "bx": "V", "bp": bid, "bs": 3, "c": ["R"], "z": "B"}
    trade = {"t": at, "x": "V", "p": last, "s": 100, "c": ["@"], "i": 1, "z": "B"}
    return {"latestTrade": trade, "latestQuote": quote}


def _bars(prices: Prices, symbols: Sequence[str], params: Mapping[str, str], now_utc_ns: int) -> Answer:
    """Bars that begin from `start` on; the last is the one that is being made, if it was asked for."""
    frame = params.get("timeframe", "1Day")
    unit = frame.lstrip("0123456789")
    if unit not in _UNITS_S or not frame.removesuffix(unit):
        return in_json({"message": f"invalid timeframe: {frame}"}, 400)
    bar_s = int(frame.removesuffix(unit)) * _UNITS_S[unit]
    try:
        since = datetime.fromisoformat(params.get("start", stamp(now_utc_ns)[:10]))
    except ValueError:
        return in_json({"message": "invalid format for parameter start"}, 400)
    first_utc_ns = round((since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp()) * NS
    found = {
        symbol: [
            _bar(bar)
            for bar in prices.bars(symbol, bar_s, first_utc_ns, now_utc_ns)
            if bar.ts_open_utc_ns >= first_utc_ns
        ][: int(params.get("limit", PAGE_MAX))]
        for symbol in symbols
        if symbol in UNDERLYINGS
    }
    return in_json({"bars": {symbol: bars for symbol, bars in found.items() if bars}, "next_page_token": None})


def _bar(bar: Bar) -> dict[str, Any]:
    prices = {"o": bar.open_points, "h": bar.high_points, "l": bar.low_points, "c": bar.close_points}
    return {"t": stamp(bar.ts_open_utc_ns), **prices, "v": 1_000, "n": 10, "vw": bar.close_points}


def _contract(option: Option, now_utc_ns: int) -> dict[str, Any]:
    today = _new_york(now_utc_ns, "%Y-%m-%d")
    return {
        "id": number_of("asset", option.symbol),
        "symbol": option.symbol,
        "name": f"{option.root} {option.expires:%b %d %Y} {option.strike_points:g} {option.right.value.title()}",
        "status": "active",
        "tradable": True,
        "expiration_date": option.expires.isoformat(),
        "root_symbol": option.root,
        "underlying_symbol": option.root,
        "underlying_asset_id": number_of("asset", option.root),
        "type": option.right.value,
        "style": "american",
        "strike_price": f"{option.strike_points:g}",
        "multiplier": "100",
        "size": "100",
        "open_interest": None if option.open_interest != option.open_interest else str(int(option.open_interest)),
        "open_interest_date": today,
        "close_price": None,
        "close_price_date": None,
    }


def _asset(symbol: str) -> dict[str, Any]:
    flags = ("tradable", "marginable", "shortable", "easy_to_borrow", "fractionable")
    return {
        "id": number_of("asset", symbol),
        "class": "us_equity",
        "exchange": "ARCA",
        "symbol": symbol,
        "name": symbol,
        "status": "active",
        **dict.fromkeys(flags, True),
        "attributes": ["has_options"],
    }


def _page(rows: Sequence[Any], params: Mapping[str, str], limit: int) -> tuple[list[Any], str | None]:
    """One page, and by which token the next one is asked for."""
    first, size = int(params.get("page_token") or 0), min(int(params.get("limit") or limit), 10_000)
    page = list(rows[first : first + size])
    return page, str(first + size) if first + size < len(rows) else None
