"""What the daemon is told by an event policy is what the environment that trained it would have it do."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gamma.actions import NAMES
from gamma.books import BookLevel, EventBook
from gamma.clock import NS
from gamma.feeds.events import BITCOIN_15M, LOOK_S, Tape, simulate
from gamma.ports import EventPolicy
from gamma.views import Situation
from models import ppo
from models.cards import NOTICE
from models.events import cards, env, orders
from models.events.checkpoints import EventCheckpoint
from models.events.held_out import greedy
from models.events.records import State
from models.events.serving import ServedEventPolicy
from models.events.shelf import told_of
from models.events.sight import observe
from models.events.sizes import legal
from tests.models.events.market_case import CHAIN, course_of

CLOSES_UTC_NS = 1_800_000_000 * NS
CENT_MICROUSD = 10_000
FLOAT32 = 3e-6


def card_of(**differs: object) -> cards.Card:
    told: dict[str, object] = {
        "format": 1,
        "notice": NOTICE,
        "edge": cards.NO_EDGE,
        "markets": ("KXBTC15M",),
        "kind": "event",
        "actions": NAMES,
        "hidden": (16,),
        "created_utc": datetime(2026, 3, 2, 15, tzinfo=UTC),
        "conditions": cards.Conditions(
            look_s=LOOK_S,
            open_s=900.0,
            balance_usd=1_000.0,
            sizes_lots=(5, 10, 20, 50, 100),
            chain=("encoded_size {}",),
            fee=cards.FEE,
            discount=0.99,
            paper_only=True,
        ),
        "seen": cards.seen_of(),
        "training": cards.Training(
            learned=(cards.Markets(name="simulator KXBTC15M seed 1", sha256="a1" * 32, real=False, markets=8_000),),
            seed=1,
            steps=1_000_000,
            code_commit="6680bd0",
            config_sha256="c3" * 32,
        ),
    }
    return cards.Card.model_validate(told | differs)


def drawn(card: cards.Card, seed: int = 1) -> EventCheckpoint:
    """Weights of chance."""
    rng = np.random.default_rng(seed)
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in cards.shapes(card).items()}
    tensors["scale.variance"] = np.square(tensors["scale.variance"]) + np.float32(0.01)
    return EventCheckpoint(card=card, tensors=tensors, sha256="")


def book_at(tape: Tape, look: int, ts_close_utc_ns: int = CLOSES_UTC_NS) -> EventBook:
    """What stood at a look, as an exchange tells it: without what is empty."""

    def bids(best: int, lots: Sequence[int]) -> tuple[BookLevel, ...]:
        return tuple(BookLevel(price_ticks=best - k, lots=n) for k, n in enumerate(lots) if n and best - k > 0)

    return EventBook(
        market="KXBTC15M",
        yes_bids=bids(int(tape.yes_bid[0, look]), tape.yes_lots[0, look].tolist()),
        no_bids=bids(int(tape.no_bid[0, look]), tape.no_lots[0, look].tolist()),
        ts_event_utc_ns=ts_close_utc_ns - round(float(tape.left_s[0, look]) * NS),
        traded_lots=float((tape.yes_taken[0, :look] + tape.no_taken[0, :look]).sum(dtype=np.int64)),
        volume_10min_lots=float(tape.volume[0, look]),
        ts_close_utc_ns=ts_close_utc_ns,
    )


def situation_of(state: State) -> Situation:
    """How the account stands, as the daemon tells it."""
    lots, paid = int(state.lots[0]), int(state.paid_cents[0])
    each = paid / abs(lots) if lots else float("nan")
    return Situation(
        ts_event_utc_ns=0,
        side=int(np.sign(lots)),
        lots=abs(lots),
        entry_ticks=each if lots > 0 else 100.0 - each,
        balance_microusd=0,
        equity_microusd=0,
        cash_microusd=int(state.cash_cents[0]) * CENT_MICROUSD,
    )


def test_a_market_is_seen_and_traded_live_as_in_training() -> None:
    """Every look of a market that the policy trades in, from its opening to its close."""
    tape = simulate(BITCOIN_15M, np.random.default_rng(3), 1)
    course = course_of(tape, tuple(CHAIN.values()))
    checkpoint = drawn(card_of())
    policy = ServedEventPolicy(told_of(checkpoint), checkpoint)
    assert isinstance(policy, EventPolicy)
    choose = greedy(checkpoint.tensors)
    salt = jnp.zeros(1, jnp.uint32)
    shown = jax.jit(lambda state: (observe(course, state), legal(course, state)))
    acts = jax.jit(lambda seen, allowed: choose(seen, allowed, salt))
    step = jax.jit(lambda state, action: env.step(course, state, action)[0])
    state, held = env.reset(course, salt), 0
    for look in range(int(tape.looks[0])):
        seen, allowed = shown(state)
        policy.see(book_at(tape, look))
        situation = situation_of(state)
        assert np.abs(policy.observation(situation) - np.asarray(seen)[0]).max() < FLOAT32, look
        act = policy.act(situation, np.asarray(allowed)[0].tolist())
        action = acts(seen, allowed)
        assert act.action == int(action[0]), look
        state = step(state, action)
        held += int(state.lots[0]) != 0
    assert policy.looks_seen == 180
    assert held > 20


def test_the_served_network_is_the_trained_one() -> None:
    checkpoint = drawn(card_of(hidden=(16, 8)))
    policy = ServedEventPolicy(told_of(checkpoint), checkpoint)
    tape = simulate(BITCOIN_15M, np.random.default_rng(4), 1)
    policy.see(book_at(tape, 0))
    flat = situation_of(env.reset(course_of(tape), jnp.zeros(1, jnp.uint32)))
    served = policy.act(flat, [True] * len(NAMES))
    weights = {name: jnp.asarray(tensor) for name, tensor in checkpoint.tensors.items()}
    scale = ppo.Scale(weights["scale.mean"], weights["scale.variance"], jnp.float32(1))
    trained, _ = ppo.forward(weights, ppo.scaled(scale, jnp.asarray(policy.observation(flat)[None], jnp.float32)))
    np.testing.assert_allclose(served.logits, np.asarray(trained)[0], rtol=1e-4, atol=1e-4)
    assert served.action == int(np.argmax(trained))


def test_of_actions_that_it_likes_less_than_the_one_that_it_takes_it_asks_nothing() -> None:
    checkpoint = drawn(card_of(hidden=(16, 8)))
    policy = ServedEventPolicy(told_of(checkpoint), checkpoint)
    tape = simulate(BITCOIN_15M, np.random.default_rng(4), 1)
    policy.see(book_at(tape, 0))
    flat = situation_of(env.reset(course_of(tape), jnp.zeros(1, jnp.uint32)))
    liked = sorted(range(len(NAMES)), key=lambda one: -policy.act(flat, [True] * len(NAMES)).logits[one])
    for barred in (0, 1, 7, 20):
        may = Asked(set(liked[barred:]))
        assert policy.act(flat, may).action == liked[barred]
        assert may.asked == liked[: barred + 1]


class Asked(Sequence[bool]):
    """Keeps of which actions it was asked."""

    def __init__(self, legal: set[int]) -> None:
        self.legal, self.asked = legal, list[int]()

    def __len__(self) -> int:
        return len(NAMES)

    def __getitem__(self, action: Any) -> Any:
        self.asked.append(action)
        return action in self.legal


def test_another_question_begins_anew_and_one_that_was_open_already_needs_looks_first() -> None:
    checkpoint = drawn(card_of())
    policy = ServedEventPolicy(told_of(checkpoint), checkpoint)
    tape = simulate(BITCOIN_15M, np.random.default_rng(5), 1)
    flat = situation_of(env.reset(course_of(tape), jnp.zeros(1, jnp.uint32)))
    for look in range(60, 73):
        assert policy.looks_seen == look - 60
        policy.see(book_at(tape, look))
        assert policy.looks_needed == 13
    policy.see(book_at(tape, 0, CLOSES_UTC_NS + 900 * NS))
    assert (policy.looks_seen, policy.looks_needed) == (1, 1)
    fresh = ServedEventPolicy(told_of(checkpoint), checkpoint)
    fresh.see(book_at(tape, 0, CLOSES_UTC_NS + 900 * NS))
    np.testing.assert_array_equal(policy.observation(flat), fresh.observation(flat))


def test_what_a_book_does_not_tell_is_no_number_in_what_is_answered() -> None:
    checkpoint = drawn(card_of())
    policy = ServedEventPolicy(told_of(checkpoint), checkpoint)
    flat = Situation(ts_event_utc_ns=0, balance_microusd=0, equity_microusd=0, cash_microusd=10**9)
    assert np.isnan(policy.act(flat, [True] * len(NAMES)).logits).all()
    policy.see(EventBook(market="KXBTC15M", yes_bids=(), no_bids=(), ts_event_utc_ns=0, ts_close_utc_ns=NS))
    assert np.isnan(policy.act(flat, [True] * len(NAMES)).logits).all()


def test_what_is_held_earns_nothing_in_training_and_what_was_traded_does() -> None:
    course = course_of(simulate(BITCOIN_15M, np.random.default_rng(6), 64), tuple(CHAIN.values()))
    first = env.reset(course, jnp.arange(64, dtype=jnp.uint32))
    state = first._replace(at=first.at + 20, lots=first.lots + 30)
    held = jnp.zeros(64, jnp.int32)
    _, seen = env.step(course, state, held)
    np.testing.assert_allclose(seen.reward, orders.held_reward(course, state, seen), atol=1e-5)
    _, bought = env.step(course, state, held + NAMES.index("BUY_YES_10"))
    _, alone = env.step(course, state._replace(lots=held), held + NAMES.index("BUY_YES_10"))
    apart = bought.reward - orders.held_reward(course, state, bought)
    same = np.asarray(bought.filled_lots == alone.filled_lots)
    np.testing.assert_allclose(np.asarray(apart)[same], np.asarray(alone.reward)[same], atol=1e-4)
    assert same.any()
