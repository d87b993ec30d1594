"""The policies that ship: whole, small, and with cards that say how they did."""

from pathlib import Path

import pytest

from models.checkpoints import load
from models.shelf import Shelf

SHIPPED = Shelf().found(Shelf().shipped)
BYTES_MAX = 1_000_000


def test_there_is_one_for_each_nasdaq_future() -> None:
    assert {market for one in SHIPPED for market in Shelf().told(one).markets} >= {"MNQ", "NQ"}


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_is_verified_and_small(folder: Path) -> None:
    load(folder, pinned_sha256=None)
    assert sum(path.stat().st_size for path in folder.iterdir()) < BYTES_MAX


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_says_how_it_did_in_sample_on_the_days_it_was_chosen_on_and_on_days_nobody_had_seen(folder: Path) -> None:
    card = load(folder, pinned_sha256=None).card
    names = [one.name for one in card.evaluations]
    assert (names[0], names[-1]) == ("training span", "report span")
    assert "selection span" in names
    report = card.evaluations[-1]
    figures = {one.name: one.value for one in report.figures}
    assert report.out_of_sample
    assert report.trades_sha256
    assert report.bars.first_utc > max(bars.last_utc for bars in card.training.bars)
    assert {"net_pnl_usd", "drawdown_max_usd", "flat_hold_frac", "long_trades", "short_trades"} <= figures.keys()
    assert {"buy_and_hold_net_pnl_usd", "breakout_net_pnl_usd", "selection_trials"} <= figures.keys()
    qualified = figures["selection_dsr_prob"] >= 0.95 and figures["selection_trades"] > 100
    assert card.paper_only == bool(report.not_qualified)
    assert qualified or report.not_qualified
