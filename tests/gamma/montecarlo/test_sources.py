"""Where trades come from: open P&L by the lot, and an account that a simulation makes again to the cent."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.cli.streams import Wanted, case_of
from gamma.errors import InputInvalid
from gamma.history import History, of_trade_file
from gamma.history.figures import deepest
from gamma.ledger import Reader
from gamma.montecarlo.chains import setting_of
from gamma.montecarlo.simulation import realised
from gamma.montecarlo.sources import of_history, unsizable
from sizers.fixed import Fixed
from sizers.novelty_fade import NoveltyFade
from tests.gamma.montecarlo.case import DAY_NS, MNQ, account, chance_stream, trade

HEAD = "ts_open,ts_close,market,side,lots,pnl_usd,mae_usd,mfe_usd\n"


def filed(tmp_path: Path, *rows: str) -> History:
    path = tmp_path / "trades.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return of_trade_file(path, 20_000.0)


def test_a_files_open_profit_is_that_of_one_lot(tmp_path: Path) -> None:
    told = filed(
        tmp_path,
        "2026-01-05T15:00Z,2026-01-05T16:00Z,MNQ,long,2,100,60,300",
        "2026-01-05T17:00Z,2026-01-05T18:00Z,MNQ,short,1,-50,80,10",
    )
    stream = of_history(told, MNQ)
    assert stream.best_microusd.tolist() == [150e6, 10e6]
    assert stream.worst_microusd.tolist() == [-30e6, -80e6]
    assert stream.day_ends.tolist() == [0, 1]


def test_of_trades_that_overlap_nobody_knows_whose_open_profit_it_was(tmp_path: Path) -> None:
    told = filed(
        tmp_path,
        "2026-01-05T15:00Z,2026-01-05T17:30Z,MNQ,long,2,100,60,300",
        "2026-01-05T17:00Z,2026-01-05T18:00Z,MNQ,short,1,-50,80,10",
    )
    assert not of_history(told, MNQ).open_known


def test_an_accounts_open_profit_is_looked_up_while_the_trade_lasted() -> None:
    told = History(
        start_usd=1_000.0,
        trades=(
            trade(0, 100.0, ts_open_utc_ns=10, ts_close_utc_ns=30, lots_max=2),
            trade(1, -20.0, ts_open_utc_ns=40, ts_close_utc_ns=50),
            trade(2, 5.0, ts_open_utc_ns=50, ts_close_utc_ns=60),
        ),
        ts_mark_utc_ns=np.array([10, 20, 30, 50]),
        high_usd=np.array([1_900.0, 1_240.0, 1_120.0, 1_110.0]),
        low_usd=np.array([100.0, 950.0, 1_090.0, 1_030.0]),
        close_usd=np.array([1_000.0, 1_000.0, 1_100.0, 1_080.0]),
        sessions=("1970-01-01",),
        ts_session_close_utc_ns=np.array([DAY_NS]),
        session_close_usd=np.array([1_085.0]),
    )
    stream = of_history(told, MNQ)
    # The mark at 10 lies before the first trade; the third trade has none.
    assert stream.best_microusd.tolist() == [120e6, 10e6, 5e6]
    assert stream.worst_microusd.tolist() == [-25e6, -70e6, 5e6]


def test_why_a_chain_has_no_size_is_said_once_by_its_sizer() -> None:
    stream, where = chance_stream(), account("")
    assert unsizable(stream, where, [("fixed", Fixed(lots=1))]) == ""
    assert unsizable(stream, where, [("novelty_fade", NoveltyFade())]).startswith("novelty_fade: signal.novelty")


@pytest.mark.slow
def test_an_account_is_made_again_to_the_lot_and_to_the_cent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAMMA__FEED__START", "2026-03-02")
    _run("init", "--defaults")
    config = Path("config.toml")
    text = config.read_text()
    first, _, rest = text.partition('[[strategies]]\nname = "mes"')
    config.write_text(first + rest[rest.index("# The simulated broker") :])
    _run("run", "--speed", "max", "--bars", "1200")
    case = case_of(Wanted(path=config, path_named=False))
    found = realised(setting_of(case.stream, case.account, case.chain))
    from gamma.config import load
    from gamma.history import of_ledger

    with Reader.open(load(config, os.environ).gamma.database) as reader:
        told = of_ledger(reader, "MNQ")
    assert len(told.trades) > 10
    assert found.lots is not None
    assert found.lots[:, 0].tolist() == [one.lots_max for one in told.trades]
    assert len({one.lots_max for one in told.trades}) > 1
    booked = told.start_usd + sum(one.pnl_microusd for one in told.trades) / 1e6
    assert found.final_usd[0] == pytest.approx(booked, abs=1e-4)
    if told.ts_mark_utc_ns[-1] <= told.trades[-1].ts_close_utc_ns:
        assert found.drawdown_usd[0] == pytest.approx(deepest(told).depth_usd, abs=1e-4)


def test_a_ledger_without_trades_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAMMA__FEED__START", "2026-03-02")
    _run("init", "--defaults")
    _run("run", "--speed", "max", "--bars", "3")
    with pytest.raises(InputInvalid, match="no trade has been completed"):
        case_of(Wanted(path=Path("config.toml"), path_named=False))


def _run(*arguments: str) -> None:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    json.loads(result.stdout)
