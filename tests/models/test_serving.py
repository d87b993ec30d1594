"""What the daemon trades from a checkpoint is what the environment trades that trained it."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from gamma import calendar
from gamma.assembly import assemble, paper_state_path
from gamma.cli import app
from gamma.config import Config
from gamma.config.schema import BarFile
from gamma.daemon import Daemon
from gamma.errors import ConfigInvalid
from gamma.events import DecisionMade, Halted, OrderIntended, OrderKind, TradeClosed
from gamma.feeds.bar_file import load_bars
from gamma.feeds.series import Series
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader
from gamma.markets import market
from gamma.ports import Act, Policy
from gamma.reasons import Reason
from gamma.replay import verify
from gamma.signals.policy import PolicySource
from gamma.views import Situation
from models.cards import conditions_of
from models.checkpoints import Checkpoint, save
from models.futures import env
from models.futures.deadlines import Deadlines
from models.futures.records import Course, State, Terms
from models.futures.sight import leaving, legal, observe
from models.futures.sizes import sized
from models.futures.tape import CLOSE, tape_of
from models.serving import FuturesPolicy
from models.shelf import told_of
from tests.models.checkpoint_case import CONDITIONS, card, tensors
from tests.models.futures.market_case import simulated
from tests.models.policy_case import (
    DRAWDOWN_USD,
    WINDOW,
    Case,
    by_engine,
    by_environment,
    config_of,
    course_of,
    differ,
    round_trip,
    weights_of,
)

BARS = 3_000
CASES = [
    Case(market="MNQ", phase=1, seed=1, floor=False),
    Case(market="MNQ", phase=2, seed=2, floor=False),
    Case(market="NQ", phase=1, seed=3, floor=True),
    Case(market="NQ", phase=2, seed=4, floor=True),
    Case(market="MNQ", phase=2, seed=5, floor=True, quoted=True),
    Case(market="MNQ", phase=2, seed=8, floor=True, members=3),
]
# More policies of chance on more markets of chance: GAMMA_POLICIES=100 pytest tests/models/test_serving.py
MORE = [
    Case(market=("MNQ", "NQ")[seed % 2], phase=2, seed=seed, floor=True, quoted=seed % 3 > 0)
    for seed in range(1_000, 1_000 + int(os.environ.get("GAMMA_POLICIES", "0")))
]
MNQ = market("MNQ")
HISTORY = Path(__file__).parents[2] / "../shared/data/cme/NQ_1m_2019.parquet"
NAMES = {"BREAK_EVEN": "SL_TO_BE"}


def bars_of(case: Case, bars: int = BARS) -> Series:
    """Simulated bars, with a spread of their own each; or without one: the broker's counts then."""
    series = simulated(case.market, bars, seed=case.seed)
    return series if case.quoted else replace(series, spread_points=np.full(len(series), np.nan))


@pytest.mark.slow
@pytest.mark.parametrize("case", [*CASES, *MORE], ids=str)
def test_the_daemon_trades_what_the_environment_trades(case: Case, tmp_path: Path) -> None:
    series = bars_of(case)
    expected, taken = by_environment(case, series)
    found, told = by_engine(case, series, tmp_path)
    assert not differ(expected, found)
    assert len(found) > 20 or case in MORE
    assert not told.halts
    other = Counter({NAMES.get(name, name): count for name, count in told.acts.items()})
    assert (other - taken).total() == 1  # on the last bar nothing is decided in the environment
    assert not taken - other


@pytest.mark.slow
@pytest.mark.skipif(not HISTORY.exists(), reason="needs the recorded bars, which are not part of the repository")
@pytest.mark.parametrize("seed", [3, 11])
def test_it_does_so_on_recorded_bars_that_lie_off_the_tick(seed: int, tmp_path: Path) -> None:
    """Minutes of a year of NQ, moved by the gaps of its rolls."""
    case = Case(market="NQ", phase=2, seed=seed, floor=True)
    whole = load_bars(HISTORY, "NQ").series
    columns = {f.name: getattr(whole, f.name)[:6_000] for f in fields(whole) if f.name not in ("market", "bar_s")}
    series = replace(whole, **columns)
    assert (series.close_points * 4 % 1 > 0).mean() > 0.5
    expected, _ = by_environment(case, series)
    found, _ = by_engine(case, series, tmp_path)
    assert not differ(expected, found)
    assert len(found) > 20


