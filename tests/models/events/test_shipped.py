"""The event policies that ship: whole, small, for paper, and with cards that say how they did, and what it is worth."""

from pathlib import Path

import pytest

from gamma.actions import SIZES_LOTS
from gamma.markets import market
from models.events import cards
from models.events.checkpoints import load
from models.events.shelf import EventShelf

SHIPPED = {folder.name: folder for folder in EventShelf().found(EventShelf().shipped)}
BYTES_MAX = 1_000_000


def test_there_is_one_of_all_sizes_and_one_of_ten_contracts() -> None:
    sizes = {name: load(folder, pinned_sha256=None).card.conditions.sizes_lots for name, folder in SHIPPED.items()}
    assert sizes == {"kalshi-btc15m": SIZES_LOTS, "kalshi-btc15m-fixed10": (10,)}


@pytest.mark.parametrize("folder", SHIPPED.values(), ids=SHIPPED.keys())
def test_each_is_small_and_opens_by_its_hash(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < BYTES_MAX
    told = EventShelf().told(folder)
    policy = EventShelf().open(folder, market=market(told.markets[0]), pinned_sha256=told.sha256)
    assert (policy.look_s, len(policy.actions), policy.trained.paper_only) == (5.0, 21, True)


def test_the_page_that_tells_how_to_trade_it_pins_the_one_that_ships() -> None:
    page = (Path(__file__).parents[3] / "docs/policies.md").read_text(encoding="utf-8")
    pinned = page.partition('checkpoint = "kalshi-btc15m", sha256 = "')[2].partition("...")[0]
    assert len(pinned) >= 8
    assert EventShelf().told(SHIPPED["kalshi-btc15m"]).sha256.startswith(pinned)


@pytest.mark.parametrize("folder", SHIPPED.values(), ids=SHIPPED.keys())
def test_each_says_how_it_did_in_held_out_and_replayed_markets_and_that_no_edge_is_claimed(folder: Path) -> None:
    card = load(folder, pinned_sha256=None).card
    assert card.edge == cards.NO_EDGE
    simulated, replayed = card.evaluations
    assert (simulated.out_of_sample, simulated.markets.real, simulated.served) == (True, False, "greedy")
    assert (replayed.out_of_sample, replayed.markets.real) == (False, True)
    for told in card.evaluations:
        assert told.not_qualified == cards.NO_EDGE
        for figure in told.figures[:2]:  # what it made, and how much more than the other
            assert figure.low is not None
            assert figure.high is not None
            assert figure.low <= figure.value <= figure.high
    assert simulated.markets.markets >= 4_000
