"""A rehearsal and the daemon are one thing: the same trades, at the same prices, with the same money."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from gamma.errors import ConfigInvalid, InputInvalid
from gamma.feeds.contracts import cut
from gamma.feeds.importer import write_bars
from gamma.history.figures import trades_sha256
from gamma.ledger.reader import Reader, Wanted
from gamma.rehearsal.play import Rehearsal, rehearse
from tests.daemon_case import config_in, trade, write_config
from tests.gamma.feeds.series_case import made, moved, simulated

SERIES = simulated("MNQ", "2026-03-02", "2026-03-05")


def test_it_makes_the_daemons_trades(tmp_path: Path) -> None:
    write_bars(SERIES, tmp_path / "MNQ.parquet")
    write_config(
        tmp_path,
        strategies={"mnq": "MNQ"},
        guards=("safety_halt", "kill_switch"),
        more='\n[[feed.files]]\npath = "MNQ.parquet"\nmarket = "MNQ"\n',
    )
    text = (tmp_path / "config.toml").read_text()
    path = tmp_path / "MNQ.parquet"
    (tmp_path / "config.toml").write_text(
        text.replace("[feed]", '[feed]\nuse = "file"').replace('"MNQ.parquet"', f'"{path}"')
    )
    daemon = trade(tmp_path, once=True)
    config = config_in(tmp_path)
    with closing(Reader.open(config.gamma.database)) as reader:
        booked = sorted(reader.trades(Wanted(limit=10_000)), key=lambda row: row["seq"])
    found = rehearse(config, "mnq", SERIES)
    assert len(found.history.trades) > 20
    columns = ("side", "lots_max", "ts_open_utc_ns", "ts_close_utc_ns", "entry_points", "exit_points", "pnl_microusd")
    assert [[getattr(t, name) for name in columns] for t in found.history.trades] == [
        [r[name] for name in columns] for r in booked
    ]
    assert found.history.end_usd == daemon.shell.book.money.equity_microusd / 1e6


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    folder = tmp_path_factory.mktemp("rehearsal")
    write_config(folder, strategies={"mnq": "MNQ"})
    return rehearse(config_in(folder), "mnq", SERIES)


def test_what_was_traded_adds_up_to_the_equity(found: Rehearsal) -> None:
    left = found.history.end_usd - found.history.start_usd - sum(t.pnl_microusd for t in found.history.trades) / 1e6
    assert abs(left) < 500.0  # what is open at the end
    assert found.history.sessions == ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")
    assert found.bars == len(SERIES)
    assert min(found.acts_flat["BUY"], found.acts_flat["SELL"]) > 10
    assert found.acts_held["HOLD"] > 0
    told = found.history
    assert (told.low_usd <= told.close_usd).all()
    assert (told.close_usd <= told.high_usd).all()
    assert (np.diff(told.ts_mark_utc_ns) > 0).all()
    assert (np.diff(told.ts_session_close_utc_ns) > 0).all()
    assert told.ts_mark_utc_ns[-1] <= told.ts_session_close_utc_ns[-1]


def test_the_same_bars_give_the_same_trades_and_others_do_not(found: Rehearsal, tmp_path: Path) -> None:
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    config = config_in(tmp_path)
    assert trades_sha256(rehearse(config, "mnq", SERIES).history.trades) == trades_sha256(found.history.trades)
    half = cut(SERIES, 0, int(SERIES.ts_open_utc_ns[len(SERIES) // 2]))
    part = rehearse(config, "mnq", half)
    assert part.history.trades == found.history.trades[: len(part.history.trades)], "the future changed the past"
    assert trades_sha256(part.history.trades) != trades_sha256(found.history.trades)


def test_bars_of_another_market_or_of_no_session_are_refused(tmp_path: Path) -> None:
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    with pytest.raises(InputInvalid, match="strategy mnq trades MNQ, and the bars are of MES"):
        rehearse(config_in(tmp_path), "mnq", made("MES", "2026-03-02", "2026-03-02"))


def test_a_guard_that_sees_nothing_is_refused_as_at_the_daemons_start(tmp_path: Path) -> None:
    write_config(tmp_path, strategies={"mnq": "MNQ"}, guards=("trailing_drawdown",))
    with pytest.raises(ConfigInvalid, match="inert"):
        rehearse(config_in(tmp_path), "mnq", moved(SERIES, 0.0))