@pytest.mark.slow
@pytest.mark.parametrize("phase", [1, 2])
def test_what_is_shown_live_is_what_the_environment_shows(phase: int) -> None:
    """Bars come one by one from the first on; at every fifth the strategy holds something of chance."""
    case = Case(market="MNQ", phase=phase, seed=6, floor=True)
    series, rng = bars_of(case, 900), np.random.default_rng(7)
    told, drawn = weights_of(case)
    checkpoint = Checkpoint(card=told, tensors=drawn, sha256="")
    policy = FuturesPolicy(told_of(checkpoint), [checkpoint], MNQ)
    with jax.enable_x64(True):
        tape = tape_of(series)
        course = course_of(case, tape)
        up = jnp.ones(1, jnp.int32)
        shows = jax.jit(lambda state: (observe(course, state), legal(course, state), sized(course, state, up)))
        for at, bar in enumerate(series.bars()):
            session = calendar.session_at("MNQ", bar.ts_close_utc_ns - 1)
            assert session is not None
            policy.see(bar, session)
            if at < policy.bars_needed - 1 or at % 5:
                continue
            state, situation = stances(course, at, rng)
            shown, allowed, size = shows(state)
            stands = policy.stands(situation)
            live = policy.observation(stands, DRAWDOWN_USD)
            off = np.abs(live - np.asarray(shown)[0])
            assert off.max() < 1e-12, (at, int(off.argmax()), off.max(), situation)
            assert list(policy.act(situation).legal) == np.asarray(allowed)[0].tolist()
            assert policy.bracket_ticks() == (int(size.stop_ticks[0]), int(size.target_ticks[0]))


def stances(course: Course, at: int, rng: np.random.Generator) -> tuple[State, Situation]:
    """A position of chance at a bar's close, as the environment and as the book would tell it."""
    close = int(course.world.ticks[at, CLOSE])
    side = int(rng.choice([-1, 0, 1]))
    held = {
        "side": side,
        "lots": abs(side) * int(rng.integers(1, 12)),
        "entry_ticks": close - side * int(rng.integers(-60, 200)),
        "stop_ticks": close - side * int(rng.integers(-3, 90)),
        "target_ticks": close + side * int(rng.integers(1, 300)),
        "risk_ticks": int(rng.integers(0, 90)),
        "held": int(rng.integers(0, 2_000)),
        "at_break_even": int(rng.integers(0, 2)),
        "trailing": int(rng.integers(0, 2)),
        "balance_cents": int(rng.integers(5_000_000, 30_000_000)),
        "floor_cents": 5_000_000,
    }
    state = env.reset(course, jnp.zeros(1, jnp.uint32))
    state = state._replace(at=jnp.array([at], jnp.int32), **{k: jnp.array([v], jnp.int32) for k, v in held.items()})
    situation = Situation(
        ts_event_utc_ns=0,
        side=side,
        lots=held["lots"],
        entry_ticks=float(held["entry_ticks"]),
        stop_ticks=float(held["stop_ticks"]),
        target_ticks=float(held["target_ticks"]),
        risk_ticks=float(held["risk_ticks"]),
        bars_held=held["held"],
        at_break_even=bool(held["at_break_even"]),
        trailing=bool(held["trailing"]),
        leaving=bool(leaving(course, state)[0]),
        balance_microusd=held["balance_cents"] * 10_000,
        equity_microusd=0,
        floor_microusd=held["floor_cents"] * 10_000,
        drawdown_microusd=round(DRAWDOWN_USD * 1e6),
    )
    return state, situation


@pytest.mark.slow
def test_a_run_of_the_daemon_on_a_file_trades_the_same_and_makes_the_same_decisions_again(tmp_path: Path) -> None:
    """With a ledger on disk, and as fast as it goes."""
    case = Case(market="MNQ", phase=2, seed=2, floor=True)
    series = bars_of(case, 1_800)
    expected, _ = by_environment(case, series)
    config = recorded(config_of(case, tmp_path), series, tmp_path)
    daemon = run(config)
    with Reader.open(config.gamma.database) as reader:
        facts = [fact for _, fact in reader.events(limit=10**9)]
    found = [round_trip(fact.trade) for fact in facts if isinstance(fact, TradeClosed)]
    assert not differ(expected, found)
    assert len(found) > 20
    verdict = verify([f for f in facts if isinstance(f, DecisionMade)], daemon.assembly.rules)
    assert verdict.identical == verdict.decisions > 20


