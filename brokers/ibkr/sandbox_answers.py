"""What the sandbox answers to questions: orders, executions, holdings, money, contracts, prices."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from brokers.ibkr import sandbox_shapes as shapes
from brokers.ibkr.sandbox_contracts import Listed, by_number, futures, option, underlying
from brokers.ibkr.sandbox_exchange import Exchange
from brokers.ibkr.sandbox_wire import Field, packed
from brokers.sandbox.option_floor import option_of
from brokers.sandbox.option_market import DAILY_ROOTS
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.markets import Kind, Market

BAR_SIZES: Final = {
    "1 min": 60, "2 mins": 120, "3 mins": 180, "5 mins": 300, "10 mins": 600, "15 mins": 900, "20 mins": 1200,
    "30 mins": 1800, "1 hour": 3600, "1 day": 86_400,
}  # fmt: skip
_UNITS_S: Final = {"S": 1, "D": 86_400, "W": 7 * 86_400}
_NEW_YORK: Final = ZoneInfo("America/New_York")
_FUTURES: Final = (Kind.EMINI, Kind.MICRO)
_NOT_FOUND: Final = "No security definition has been found for the request"


def same_day(ts_utc_ns: int, now_utc_ns: int) -> bool:
    """Whether something is of today, as it is at midnight in New York."""
    return _date(ts_utc_ns) == _date(now_utc_ns)


def _date(ts_utc_ns: int) -> date:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(_NEW_YORK).date()


def account_values(exchange: Exchange, now_utc_ns: int) -> Iterator[bytes]:
    """The account, value by value."""
    for tag, value in exchange.money(now_utc_ns).items():
        for currency in ("USD", "BASE") if tag in ("UnrealizedPnL", "RealizedPnL") else ("USD",):
            yield packed(6, 2, tag, f"{value:.2f}", currency, exchange.account)
    yield packed(54, 1, exchange.account)


def account_rows(exchange: Exchange, request: int, kind: int, now_utc_ns: int) -> Iterator[bytes]:
    """The account under a request's number: 63 as a summary, 73 as updates."""
    for tag, value in exchange.money(now_utc_ns).items():
        head: list[Field] = [kind, 1, request, exchange.account]
        told: list[Field] = [tag, f"{value:.2f}", "USD"]
        yield packed(*head, *([] if kind == 63 else [""]), *told)
    yield packed(kind + 1, 1, request)


def positions(exchange: Exchange, now_utc_ns: int) -> Iterator[bytes]:
    """What is held."""
    for each in exchange.holdings(now_utc_ns):
        yield shapes.position(exchange.account, each.listed, each.lots, each.average_usd)
    yield packed(62, 1)


def found(exchange: Exchange, fields: Sequence[str], now_utc_ns: int) -> list[Listed]:
    """The contracts that twelve fields mean: number, symbol, type, day, strike, right, ..., class last.

    Raises: InputInvalid when there are none.
    """
    con_id, symbol, sec_type, day, strike, right = fields[:6]
    if con_id and int(con_id):
        return [by_number(int(con_id))]
    if sec_type == "FUT":
        listed = futures(exchange.floor.prices.market(symbol), now_utc_ns)
        told = [each for each in listed if each.expires.startswith(day)]
    elif sec_type in ("IND", "STK"):
        exchange.options.quotes.spot(symbol, now_utc_ns)
        told = [underlying(symbol)]
    elif sec_type == "OPT":
        told = _options(exchange, symbol, (day, strike, right, fields[11]), now_utc_ns)
    else:
        told = []
    if not told:
        raise InputInvalid(_NOT_FOUND)
    return told


def _options(exchange: Exchange, symbol: str, asked: tuple[str, str, str, str], now_utc_ns: int) -> list[Listed]:
    day, strike, right, root = asked
    ends = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    wanted = Decimal(strike or 0)
    if wanted:
        symbol_of = f"{root or DAILY_ROOTS[symbol]}{day[2:]}{right[:1]}{int(wanted * 1000):08d}"
        named = option_of(symbol_of)
        exchange.options.quotes.quote(named, now_utc_ns)
        return [option(named)]
    rows = exchange.chain(symbol, ends, now_utc_ns).values()
    return [option(each) for each, _ in rows if not root or each.root == root]


