"""A training run for event contracts: its folder, that it goes on as it went, and which sizes it may order."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from gamma.actions import LOTS
from gamma.errors import ConfigInvalid, InputInvalid
from models import runs
from models.events import checkpoints
from models.events.held_out import greedy, played
from models.events.orders import tapes_of, terms_of
from models.events.records import Course, world_of
from models.events.training import EventTrainer
from tests.models.events.training_case import UPDATE, order, trained

pytestmark = pytest.mark.slow
set_option: Callable[[str, Any], None] = jax.config.update


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that are alike are compiled once."""
    set_option("jax_compilation_cache_dir", str(tmp_path_factory.getbasetemp().parent / "compiled"))
    set_option("jax_persistent_cache_min_compile_time_secs", 0.5)
    yield
    set_option("jax_compilation_cache_dir", None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    trained(order(out))
    return out


def metrics_of(folder: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in line.items() if k != "steps_per_s"} for line in runs.metrics(folder)]


def weights_of(folder: Path, updates: int) -> bytes:
    return (folder / f"checkpoints/{updates:04}/events.safetensors").read_bytes()


def test_a_run_has_a_card_that_says_what_it_learned_from_and_that_it_has_no_edge(whole: Path) -> None:
    assert [line["steps"] for line in runs.metrics(whole)] == [UPDATE, 2 * UPDATE, 3 * UPDATE]
    card = checkpoints.load(whole / "checkpoints/0002", pinned_sha256=None).card
    assert (card.markets, card.training.steps, card.training.seed) == (("KXBTC15M",), 2 * UPDATE, 1)
    assert card.training.learned[0].name == "simulator KXBTC15M seed 1"
    assert (card.training.learned[0].markets, card.training.learned[0].real) == (32, False)
    assert card.conditions.sizes_lots == (5, 10, 20, 50, 100)
    assert card.conditions.chain[-1] == 'cash_buffer {"cash_min_usd":50.0}'
    assert card.paper_only
    assert "no edge on real quotes is claimed" in card.edge


def test_a_run_that_is_stopped_goes_on_bit_for_bit_and_equal_seeds_make_equal_runs(whole: Path, tmp_path: Path) -> None:
    trained(order(tmp_path / "run", checkpoint_updates=5), stop_after=2)
    told = trained(order(tmp_path / "run", checkpoint_updates=5, resume=True))
    assert [one.steps for one in told] == [3 * UPDATE]
    assert metrics_of(tmp_path / "run") == metrics_of(whole)
    assert weights_of(tmp_path / "run", 3) == weights_of(whole, 3)
    assert trained(order(tmp_path / "run", checkpoint_updates=5, resume=True)) == []
    for differs in ({"sizes": "10"}, {"balance_usd": 500.0}, {"markets": 41}):
        with pytest.raises(ConfigInvalid, match=r"differ: .* when it began"):
            trained(order(tmp_path / "run", resume=True, **differs))


def test_another_checkpoint_is_gone_on_from_and_named_with_what_it_learned(whole: Path, tmp_path: Path) -> None:
    start = whole / "checkpoints/0003"
    trained(order(tmp_path / "run", steps=UPDATE, markets=20, begin_from=str(start)))
    card = checkpoints.load(tmp_path / "run/checkpoints/0001", pinned_sha256=None).card
    assert card.training.began_from_sha256 == checkpoints.load(start, pinned_sha256=None).sha256
    assert [learned.markets for learned in card.training.learned] == [32, 16]


def test_a_policy_of_one_size_orders_no_other_and_is_held_against_its_rivals(tmp_path: Path) -> None:
    given = order(tmp_path / "run", steps=UPDATE, sizes="10")
    last = trained(given)[-1].checkpoint
    assert last is not None
    rivals = EventTrainer().compare(given, last)
    assert [one.name for one in rivals] == ["policy", "policy, sampled", "random", "never trading"]
    assert {one.sessions for one in rivals} == {8}
    assert json.loads((tmp_path / "run/held_out.json").read_text())["checkpoint"] == "0001"
    assert EventTrainer().picture(tmp_path / "run").read_bytes()[:4] == b"\x89PNG"
    held = tapes_of(given)[1]
    assert held is not None
    found = played(Course(terms_of(given), world_of(held)), greedy(checkpoints.load(last, pinned_sha256=None).tensors))
    assert {LOTS[action] for action in np.flatnonzero(found.taken)} <= {0, 10}


def test_a_chain_that_leaves_no_size_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"sizers leave none of the sizes .* balance of 10 usd"):
        trained(order(tmp_path / "run", balance_usd=10.0))
    with pytest.raises(InputInvalid, match="no market is left to learn from"):
        trained(order(tmp_path / "run", markets=0))
    assert not (tmp_path / "run").exists()
