"""The futures environment, by hand and by law."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from gamma.decision import decide
from gamma.markets import market
from gamma.sizing import Sizer
from gamma.views import View
from models.futures.env import reset, step
from models.futures.records import NO_FLOOR, Course, Floor, Lesson, Seen, State, Terms, World, world_of
from models.futures.schema import Action, width
from models.futures.sight import legal, observe
from models.futures.sizes import sized, view_of
from models.futures.tape import tape_of
from sizers.atr_risk import AtrRisk
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from tests.models.futures.market_case import drawn, simulated

BUY, SELL, HOLD = Action.BUY, Action.SELL, Action.HOLD
LAST_FLAT = 119
LEVEL = 20_000.0
MNQ = market("MNQ")
ROWS = 2_000


def course_of(symbol: str, prices: Sequence[tuple[float, float, float, float]], **terms: Any) -> Course:
    """An environment that begins at the close of the last flat bar, 2 points of range before it and a level of 20,000.

    So the stop of an MNQ lies 3 points away and its target 9.
    """
    tape = tape_of(drawn(symbol, LEVEL, prices))
    world = world_of(tape)._replace(starts=jnp.array([LAST_FLAT], jnp.int32))
    return Course(
        terms=Terms(**{"phase": 2, "market": tape.market, "sizers": (Fixed(lots=3),), "window": 1, **terms}),
        world=world,
        lesson=Lesson(),
    )


def play(course: Course, actions: Sequence[int]) -> tuple[list[State], list[Seen]]:
    """One environment through these actions; states stand before each step, and the last behind it."""
    states, told = [reset(course, jnp.zeros(1, jnp.uint32))], []
    one = jax.jit(partial(step, course))
    for action in actions:
        state, seen = one(states[-1], jnp.array([action], jnp.int32))
        states.append(state)
        told.append(seen)
    return states, told


def flat(bars: int, level: float = LEVEL) -> list[tuple[float, float, float, float]]:
    return [(level, level + 0.5, level - 0.5, level)] * bars


def test_an_episode_of_phase_one_by_hand() -> None:
    prices = [
        (20_001.0, 20_003.0, 20_000.0, 20_002.0),  # in at the open and a tick: 20,001.25
        (20_002.0, 20_009.0, 20_001.0, 20_008.0),  # touches the target at 20,009, and does not pass it
        (20_008.0, 20_010.0, 20_007.0, 20_009.5),  # passes it
        *flat(3, 20_009.0),
    ]
    course = course_of("MNQ", prices, phase=1, bars=4)
    states, told = play(course, [BUY, HOLD, HOLD, HOLD])
    held = states[1]
    assert [int(x[0]) for x in (held.side, held.lots, held.stop_ticks, held.target_ticks)] == [1, 3, 79_988, 80_036]
    assert int(held.entry_ticks[0]) == 80_005
    assert [int(t.opened_lots[0]) for t in told] == [3, 0, 0, 0]
    assert [int(t.closed_lots[0]) for t in told] == [0, 0, 3, 0]
    # 3 lots, 3 ticks up at the first close less the fee of one side; 31 ticks at the end less both.
    assert [int(t.equity_cents[0]) - 5_000_000 for t in told] == [450 - 180, 4_050 - 180, 4_650 - 360, 4_290]
    assert int(told[2].pnl_cents[0]) == 4_650 - 360
    assert [bool(t.truncated[0]) for t in told] == [False, False, False, True]
    assert not any(bool(t.terminated[0]) for t in told)


def test_an_episode_of_phase_two_by_hand() -> None:
    prices = [
        (20_000.0, 20_002.0, 19_999.5, 20_002.0),  # in at 20,000.25; 1.75 points up is over half a true range
        (20_001.0, 20_001.5, 19_999.0, 20_001.0),  # break-even is touched: out at 20,000.25 less a tick
        (20_001.0, 20_001.5, 20_000.5, 20_001.0),  # in short at 20,000.75
        (20_000.0, 20_000.0, 19_995.0, 19_996.0),  # 4.75 points up: over 1 R, which is about 3 points
        (19_996.0, 19_997.0, 19_995.0, 19_996.0),  # the trail is on, from 19,995
        (19_996.0, 20_000.0, 19_996.0, 19_999.0),
        *flat(3),
    ]
    course = course_of("MNQ", prices)
    states, told = play(course, [BUY, Action.SL_TO_BE, SELL, HOLD, Action.TRAIL_ON, HOLD])
    assert int(states[2].lots[0]) == 0
    assert int(told[1].pnl_cents[0]) == 3 * (-1 * 50 - 2 * 60)
    assert int(states[3].entry_ticks[0]) == 80_003
    assert bool(legal(course, states[4])[0, Action.TRAIL_ON])
    # The true range is 2.310 points at that close and 2.287 at the next: 10 whole ticks at either.
    stop = int(states[5].stop_ticks[0])
    assert stop == 79_980 + 10
    last = [t for t in told if int(t.closed_lots[0])][-1]
    assert int(last.pnl_cents[0]) == 3 * ((80_003 - (stop + 1)) * 50 - 120)
    assert int(states[-1].balance_cents[0]) == 5_000_000 + sum(int(t.pnl_cents[0]) for t in told)


def test_a_trail_that_is_switched_off_has_moved_at_that_close_and_moves_no_more() -> None:
    prices = [
        (20_000.0, 20_006.0, 19_999.5, 20_005.0),  # in at 80,001 with the stop at 79,988; now 19 ticks up, over 1 R
        (20_005.0, 20_007.0, 20_004.5, 20_006.0),
        (20_006.0, 20_008.5, 20_005.5, 20_008.0),
        (20_008.0, 20_008.0, 20_004.0, 20_005.0),  # back to the stop
        *flat(2, 20_005.0),
    ]
    states, told = play(course_of("MNQ", prices), [BUY, Action.TRAIL_ON, Action.TRAIL_OFF, HOLD])
    # True ranges of 2.321 and 2.334 points: 10 whole ticks under 80,024, then under 80,028.
    assert [int(s.stop_ticks[0]) for s in states[1:4]] == [79_988, 80_018, 80_018]
    assert [int(s.risk_ticks[0]) for s in states[1:4]] == [13, 13, 13]
    assert int(told[3].pnl_cents[0]) == 3 * ((80_018 - 1 - 80_001) * 50 - 120)


@pytest.mark.parametrize(
    ("row", "after", "out_ticks"),
    [
        # On the bar of the action: 10 ticks under 80,032 is above the close.
        ((20_000.0, 20_008.0, 19_999.5, 20_004.0), (20_005.0, 20_006.0, 20_004.0, 20_005.0), 80_020 - 1),
        # A bar later: 11 ticks under 80,036 is above the close.
        ((20_000.0, 20_006.0, 19_999.5, 20_005.0), (20_005.0, 20_009.0, 20_004.0, 20_004.5), 80_024 - 1),
    ],
)
def test_where_the_price_is_past_the_trail_the_position_leaves_at_the_next_open(
    row: tuple[float, float, float, float], after: tuple[float, float, float, float], out_ticks: int
) -> None:
    course = course_of("MNQ", [row, after, (20_006.0, 20_010.0, 20_005.5, 20_009.0), *flat(2, 20_009.0)])
    states, told = play(course, [BUY, Action.TRAIL_ON, HOLD])
    out = next(t for t in told if int(t.closed_lots[0]))
    assert int(out.pnl_cents[0]) == 3 * ((out_ticks - 80_001) * 50 - 120)
    if out is told[2]:
        assert np.asarray(legal(course, states[2])).tolist() == [[True, False, False, False, False, False]]


@pytest.mark.parametrize(
    ("row", "out_ticks"),
    [
        ((20_000.0, 20_012.0, 19_990.0, 20_011.0), 79_988 - 1),  # both are touched: the stop counts
        ((19_990.0, 20_012.0, 19_985.0, 20_011.0), 79_960 - 1),  # it opens below the stop
        ((20_010.0, 20_012.0, 19_990.0, 20_011.0), 80_040),  # it opens above the target
        ((20_000.0, 20_009.0, 19_997.25, 20_000.0), 0),  # neither is reached
    ],
)
def test_inside_a_bar_the_stop_counts_first_and_a_gap_fills_at_the_open(
    row: tuple[float, float, float, float], out_ticks: int
) -> None:
    course = course_of("MNQ", [(20_000.0, 20_000.5, 19_999.5, 20_000.0), row, *flat(3)])
    _, told = play(course, [BUY, HOLD])
    expected = 3 * ((out_ticks - 80_001) * 50 - 120) if out_ticks else 0
    assert int(told[1].pnl_cents[0]) == expected


def test_a_round_trip_costs_its_fees_and_its_slippage_once() -> None:
    """Nothing moves; at the moment to be flat by the position leaves at market."""
    course = course_of("NQ", flat(8), sizers=(Fixed(lots=2),))
    flags = course.world.flags.at[LAST_FLAT + 3].set(2)
    course = replace(course, world=course.world._replace(flags=flags))
    states, told = play(course, [BUY, HOLD, HOLD, HOLD])
    assert [int(t.closed_lots[0]) for t in told] == [0, 0, 0, 2]
    assert 5_000_000 - int(states[-1].balance_cents[0]) == 2 * (2 * 250 + 2 * 500)


def test_an_account_ends_where_open_equity_touches_its_floor_inside_a_bar() -> None:
    row = (20_000.0, 20_001.0, 19_998.0, 20_001.0)
    floor = Floor(drawdown_usd=30.0)
    terms = {"sizers": (Fixed(lots=12),), "floor": floor}
    _, told = play(course_of("MNQ", [row, *flat(3)], **terms), [BUY])
    # 12 lots at 20,000.25: at 19,998 they have lost 54 usd; at the close they have made 18.
    assert bool(told[0].terminated[0])
    assert not bool(told[0].truncated[0])
    assert int(told[0].equity_low_cents[0]) == 5_000_000 - 12 * (9 * 50 + 60)
    assert int(told[0].equity_cents[0]) == int(told[0].equity_low_cents[0])


def test_the_floor_follows_open_equity_up_and_never_down() -> None:
    rows = [(20_000.0, 20_008.0, 19_999.0, 20_007.0), (20_007.0, 20_008.0, 20_001.0, 20_002.0), *flat(3, 20_002.0)]
    states, _ = play(course_of("MNQ", rows, floor=Floor(drawdown_usd=2_500.0)), [BUY, HOLD])
    # 31 ticks up at the best, less the fee of one side.
    best = 3 * (31 * 50 - 60)
    assert [int(s.floor_cents[0]) for s in states] == [4_750_000, 4_750_000 + best, 4_750_000 + best]


# --- laws -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(tape_of(simulated("MNQ", ROWS)))


def wander(course: Course, steps: int, envs: int = 64) -> tuple[State, Seen]:
    """Actions of chance among those that are legal; what was told, [steps, envs]."""

    def body(carry: tuple[State, Array], _: None) -> tuple[tuple[State, Array], Seen]:
        state, key = carry
        key, used = jax.random.split(key)
        logits = jnp.where(legal(course, state), 0.0, -1e9)
        state, seen = step(course, state, jax.random.categorical(used, logits).astype(jnp.int32))
        return (state, key), seen

    state = reset(course, jnp.arange(envs, dtype=jnp.uint32))
    (state, _), seen = jax.jit(lambda s: jax.lax.scan(body, (s, jax.random.key(3)), None, length=steps))(state)
    return state, seen


def test_n_lots_make_n_times_what_one_lot_makes(world: World) -> None:
    made = {}
    for lots in (1, 7):
        terms = Terms(phase=2, market=MNQ, sizers=(Fixed(lots=lots),), window=1, bars=300)
        _, seen = wander(Course(terms=terms, world=world, lesson=Lesson()), 400)
        made[lots] = seen
    assert int((made[1].closed_lots > 0).sum()) > 500
    assert np.array_equal(made[7].pnl_cents, 7 * made[1].pnl_cents)
    assert np.array_equal(made[7].closed_lots, 7 * made[1].closed_lots)
    told = np.asarray(made[1].equity_cents) > 0  # an episode that is over tells nothing
    low = {lots: np.asarray(seen.equity_low_cents)[told] - 5_000_000 for lots, seen in made.items()}
    assert np.array_equal(low[7], 7 * low[1])


def test_the_money_is_the_sum_of_the_trades(world: World) -> None:
    """And what is still open has paid the fee of one side."""
    terms = Terms(phase=2, market=MNQ, sizers=(AtrRisk(), ContractCap()), window=1, bars=10_000)
    state, seen = wander(Course(terms=terms, world=world, lesson=Lesson()), 200)
    still = ~np.asarray((seen.terminated | seen.truncated).any(axis=0))
    assert still.sum() > 10
    made = np.asarray(seen.pnl_cents.sum(axis=0)) - 60 * np.asarray(state.lots)
    assert np.array_equal(np.asarray(state.balance_cents)[still] - 5_000_000, made[still])


def test_no_lots_no_trade(world: World) -> None:
    terms = Terms(phase=1, market=MNQ, sizers=(AtrRisk(max_loss_usd=1.0),), window=1)
    _, seen = wander(Course(terms=terms, world=world, lesson=Lesson()), 100)
    assert not seen.opened_lots.any()
    assert not seen.pnl_cents.any()


def test_what_is_illegal_is_held(world: World) -> None:
    terms = Terms(phase=2, market=MNQ, sizers=(Fixed(lots=1),), window=1)
    course = Course(terms=terms, world=world, lesson=Lesson())
    state = reset(course, jnp.arange(6, dtype=jnp.uint32))
    actions = jnp.arange(6, dtype=jnp.int32)
    one = jax.jit(partial(step, course))
    for _ in range(60):
        allowed = np.asarray(legal(course, state))[np.arange(6), np.asarray(actions)]
        after, _ = one(state, actions)
        held, _ = one(state, jnp.where(jnp.asarray(allowed), actions, 0))
        assert all(np.array_equal(a, b) for a, b in zip(after, held, strict=True))
        state, actions = after, jnp.roll(actions, 1)


def test_what_is_shown_does_not_know_the_future(world: World) -> None:
    terms = Terms(phase=2, market=MNQ, sizers=(Fixed(lots=1),), window=20)
    course = Course(terms=terms, world=world, lesson=Lesson(forced_frac=0.5))
    state = reset(course, jnp.arange(32, dtype=jnp.uint32))
    one, shows = jax.jit(partial(step, course)), jax.jit(lambda w, s: observe(replace(course, world=w), s))
    for n in range(30):
        after = jnp.arange(len(world.flags))[:, None] > state.at.max()
        later = world._replace(
            ticks=jnp.where(after, world.ticks[::-1], world.ticks),
            seen=jnp.where(after, world.seen[::-1], world.seen),
            atr_points=jnp.where(after[:, 0], world.atr_points[::-1], world.atr_points),
        )
        shown = shows(world, state)
        assert shown.shape == (32, width(terms.window))
        assert np.array_equal(shown, shows(later, state))
        state, _ = one(state, jnp.full(32, n % 6, jnp.int32))


def installed() -> list[tuple[str, Sizer]]:
    found = []
    for entry in sorted(entry_points(group="gamma.sizers")):
        kind = entry.load()
        example = dict(getattr(kind, "example", {}))
        found.append((entry.name, kind(**example)))
    return found


def test_the_lots_of_the_environment_are_those_of_the_daemon(world: World) -> None:
    """Every installed sizer alone and behind a cap, on 5,000 views of chance."""
    rng, count = np.random.default_rng(5), 5_000
    base = Terms(phase=2, market=MNQ, sizers=(), window=1, floor=Floor(drawdown_usd=2_500.0))
    course = Course(terms=base, world=world, lesson=Lesson())
    state = reset(course, jnp.arange(count, dtype=jnp.uint32))
    balance = rng.integers(4_700_000, 6_000_000, count)
    floor = np.where(rng.random(count) < 0.2, NO_FLOOR, balance - rng.integers(-9_999, 250_000, count))
    state = state._replace(
        at=jnp.asarray(rng.integers(120, ROWS - 5, count), jnp.int32),
        balance_cents=jnp.asarray(balance, jnp.int32),
        floor_cents=jnp.asarray(floor, jnp.int32),
    )
    side = jnp.asarray(rng.choice([-1, 1], count), jnp.int32)
    views, _ = view_of(course, state, side)
    leaves, shape = jax.tree.flatten(views)
    columns = [np.broadcast_to(np.asarray(x), (count,)) if np.ndim(x) < 2 and np.size(x) != 0 else None for x in leaves]
    for name, sizer in installed():
        chain = (sizer, ContractCap(), Fixed(lots=1_000))
        lots = np.asarray(sized(replace(course, terms=replace(base, sizers=chain)), state, side).lots)
        rows = range(count) if name in ("atr_risk", "floor_room", "risk_frac") else range(0, count, 25)
        for n in rows:
            one = [leaf if column is None else float(column[n]) for leaf, column in zip(leaves, columns, strict=True)]
            view: View = jax.tree.unflatten(shape, [np.asarray(x) if hasattr(x, "shape") else x for x in one])
            found = decide(view, [(str(k), s) for k, s in enumerate(chain)], [], signal_id="s")
            assert found.sized_lots == lots[n], (name, n, found)
