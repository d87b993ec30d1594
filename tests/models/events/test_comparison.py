"""Two policies in the same markets, market by market: the difference is theirs, and its interval is of pairs."""

from pathlib import Path

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.feeds.events import BITCOIN_15M, simulate
from models.events import cards
from models.events.checkpoints import EventCheckpoint, load, save
from models.events.comparison import chosen, compared, evaluation, terms_of
from tests.models.events.market_case import CHAIN
from tests.models.events.test_serving import card_of, drawn

TAPE = simulate(BITCOIN_15M, np.random.default_rng(8), 40)


def one(*sizes_lots: int, seed: int = 1, balance_usd: float = 1_000.0) -> EventCheckpoint:
    told = card_of().conditions.model_dump() | {"sizes_lots": sizes_lots, "balance_usd": balance_usd}
    told["chain"] = [f"{name} {sizer.model_dump_json()}" for name, sizer in CHAIN.items()]  # type: ignore[attr-defined]
    return drawn(card_of(conditions=cards.Conditions.model_validate(told)), seed)


def test_a_policy_is_held_against_another_in_pairs_and_both_cards_tell_of_it() -> None:
    both = (one(5, 10, 20, 50, 100), one(10))
    found = compared(both, ("variable", "fixed"), TAPE)
    first, second = found.rows
    assert found.more_usd == pytest.approx(first.pnl_usd - second.pnl_usd)
    assert found.low_usd <= found.more_usd <= found.high_usd
    assert {size for size, lots in second.filled_by_size.items() if lots} == {10}
    assert sum(lots > 0 for lots in first.filled_by_size.values()) > 1
    told = [evaluation(found, of, TAPE, "simulator KXBTC15M seed 8") for of in (0, 1)]
    assert [told[of].figures[1].value for of in (0, 1)] == [found.more_usd, -found.more_usd]
    assert told[1].figures[1].low == -found.high_usd
    assert told[0].markets.sha256 == told[1].markets.sha256
    assert (told[0].out_of_sample, told[0].not_qualified) == (True, cards.NO_EDGE)
    assert not evaluation(found, 0, TAPE, "2 recordings").out_of_sample


def test_the_same_policy_twice_is_no_better_than_itself() -> None:
    found = compared((one(10), one(10)), ("one", "other"), TAPE)
    assert (found.more_usd, found.low_usd, found.high_usd) == (0.0, 0.0, 0.0)


def test_only_policies_of_equal_accounts_are_compared_under_the_terms_of_their_cards() -> None:
    assert terms_of(one(10)).sizers == tuple(CHAIN.values())
    with pytest.raises(InputInvalid, match="compare two that are alike"):
        compared((one(10), one(10, balance_usd=500.0)), ("one", "other"), TAPE)


def test_of_a_run_that_checkpoint_is_taken_which_makes_most(tmp_path: Path) -> None:
    holds = one(10, seed=2)
    tensors = {name: np.zeros_like(tensor) for name, tensor in holds.tensors.items()}
    tensors["policy.b"][0] = 1.0  # to hold is always preferred, and random orders lose
    for name, weights in (("0010", tensors), ("0025", tensors), ("0030", one(10, seed=3).tensors)):
        save(tmp_path / "run/checkpoints" / name, weights, holds.card)
    assert chosen(tmp_path / "run", TAPE) == tmp_path / "run/checkpoints/0025"
    alone = tmp_path / "run/checkpoints/0010"
    assert chosen(alone, TAPE) == alone
    assert load(alone, pinned_sha256=None).card.conditions.sizes_lots == (10,)