def definitions(exchange: Exchange, request: int, symbol: str, now_utc_ns: int) -> Iterator[bytes]:
    """The options on an underlying: their class, days and strikes."""
    quotes = exchange.options.quotes
    days = quotes.expirations(symbol, now_utc_ns)
    strikes = sorted({Decimal(str(o.strike_points)) for day in days for o, _ in quotes.chain(symbol, day, now_utc_ns)})
    yield packed(
        *(75, request, "SMART", underlying(symbol).con_id, DAILY_ROOTS[symbol], "100", len(days)),
        *(f"{day:%Y%m%d}" for day in days),
        len(strikes),
        *strikes,
    )
    yield packed(76, request)


def ticks(exchange: Exchange, request: int, listed: Listed, now_utc_ns: int) -> Iterator[bytes]:
    """What a contract is quoted at.

    Raises: InputInvalid when it is not.
    """
    prices: dict[int, Any] = {}
    if listed.sec_type == "FUT":
        market, touch = (
            exchange.floor.prices.market(listed.market),
            exchange.floor.prices.touch(listed.market, now_utc_ns),
        )
        told = {1: touch.bid_ticks, 2: touch.ask_ticks, 4: touch.last_ticks}
        prices = {kind: ticks * market.tick_points for kind, ticks in told.items()}
    elif listed.sec_type == "OPT":
        quoted = exchange.options.quotes.quote(option_of(listed.market), now_utc_ns)
        prices = {1: quoted.bid or -1, 2: quoted.ask}
    else:
        prices = {4: exchange.options.quotes.spot(listed.market, now_utc_ns)}
    yield packed(58, 1, request, 1)
    for kind, price in prices.items():
        yield packed(1, 6, request, kind, price, 10, 0)
    yield packed(46, 6, request, 45, str(now_utc_ns // NS))
    if listed.sec_type == "OPT":
        yield from _greeks(exchange, request, listed, now_utc_ns)


def _greeks(exchange: Exchange, request: int, listed: Listed, now_utc_ns: int) -> Iterator[bytes]:
    ends = date(int(listed.expires[:4]), int(listed.expires[4:6]), int(listed.expires[6:8]))
    spot = exchange.options.quotes.spot(listed.symbol, now_utc_ns)
    found = exchange.chain(listed.symbol, ends, now_utc_ns).get(listed.market)
    if found is not None:
        each, greeks = found
        call = listed.right == "C"
        yield packed(2, 6, request, 27 if call else 28, round(each.open_interest))
        yield packed(2, 6, request, 29 if call else 30, round(each.volume))
        yield packed(
            *(21, request, 13, 0, each.iv, float(greeks.delta), float(greeks.price_points), 0),
            *(float(greeks.gamma), float(greeks.vega) / 100, float(greeks.theta) / 365, spot),
        )


def bars(exchange: Exchange, fields: Sequence[str], now_utc_ns: int) -> bytes:
    """Bars of a future; the last one may not be closed yet.

    Raises: InputInvalid when they are not kept.
    """
    request, size, length = int(fields[1]), fields[16], fields[17]
    [listed] = found(exchange, fields[2:14], now_utc_ns)[:1]
    count, _, unit = length.partition(" ")
    if size not in BAR_SIZES or unit not in _UNITS_S or not count.isdecimal() or listed.sec_type != "FUT":
        raise InputInvalid("Historical Market Data Service error message: no data of such bars")
    market: Market = exchange.floor.prices.market(listed.market)
    until = _until(fields[15], now_utc_ns)
    rows = exchange.floor.prices.bars(market.symbol, BAR_SIZES[size], until - int(count) * _UNITS_S[unit] * NS, until)
    told: list[Field] = []
    for bar in rows:
        stamp = bar.ts_open_utc_ns // NS if fields[20] == "2" else shapes.stamp(bar.ts_open_utc_ns)
        told += [stamp, bar.open_points, bar.high_points, bar.low_points, bar.close_points]
        told += [0 if bar.volume_lots != bar.volume_lots else bar.volume_lots, bar.close_points, 1]
    return packed(17, request, "", "", len(rows), *told)


def _until(text: str, now_utc_ns: int) -> int:
    if not text:
        return now_utc_ns
    at = datetime.strptime(text[:17], "%Y%m%d-%H:%M:%S" if "-" in text else "%Y%m%d %H:%M:%S")  # noqa: DTZ007
    return int(at.replace(tzinfo=UTC if "-" in text or text.endswith("UTC") else _NEW_YORK).timestamp()) * NS


MOST_FIELDS: Final[Mapping[int, int]] = {3: 36, 9: 15, 1: 15, 20: 21, 78: 6}
