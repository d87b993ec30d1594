"""A sizing case given by hand: numbers from the command line and trades from a CSV file, to a `View`."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from gamma.errors import InputInvalid
from gamma.markets import Market
from gamma.views import NAN, AccountView, MarketView, SignalView, TrackView, View

COLUMNS: Final = ("time", "pnl_usd", "lots")
HAND_CAPITAL_USD: Final = 20_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What a person may give of a case; None leaves it unknown, or to the configuration."""

    balance_usd: float | None = None
    capital_usd: float | None = None
    risk_usd: float | None = None
    atr_points: float | None = None
    price_points: float | None = None
    room_usd: float | None = None
    stop_points: float | None = None
    trades: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One completed trade of the file."""

    time: datetime
    pnl_usd_per_lot: float


def read_trades(path: Path) -> tuple[TradeRow, ...]:
    """Completed trades, oldest first; a trade's P&L is divided by its lots.

    Raises: InputInvalid, which names the file, the line, the field, its value and what to do.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            _has_columns(rows.fieldnames, path)
            found = [_trade(row, f"{path}:{rows.line_num}") for row in rows]
    except OSError as error:
        raise InputInvalid(f"{path} cannot be read: {error.strerror}; name a CSV file with --trades") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputInvalid(f"{path} is not CSV in UTF-8: {error}; columns are {', '.join(COLUMNS)}") from None
    return tuple(sorted(found, key=lambda row: row.time))


def _has_columns(names: object, path: Path) -> None:
    have = [str(name).strip() for name in names] if isinstance(names, list | tuple) else []
    lacking = [name for name in COLUMNS if name not in have]
    if lacking:
        raise InputInvalid(
            f"{path}:1: no column {', '.join(lacking)}; the first line must be {','.join(COLUMNS)}, "
            f"it is {','.join(have) or 'empty'}"
        )


def _trade(row: Mapping[str, str | None], where: str) -> TradeRow:
    pnl_usd = _number(row, "pnl_usd", where)
    lots = _number(row, "lots", where)
    if not (lots >= 1 and lots == int(lots)):
        raise InputInvalid(f"{where}: lots is {row['lots']!r}; give the whole number of lots traded, 1 or more")
    return TradeRow(time=_time(row, where), pnl_usd_per_lot=pnl_usd / lots)


def _number(row: Mapping[str, str | None], field: str, where: str) -> float:
    text = (row.get(field) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputInvalid(f"{where}: {field} is {text!r}; give a plain number, as in -34.50")
    return value


def _time(row: Mapping[str, str | None], where: str) -> datetime:
    text = (row.get("time") or "").strip()
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"{where}: time is {text!r}; give an ISO date or time, as in 2026-03-02T15:45:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def hand_view(hand: Hand, market: Market) -> View:
    """The view of a case that stands alone: nothing is open, nothing else is known."""
    balance = _given(hand.balance_usd)
    capital = HAND_CAPITAL_USD if hand.capital_usd is None else hand.capital_usd
    price = _given(hand.price_points)
    account = AccountView(
        balance_usd=balance,
        equity_usd=balance,
        starting_capital_usd=capital,
        peak_equity_usd=max(balance, capital),
        floor_usd=balance - _given(hand.room_usd),
        floor_room_start_usd=_given(hand.room_usd),
        cash_usd=balance,
        day_start_equity_usd=balance,
    )
    cost = market.cost_usd_per_lot(market.ticks(price)) if math.isfinite(price) else market.cost_usd_per_lot()
    return View(
        account=account,
        market=MarketView(
            symbol=market.symbol,
            family=market.family,
            kind=market.kind,
            multiplier_usd_per_point=market.multiplier_usd_per_point,
            tick_points=float(market.tick_points),
            price_points=price,
            cost_usd_per_lot=cost,
            lots_max=market.lots_max,
            mini_equivalent=market.mini_equivalent,
            margin_usd_per_lot=market.margin_usd_per_lot(price),
            atr_points=_given(hand.atr_points),
        ),
        signal=hand_signal(hand, market, cost),
        track=hand_track(hand),
    )


def hand_signal(hand: Hand, market: Market, cost_usd: float) -> SignalView:
    """A long entry at the market; its risk is as given, or the stop's with costs."""
    stop = _given(hand.stop_points)
    risk = stop * market.multiplier_usd_per_point + cost_usd if hand.risk_usd is None else hand.risk_usd
    return SignalView(side=1, stop_points=stop, risk_usd_per_lot=risk)


def hand_track(hand: Hand) -> TrackView:
    """The record in the file of trades; empty without one."""
    if hand.trades is None:
        return TrackView()
    pnl = np.array([row.pnl_usd_per_lot for row in read_trades(hand.trades)], dtype=np.float64)
    risk = _given(hand.risk_usd)
    multiples = pnl / risk if risk > 0 else np.full_like(pnl, NAN)
    return TrackView(pnl_usd_per_lot=pnl, r_multiples=multiples, trades=len(pnl))


def _given(value: float | None) -> float:
    return NAN if value is None else value
