"""A backtest is what the daemon trades on paper: the same decisions and trades, and a ledger like any other."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.codec import plain
from gamma.config import Config, config_hash, load
from gamma.errors import InputInvalid
from gamma.events import DecisionMade, EquityMarked, OrderFilled, TradeClosed
from gamma.feeds.contracts import chained
from gamma.feeds.importer import write_bars
from gamma.feeds.series import PRICES, Series
from gamma.history import History, of_ledger
from gamma.ledger import verify
from gamma.ledger.reader import Reader, Wanted
from gamma.rehearsal.backtest import Done, Task, backtest, backtest_all, on_paper, write_config
from gamma.rehearsal.play import play, rehearse
from gamma.rehearsal.promotion import load as load_files
from gamma.rehearsal.promotion import whole
from tests.daemon_case import config_in, facts, gamma
from tests.daemon_case import write_config as write_case
from tests.gamma.feeds.series_case import simulated

BARS = {"MES": simulated("MES", "2026-03-02", "2026-03-04"), "MNQ": simulated("MNQ", "2026-03-02", "2026-03-04")}
GUARDS = ("safety_halt", "kill_switch")
# What names a decision or an order goes by the start of the process that made it.
NAMES = ("decision_id", "client_order_id", "execution_id", "parent", "trade_id")
# What its wall clock said; event time has nothing to be late by.
WALL = ("clock_offset_s", "broker_age_s", "data_age_s", "strategy_age_s")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for market, series in BARS.items():
        write_bars(series, tmp_path / f"{market}.parquet")
    write_case(tmp_path, guards=GUARDS)
    return tmp_path


def task_in(folder: Path, name: str = "bt", bars: Mapping[str, Series] = BARS, *, keep: bool = True) -> Task:
    files = {market: load_files([folder / f"{market}.parquet"], market, None) for market in bars}
    held = {market: replace(whole(files[market]), series=series) for market, series in bars.items()}
    config = on_paper(config_in(folder), sorted(bars))
    return Task(name=name, config=config, bars=held, ledger=folder / name if keep else None)


def told(fact: Any) -> Any:
    """A fact without the names that a process gives, and what its clock said."""
    return _nameless(plain(fact))


def _nameless(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _nameless(value) for key, value in tree.items() if key not in NAMES + WALL}
    return [_nameless(value) for value in tree] if isinstance(tree, list) else tree


def kept(folder: Path, *kinds: type) -> list[Any]:
    with closing(Reader.open(f"sqlite:///{folder}/gamma.db")) as reader:
        return [told(f) for _, f in reader.events(limit=10**9) if isinstance(f, kinds)]


@pytest.mark.slow
def test_it_trades_and_decides_what_the_daemons_process_does(folder: Path) -> None:
    ran = gamma(folder, "run", "--plain", "--speed", "max", "--once", *(f"--feed={m}={m}.parquet" for m in BARS))
    assert ran.returncode == 0, ran.stderr
    tested = gamma(folder, "backtest", "--out", "bt", "--json", *(f"--bars={m}={m}.parquet" for m in BARS))
    assert tested.returncode == 0, tested.stderr
    (shape,) = json.loads(tested.stdout)
    for kind in (DecisionMade, OrderFilled, TradeClosed, EquityMarked):
        live = [told(fact) for fact in facts(folder, kind)]
        assert kept(folder / "bt", kind) == live, kind.__name__
        assert len(live) > 50
    assert {fact["trade"]["market"] for fact in kept(folder / "bt", TradeClosed)} == set(BARS)
    named = {one["name"]: one["value"] for one in shape["figures"]}
    assert named["trades"] == len(kept(folder / "bt", TradeClosed))
    for command in (["trades", "-n", "5"], ["status"], ["decisions"], ["replay", "--verify"], ["doctor"]):
        done = CliRunner().invoke(app, [*command, "--config", f"{folder}/bt/config.toml"])
        assert done.exit_code == 0, f"{command}: {done.stdout}{done.stderr}"


def test_what_comes_later_changes_no_decision(folder: Path) -> None:
    half = {market: len(series) // 2 for market, series in BARS.items()}
    shuffled = {market: _shuffled(series, half[market]) for market, series in BARS.items()}
    backtest(task_in(folder, "as-it-was"))
    backtest(task_in(folder, "otherwise", shuffled))
    until = min(int(series.ts_close_utc_ns[half[market] - 1]) for market, series in BARS.items())
    before, after = (
        [(f["ts_event_utc_ns"] <= until, f) for f in kept(folder / name, DecisionMade, OrderFilled)]
        for name in ("as-it-was", "otherwise")
    )
    past = [f for is_past, f in before if is_past]
    assert past == [f for is_past, f in after if is_past]
    assert len(past) > 50
    assert [f for is_past, f in before if not is_past] != [f for is_past, f in after if not is_past]


def _shuffled(series: Series, first: int) -> Series:
    """The bars from `first` on in another order, at the times that they had."""
    order = np.concatenate([np.arange(first), first + np.random.default_rng(1).permutation(len(series) - first)])
    return replace(series, **{name: getattr(series, name)[order] for name in PRICES})


@pytest.fixture
def done(folder: Path) -> Done:
    return backtest(task_in(folder))


def test_its_ledger_is_sound_and_names_its_bars(folder: Path, done: Done) -> None:
    report = verify(f"sqlite:///{folder}/bt/gamma.db")
    assert report.sound
    with closing(Reader.open(f"sqlite:///{folder}/bt/gamma.db")) as reader:
        (run,) = reader.runs(Wanted())
    assert run["run_kind"] == "backtest"
    assert run["config_hash"] == config_hash(done.task.config)
    assert [(b["market"], b["rows"]) for b in json.loads(run["notes"])["bars"]] == [
        (market, len(series)) for market, series in BARS.items()
    ]


def test_the_same_bars_give_the_same_ledger_to_the_byte(folder: Path, done: Done) -> None:
    again = backtest(replace(done.task, ledger=folder / "again"))
    assert again.trades_sha256 == done.trades_sha256
    heads = []
    for name in ("bt", "again"):
        with closing(Reader.open(f"sqlite:///{folder}/{name}/gamma.db")) as reader:
            heads.append(reader.head)
    assert heads[0] == heads[1]


def test_without_a_ledger_the_same_is_traded(folder: Path, done: Done) -> None:
    assert backtest(task_in(folder, "none", keep=False)).trades_sha256 == done.trades_sha256
    assert not (folder / "none").exists()


def test_what_was_done_is_the_history_that_its_ledger_tells(folder: Path, done: Done) -> None:
    with closing(Reader.open(f"sqlite:///{folder}/bt/gamma.db")) as reader:
        kept = of_ledger(reader, "MNQ")
    played = done.played.history
    assert played.sessions == tuple(f"2026-03-0{day}" for day in range(2, 5))
    for field in fields(History):
        assert np.array_equal(getattr(played, field.name), getattr(kept, field.name)), field.name
    assert len(played.trades) > 50


@pytest.mark.slow
def test_several_at_once_are_what_each_is_alone(folder: Path) -> None:
    tasks = [task_in(folder, market, {market: BARS[market]}) for market in BARS]
    together = {one.task.name: one for one in backtest_all(tasks, 2)}
    assert {name: one.trades_sha256 for name, one in together.items()} == {
        market: backtest(task_in(folder, f"{market}-alone", {market: BARS[market]})).trades_sha256 for market in BARS
    }


def test_a_config_of_another_broker_trades_on_paper_alone(folder: Path) -> None:
    config = config_in(folder)
    live = config.model_copy(
        update={
            "gamma": config.gamma.model_copy(update={"mode": "live"}),
            "strategies": tuple(one.model_copy(update={"broker": "elsewhere"}) for one in config.strategies),
        }
    )
    made = on_paper(live, ["MNQ"])
    assert made.gamma.mode == "paper"
    assert [(one.name, one.broker) for one in made.strategies] == [("mnq", "paper")]
    assert play(made, {"MNQ": BARS["MNQ"]}).history.trades
    assert rehearse(live, "mnq", BARS["MNQ"]).history.trades


def test_bars_that_nobody_trades_and_strategies_without_bars_are_refused(folder: Path) -> None:
    config = config_in(folder)
    with pytest.raises(InputInvalid, match="bars of NQ, which no strategy trades; traded: MES, MNQ"):
        on_paper(config, ["NQ", "MNQ"])
    with pytest.raises(InputInvalid, match="no bars of MES"):
        play(config, {"MNQ": BARS["MNQ"]})


def test_a_ledger_that_is_there_is_left_alone(folder: Path, done: Done) -> None:
    with pytest.raises(InputInvalid, match="is there already"):
        backtest(done.task)
    refused = gamma(folder, "backtest", "--bars=MNQ=MNQ.parquet", "--out", "bt/gamma.db")
    assert refused.returncode == 1
    assert "is there already" in refused.stderr


def test_its_configuration_reads_back_as_what_was_played(folder: Path) -> None:
    example = Path(__file__).parents[3] / "config.example.toml"
    for source in (example, folder / "config.toml"):
        config = load(source, {"GAMMA__ACCOUNT__STARTING_CAPITAL_USD": "50000"})
        write_config(config, folder / "copy.toml")
        assert config_hash(_read(folder / "copy.toml")) == config_hash(config)
        (folder / "copy.toml").unlink()


def _read(path: Path) -> Config:
    assert path.stat().st_mode & 0o077 == 0
    return load(path, {})


@pytest.mark.slow
def test_spans_and_markets_are_played_apart_and_told_in_a_table(folder: Path) -> None:
    spans = ("--span=2026-03-02..2026-03-02", "--span=2026-03-03..2026-03-04")
    ran = gamma(
        folder,
        "backtest",
        "--bars=MNQ=MNQ.parquet",
        "--bars=MES=MES.parquet",
        "--apart",
        "--out=many",
        "--json",
        *spans,
    )
    assert ran.returncode == 0, ran.stderr
    shapes = json.loads(ran.stdout)
    days = ("2026-03-02..2026-03-02", "2026-03-03..2026-03-04")
    assert [one["name"] for one in shapes] == [f"{market}_{day}" for market in ("MNQ", "MES") for day in days]
    assert [one["sessions"] for one in shapes] == [1, 2, 1, 2]
    assert all(Path(folder / one["ledger"]).exists() for one in shapes)
    table = gamma(folder, "backtest", "--bars=MNQ.parquet", *spans)
    assert table.returncode == 0, table.stderr
    assert [line.split()[0] for line in table.stdout.splitlines()] == [
        "backtest",
        *(one.partition("=")[2] for one in spans),
    ]
    assert all(one["trades_sha256"][:12] in table.stdout for one in shapes[:2])


def test_a_hole_of_an_hour_or_more_within_a_session_is_told(folder: Path) -> None:
    bars = BARS["MNQ"]
    write_bars(chained([bars.rows(slice(0, 100)), bars.rows(slice(120, 200))]), folder / "holed.parquet")
    ran = gamma(folder, "backtest", "--bars=MNQ=holed.parquet")
    assert ran.returncode == 0, ran.stderr
    assert "MNQ: 20 bars are missing, 100 minutes on end at the worst" in " ".join(ran.stdout.split())
    shape = json.loads(gamma(folder, "backtest", "--bars=MNQ=holed.parquet", "--json").stdout)
    assert shape[0]["missing"] == {"MNQ": {"bars_missing": 20, "hole_longest_min": 100}}
