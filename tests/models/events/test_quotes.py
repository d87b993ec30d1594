"""Recordings cut into looks: a small one by hand, what is wrong with one, and real ones where they lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from gamma.errors import InputInvalid
from models.events.quotes import read

REAL = Path(__file__).parents[3] / "../shared/data/kalshi"
S = 1_000_000_000
CLOSE_S = 1_778_477_400  # 2026-05-11 05:30:00 UTC
MARKET = "KXBTC15M-26MAY110130-30"


def recording(folder: Path, *, looks: int = 14, last_usd: float = 0.999, ends_before_close_s: int = 0) -> Path:
    """A market whose book changes once, with a ticker each second of its last looks."""
    first_s = CLOSE_S - ends_before_close_s - 5 * (looks - 1)
    bids = [("yes", 0.50, 30.0), ("yes", 0.49, 20.0), ("yes", 0.485, 7.0), ("no", 0.48, 10.0), ("no", 0.004, 900.0)]
    snapshots = [((first_s - 1) * S, MARKET, side, price, qty) for side, price, qty in bids]
    deltas = [((first_s + 3) * S, MARKET, "yes", 0.50, -30.0), ((first_s + 4) * S, MARKET, "yes", 0.51, 4.0)]
    seconds = range(5 * looks - 4)
    tickers = [((first_s - 1 + n) * S, MARKET, (0.49, 0.51)[n % 2], 0.49, 0.51, 100.0 + 10 * n) for n in seconds]
    tickers.append((tickers[-1][0] + S, MARKET, last_usd, 0.49, 0.51, tickers[-1][5]))
    written(folder, "snapshots", ("recv_ns", "market", "side", "price", "qty"), snapshots)
    written(folder, "deltas", ("recv_ns", "market", "side", "price", "delta"), deltas)
    written(folder, "tickers", ("recv_ns", "market", "last", "yes_bid", "yes_ask", "volume"), tickers)
    written(folder, "watch", ("market", "close_time"), [(MARKET, "2026-05-11T05:30:00Z")])
    return folder


def written(folder: Path, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    table: Mapping[str, list[Any]] = {column: [row[n] for row in rows] for n, column in enumerate(columns)}
    pl.DataFrame(table).write_parquet(folder / f"{name}.parquet")


def test_a_book_is_told_in_whole_cents_and_what_lies_between_two_counts_at_the_worse(tmp_path: Path) -> None:
    tape, names = read([recording(tmp_path)])
    assert names == (MARKET,)
    assert tape.looks.tolist() == [14]
    assert tape.yes_bid[0, :2].tolist() == [50, 51]  # between the two looks 50 cents went and 51 came
    assert tape.no_bid[0, :2].tolist() == [48, 48]
    assert tape.yes_lots[0, 0].tolist() == [30, 20, 7, 0, 0]
    assert tape.yes_lots[0, 1].tolist() == [4, 0, 20, 7, 0]
    assert tape.no_lots[0, 0].tolist() == [10, 0, 0, 0, 0]  # less than a cent is no bid
    assert tape.left_s[0, :2].tolist() == [65.0, 60.0]


def test_trades_are_told_by_who_took_and_ten_minutes_volume_is_all_of_a_young_market(tmp_path: Path) -> None:
    tape, _ = read([recording(tmp_path)])
    # Five tickers of 10 contracts between the first two looks: those at 49 were sold, those at 51 bought.
    assert (tape.yes_taken[0, 0], tape.no_taken[0, 0]) == (30, 20)
    young, _ = read([tmp_path], open_s=600.0)
    assert young.volume[0, :2].tolist() == [110.0, 160.0]


def test_of_an_older_market_what_traded_before_the_recording_is_spread_evenly(tmp_path: Path) -> None:
    tape, _ = read([recording(tmp_path)])
    # 835 s old at the first look: 110 traded since it opened, of which 600 s' share fell within ten minutes.
    assert tape.volume[0, 0] == pytest.approx(110 * 600 / 835)
    assert tape.volume[0, 2] == pytest.approx(100 + 110 * 590 / 835)


@pytest.mark.parametrize(
    ("last_usd", "before_s", "payout"), [(0.999, 0, 100), (0.001, 0, 0), (0.6, 0, -1), (0.999, 60, -1)]
)
def test_how_it_was_decided_is_known_only_where_it_was_seen(
    tmp_path: Path, last_usd: float, before_s: int, payout: int
) -> None:
    tape, _ = read([recording(tmp_path, last_usd=last_usd, ends_before_close_s=before_s)])
    assert tape.payout.tolist() == [payout]


def test_a_recording_that_is_too_short_holds_no_market(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no market was recorded for 60 s"):
        read([recording(tmp_path, looks=8)])


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path) -> None:
    recording(tmp_path)
    (tmp_path / "deltas.parquet").unlink()
    with pytest.raises(InputInvalid, match=r"deltas\.parquet: is to hold the columns recv_ns, market, side"):
        read([tmp_path])
    written(tmp_path, "deltas", ("recv_ns", "market"), [(1, MARKET)])
    with pytest.raises(InputInvalid, match=r"deltas\.parquet: is to hold"):
        read([tmp_path])


@pytest.mark.skipif(not REAL.exists(), reason="no recordings of event markets here (../shared/data/kalshi)")
def test_real_recordings_are_sound_to_the_last_look() -> None:
    tape, names = read(sorted(REAL.glob("btc15m_*")))
    assert (len(tape), len(names), int(tape.looks.sum())) == (37, 37, 2_781)
    there = tape.there
    assert (tape.spread[there] >= 1).all()
    assert (np.diff(tape.left_s, axis=1)[there[:, 1:]] == -5).all()
    ended = tape.payout >= 0
    last = tape.middle[np.arange(len(tape)), tape.looks - 1]
    assert (np.abs(last[ended] - tape.payout[ended]) < 10).all()
