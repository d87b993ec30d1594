"""The history of a ledger is what the daemon saw: the same trades, the same equity, day by day."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from gamma.errors import InputMissing
from gamma.feeds.importer import write_bars
from gamma.history import History, of_ledger, trades_of
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader
from gamma.rehearsal.play import rehearse
from tests.daemon_case import config_in, ledger_in, trade, write_config
from tests.gamma.feeds.series_case import simulated

SERIES = simulated("MNQ", "2026-03-02", "2026-03-05")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    write_bars(SERIES, folder / "MNQ.parquet")
    bars = f'\n[[feed.files]]\npath = "{folder}/MNQ.parquet"\nmarket = "MNQ"\n'
    path = write_config(folder, strategies={"mnq": "MNQ"}, guards=("safety_halt", "kill_switch"), more=bars)
    path.write_text(path.read_text().replace("[feed]", '[feed]\nuse = "file"'))
    trade(folder, once=True)
    return folder


@pytest.fixture(scope="module")
def history(folder: Path) -> History:
    with closing(Reader.open(ledger_in(folder))) as reader:
        return of_ledger(reader, "MNQ")


def test_its_days_are_those_of_a_rehearsal_of_the_same_bars(folder: Path, history: History) -> None:
    same = rehearse(config_in(folder), "mnq", SERIES).history
    assert history.sessions == same.sessions == ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")
    assert history.start_usd == same.start_usd == 50_000.0
    assert np.allclose(history.session_close_usd, same.session_close_usd, atol=1e-6)
    assert history.end_usd == pytest.approx(same.end_usd)
    assert len(history.trades) == len(same.trades) > 20


def test_equity_lies_between_its_extremes_and_ends_where_the_trades_do(history: History) -> None:
    assert np.all(history.low_usd <= history.close_usd)
    assert np.all(history.close_usd <= history.high_usd)
    assert np.all(np.diff(history.ts_mark_utc_ns) >= 0)
    assert history.open_pnl_known
    booked = sum(trade.pnl_microusd for trade in history.trades) / 1e6
    assert abs(history.end_usd - history.start_usd - booked) < 500.0  # what is open at the end


def test_returns_of_days_add_up_to_the_whole(history: History) -> None:
    assert history.session_returns.sum() == pytest.approx(history.end_usd / history.start_usd - 1)


def test_the_worse_order_within_a_bar_is_high_first(history: History) -> None:
    assert history.path_high_first_usd.shape == history.path_low_first_usd.shape == (1 + 3 * len(history.close_usd),)
    assert np.array_equal(history.path_high_first_usd[1::3], history.high_usd)
    assert np.array_equal(history.path_low_first_usd[1::3], history.low_usd)


def test_the_trades_of_one_strategy_alone(folder: Path, history: History) -> None:
    with closing(Reader.open(ledger_in(folder))) as reader:
        assert trades_of(reader, "mnq") == history.trades
        assert trades_of(reader, "mes") == ()


def test_a_ledger_without_a_day_has_no_history(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.db"
    Ledger.open(url, account="paper", mode="paper").close()
    with closing(Reader.open(url)) as reader, pytest.raises(InputMissing, match="no trading day has begun"):
        of_ledger(reader, "MNQ")