@pytest.mark.slow
def test_starts_in_between_change_nothing_of_what_is_traded(tmp_path: Path) -> None:
    """Each start warms up on history alone, and finds the position, its trail and its break-even in the ledger."""
    case = Case(market="MNQ", phase=2, seed=2, floor=False)
    series, traded = bars_of(case, 1_400), []
    for stretches in ((0,), (700, 93, 200, 111, 0)):
        folder = tmp_path / str(len(stretches))
        folder.mkdir()
        config = recorded(config_of(case, folder), series, folder)
        for bars in stretches:
            run(config, bars=bars)
        with Reader.open(config.gamma.database) as reader:
            facts = [fact for _, fact in reader.events(limit=10**9)]
        traded.append([round_trip(fact.trade) for fact in facts if isinstance(fact, TradeClosed)])
    assert not differ(*traded)
    assert len(traded[0]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("how", ["nan", "illegal", "raises"])
def test_a_policy_that_goes_wrong_in_the_running_daemon_switches_its_strategy_off(how: str, tmp_path: Path) -> None:
    case = Case(market="MNQ", phase=2, seed=2, floor=False)
    config = recorded(config_of(case, tmp_path), bars_of(case, 1_200), tmp_path)

    def spoil(daemon: Daemon) -> None:
        [seat] = daemon.assembly.seats["MNQ"]
        assert isinstance(seat.source, PolicySource)
        seat.source.policy = Spoiled(seat.source.policy, how, after_bars=900)

    run(config, spoil)
    with Reader.open(config.gamma.database) as reader:
        facts = [fact for _, fact in reader.events(limit=10**9)]
    [halted] = [fact for fact in facts if isinstance(fact, Halted)]
    assert (halted.halt.scope, halted.halt.target, halted.halt.reason) == ("strategy", "one", Reason.MODEL_INSANE)
    after = [f for f in facts if isinstance(f, OrderIntended) and f.ts_event_utc_ns > halted.ts_event_utc_ns]
    assert not [f for f in after if f.intent.kind is OrderKind.ENTRY]
    assert [f for f in facts if isinstance(f, TradeClosed)]


@final
class Spoiled:
    """A policy that goes wrong after so many bars."""

    def __init__(self, policy: Policy, how: str, after_bars: int) -> None:
        self._policy, self._how, self._after_bars = policy, how, after_bars

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def act(self, situation: Situation) -> Act:
        found = self._policy.act(situation)
        if self._policy.bars_seen <= self._after_bars:
            return found
        if self._how == "raises":
            raise FloatingPointError("overflow in the network")
        if self._how == "nan":
            return replace(found, logits=(float("nan"),) * 6)
        return replace(found, action=found.legal.index(False))


def recorded(config: Config, series: Series, folder: Path) -> Config:
    """The same configuration on these bars in a file."""
    path = folder / "bars.csv"
    names = ("open_points", "high_points", "low_points", "close_points", "volume_lots")
    lines = ["ts,open,high,low,close,volume"]
    lines += [
        ",".join(map(repr, row))
        for row in zip(series.ts_open_utc_ns.tolist(), *(getattr(series, n).tolist() for n in names), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    feed = config.feed.model_copy(update={"use": "file", "files": (BarFile(path=str(path), market=series.market),)})
    return config.model_copy(update={"feed": feed})


def run(config: Config, meddle: Callable[[Daemon], None] = lambda _: None, *, bars: int = 0) -> Daemon:
    async def work() -> Daemon:
        with closing(Ledger.open(config.gamma.database, account=config.account.name, mode="paper")) as ledger:
            daemon = Daemon(assemble(config, state_path=paper_state_path(config)), ledger)
            meddle(daemon)
            await daemon.run(float("inf"), bars_max=bars)
            return daemon

    return asyncio.run(work())


def test_a_card_tells_the_conditions_that_the_environment_has_when_nothing_is_said() -> None:
    terms = Terms(phase=2, market=MNQ, sizers=())
    assert conditions_of(terms, Deadlines()) == CONDITIONS


def test_a_policy_that_nobody_would_close_in_time_is_refused_at_the_start(tmp_path: Path) -> None:
    config = config_of(Case(market="MNQ", phase=2, seed=2, floor=False), tmp_path)
    [one] = config.strategies
    bare = config.model_copy(update={"strategies": (one.model_copy(update={"guards": ("model_sanity",)}),)})
    with pytest.raises(ConfigInvalid, match=r"\[strategies\.one\] .* put flat_by among its guards"):
        assemble(bare, state_path=None)


@pytest.mark.parametrize(("key", "value", "trained"), [("cancel_before_s", 900, 600), ("flat_before_s", 299, 300)])
def test_a_policy_that_would_be_closed_at_another_time_than_in_training_is_refused(
    tmp_path: Path, key: str, value: int, trained: int
) -> None:
    config = config_of(Case(market="MNQ", phase=2, seed=2, floor=False), tmp_path)
    guards = {**config.guards, "flat_by": {**config.guards["flat_by"], key: value}}
    with pytest.raises(ConfigInvalid, match=rf"flat_by\] {key} = {value}: .* {trained}; set {key} = {trained}"):
        assemble(config.model_copy(update={"guards": guards}), state_path=None)


@pytest.mark.parametrize(("trained", "said"), [("16:59", ""), ("15:10", "flat by 16:59 New York: .* with 15:10")])
def test_a_policy_whose_day_ended_at_another_time_in_training_is_refused(
    tmp_path: Path, trained: str, said: str
) -> None:
    config = config_of(Case(market="MNQ", phase=2, seed=2, floor=True), tmp_path)
    [one] = config.strategies
    told = card(phase=2, conditions=CONDITIONS.model_copy(update={"flat_by_new_york": trained}), window_bars=WINDOW)
    sha256 = save(tmp_path / "told", tensors(told), told)
    signal = {"use": "policy", "checkpoint": str(tmp_path / "told"), "sha256": sha256}
    config = config.model_copy(update={"strategies": (one.model_copy(update={"signal": signal}),)})
    if not said:
        assert assemble(config, state_path=None).rules.strategies["one"].model
        return
    with pytest.raises(ConfigInvalid, match=said):
        assemble(config, state_path=None)


def test_a_checkpoint_that_is_not_the_pinned_one_is_refused_at_the_start(tmp_path: Path) -> None:
    config = config_of(Case(market="MNQ", phase=2, seed=2, floor=False), tmp_path)
    [one] = config.strategies
    other = one.model_copy(update={"signal": {**one.signal, "sha256": "ab" * 32}})
    with pytest.raises(ConfigInvalid, match=r"\[strategies\.one\.signal\] .* is pinned: it is another checkpoint"):
        assemble(config.model_copy(update={"strategies": (other,)}), state_path=None)


def test_a_checkpoint_that_is_not_there_is_refused_with_those_there_are(tmp_path: Path) -> None:
    config = config_of(Case(market="MNQ", phase=2, seed=2, floor=False), tmp_path)
    [one] = config.strategies
    away = one.model_copy(update={"signal": {**one.signal, "checkpoint": "mnq-2-3"}})
    given = {"strategies": (away,), "paths": config.paths.model_copy(update={"models": str(tmp_path)})}
    with pytest.raises(ConfigInvalid, match=r"no checkpoint 'mnq-2-3'; did you mean mnq-2-2-0\?"):
        assemble(config.model_copy(update=given), state_path=None)


@pytest.mark.slow
def test_a_dry_run_sizes_the_policys_last_signal(tmp_path: Path) -> None:
    case = Case(market="MNQ", phase=2, seed=2, floor=False)
    config = recorded(config_of(case, tmp_path), bars_of(case, 1_200), tmp_path)
    told = tmp_path / "config.toml"
    told.write_text(
        next(tmp_path.glob("mnq-*.toml")).read_text()
        + f"""
[feed]
use = "file"
files = [{{ path = "{config.feed.files[0].path}", market = "MNQ" }}]
"""
    )
    asked = ["size", "--dry-run", "--strategy", "one", "--config", str(told), "--json"]
    result = CliRunner().invoke(app, asked, env={"GAMMA__GAMMA__DATABASE": f"sqlite:///{tmp_path}/none.db"})
    assert result.exit_code == 0, result.output
    sized = json.loads(result.stdout)
    assert sized["lots"] > 0
    assert "model_sanity" in [step["name"] for step in sized["steps"]]
