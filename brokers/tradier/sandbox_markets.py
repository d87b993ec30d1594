"""Quotes, chains, expirations and the clock as Tradier writes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from brokers.sandbox.answers import Answer, in_json, in_text
from brokers.sandbox.option_floor import option_of, underlying_of
from brokers.sandbox.option_market import BarMarket, OptionMarket
from brokers.tradier.sandbox_shapes import envelope
from gamma import calendar
from gamma.bars import Session
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.options import Greeks, Option

MARKET: Final = "SPX"
_NEW_YORK: Final = ZoneInfo("America/New_York")
_STEPS_S: Final = {"1min": 60, "5min": 300, "15min": 900}


def answer(quotes: OptionMarket, asked: Sequence[str], params: Mapping[str, str], now_utc_ns: int) -> Answer:
    """Answer a question about markets.

    Raises: InputInvalid where something is not quoted.
    """
    match list(asked):
        case ["clock"]:
            return in_json(clock(now_utc_ns))
        case ["quotes"]:
            return in_json(_quotes(quotes, params.get("symbols", "").split(","), now_utc_ns))
        case [("timesales" | "history") as past]:
            return in_json(_past(quotes, past, params, now_utc_ns))
        case ["options", what]:
            return _options(quotes, what, params, now_utc_ns)
        case _:
            return in_text("Not Found", 404)


def _options(quotes: OptionMarket, asked: str, params: Mapping[str, str], now_utc_ns: int) -> Answer:
    symbol = params.get("symbol", "")
    if asked == "expirations":
        days = [day.isoformat() for day in quotes.expirations(symbol, now_utc_ns)]
        return in_json({"expirations": _expirations(days, params)})
    rows = quotes.chain(symbol, _day(params.get("expiration", "")), now_utc_ns)
    if asked == "strikes":
        return in_json({"strikes": envelope("strike", sorted({option.strike_points for option, _ in rows}))})
    if asked != "chains":
        return in_text("Not Found", 404)
    wanted = params.get("greeks", "").lower() == "true"
    told = [_row(option, greeks, with_greeks=wanted) for option, greeks in rows]
    return in_json({"options": envelope("option", told) if told else None})


def clock(now_utc_ns: int) -> dict[str, Any]:
    """Whether the cash market is open."""
    at = datetime.fromtimestamp(now_utc_ns / NS, UTC).astimezone(_NEW_YORK)
    session = calendar.session_at(MARKET, now_utc_ns)
    opened = session is not None and now_utc_ns < session.ts_cash_close_utc_ns
    if opened:
        state, following, text = "open", ("16:00", "postmarket"), "Market is open from 09:30 to 16:00"
    else:
        state, following, text = "closed", ("09:30", "open"), "Market is closed"
    return {
        "clock": {
            "date": at.date().isoformat(),
            "description": text,
            "state": state,
            "timestamp": now_utc_ns // NS,
            "next_change": following[0],
            "next_state": following[1],
        }
    }


def session_date(ts_utc_ns: int) -> str:
    """The day of trading that an order belongs to: this one, or the next where none is open."""
    return _session(ts_utc_ns).date


def next_close_utc_ns(ts_utc_ns: int) -> int:
    """When an order that is good for the day ends [UTC ns]."""
    return _session(ts_utc_ns).ts_close_utc_ns


def _session(ts_utc_ns: int) -> Session:
    return calendar.session_at(MARKET, ts_utc_ns) or calendar.next_session(MARKET, ts_utc_ns)


def _quotes(quotes: OptionMarket, symbols: Sequence[str], now_utc_ns: int) -> dict[str, Any]:
    rows, unmatched = [], []
    for symbol in symbols:
        try:
            rows.append(_quote(quotes, symbol, now_utc_ns))
        except InputInvalid:
            unmatched.append(symbol)
    told: dict[str, Any] = {"quote": rows[0] if len(rows) == 1 else rows} if rows else {}
    if unmatched:
        told["unmatched_symbols"] = {"symbol": unmatched[0] if len(unmatched) == 1 else unmatched}
    return {"quotes": told}


def _quote(quotes: OptionMarket, symbol: str, now_utc_ns: int) -> dict[str, Any]:
    at_ms = now_utc_ns // 1_000_000
    if len(symbol) <= 6:
        last = quotes.spot(symbol, now_utc_ns)
        return {"symbol": symbol, "type": "index", "last": last, "bid": None, "ask": None, "trade_date": at_ms}
    option = option_of(symbol)
    quoted = quotes.quote(option, now_utc_ns)
    return {
        "symbol": symbol,
        "type": "option",
        "last": quoted.mid,
        "bid": quoted.bid,
        "ask": quoted.ask,
        "bidsize": 10,
        "asksize": 10,
        "bid_date": at_ms,
        "ask_date": at_ms,
        "trade_date": at_ms,
        "underlying": underlying_of(option),
    }


def _past(quotes: OptionMarket, past: str, params: Mapping[str, str], now_utc_ns: int) -> dict[str, Any]:
    if past == "timesales":
        return {"series": envelope("data", _sales(quotes, params, now_utc_ns))}
    return {"history": envelope("day", _closes(quotes, params, now_utc_ns))}


def _sales(quotes: OptionMarket, params: Mapping[str, str], now_utc_ns: int) -> list[dict[str, Any]]:
    """Bars by the minute, each told once it has begun; here it is told once it is over."""
    if not isinstance(quotes, BarMarket):
        return []
    step_s = _STEPS_S.get(params.get("interval", ""))
    if step_s is None:
        raise InputInvalid(f"Invalid parameter, interval: {params.get('interval', '')}.")
    start, end = (_minute(params.get(name, "")) for name in ("start", "end"))
    bars = quotes.bars(params.get("symbol", ""), step_s, start, min(end + step_s * NS, now_utc_ns))
    return [
        {
            "time": f"{datetime.fromtimestamp(bar.ts_open_utc_ns // NS, UTC).astimezone(_NEW_YORK):%Y-%m-%dT%H:%M:%S}",
            "timestamp": bar.ts_open_utc_ns // NS,
            "price": (bar.open_points + bar.close_points) / 2,
            **{name: getattr(bar, f"{name}_points") for name in ("open", "high", "low", "close")},
            "volume": 0,
            "vwap": 0,
        }
        for bar in bars
    ]


def _closes(quotes: OptionMarket, params: Mapping[str, str], now_utc_ns: int) -> list[dict[str, Any]]:
    """Each day's last price, from the day's close on."""
    first, last = (_day(params.get(name, "")) for name in ("start", "end"))
    return [
        {"date": session.date, "close": quotes.spot(params.get("symbol", ""), session.ts_cash_close_utc_ns)}
        for session in calendar.sessions(MARKET, first, last)
        if session.ts_cash_close_utc_ns <= now_utc_ns
    ]


def _minute(text: str) -> int:
    try:
        at = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=_NEW_YORK)
    except ValueError:
        raise InputInvalid(f"Invalid parameter, time: {text}.") from None
    return round(at.timestamp()) * NS


def _expirations(days: Sequence[str], params: Mapping[str, str]) -> Any:
    if any(params.get(name, "").lower() == "true" for name in ("strikes", "contractSize", "expirationType")):
        rows = [{"date": day, "contract_size": 100, "expiration_type": "weeklys"} for day in days]
        return envelope("expiration", rows)
    return envelope("date", days)


def _row(option: Option, greeks: Greeks, *, with_greeks: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "symbol": option.symbol,
        "type": "option",
        "exch": "Z",
        "last": option.mid_points if option.bid_points else None,
        "volume": int(option.volume),
        "bid": option.bid_points,
        "ask": option.ask_points,
        "bidsize": 10,
        "asksize": 10,
        "underlying": underlying_of(option),
        "strike": option.strike_points,
        "contract_size": 100,
        "expiration_date": option.expires.isoformat(),
        "expiration_type": "weeklys",
        "option_type": option.right.value,
        "root_symbol": option.root,
        "open_interest": int(option.open_interest),
    }
    if with_greeks:
        named = {"delta": greeks.delta, "gamma": greeks.gamma, "theta": greeks.theta / 365, "vega": greeks.vega / 100}
        told["greeks"] = {name: round(float(value), 6) for name, value in named.items()} | {
            "mid_iv": round(option.iv, 6),
            "smv_vol": round(option.iv, 6),
        }
    return told


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"Invalid parameter, expiration: {text}.") from None
