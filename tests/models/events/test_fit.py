"""What the simulated markets were fitted to, and that the fit finds again what it was given."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from gamma.feeds.events import BITCOIN_15M, Tape, simulate
from models.events.compared import compared, lines
from models.events.fit import fitted, main, rounded
from models.events.fit_picture import draw
from models.events.measures import like, measured, paid_by_price
from models.events.quotes import read
from tests.models.events.market_case import Stood, written

REAL = Path(__file__).parents[3] / "../shared/data/kalshi"
needs_real = pytest.mark.skipif(not REAL.exists(), reason="no recordings of event markets here (../shared/data/kalshi)")


def tape_of(markets: int, seed: int = 4) -> Tape:
    return simulate(BITCOIN_15M, np.random.default_rng(seed), markets)


def test_figures_by_hand() -> None:
    looks = [Stood(bid=50, ask=51, sold=9), Stood(bid=52, ask=54, lots=20, bought=99), Stood(bid=99, ask=100)]
    told = measured(written(looks))
    assert told["move, 99% of looks within"] == pytest.approx(2.5 + 0.99 * (46.5 - 2.5))
    assert told["spread of 1 cent"] == pytest.approx(2 / 3)
    assert told["spread as one look before"] == 0
    assert told["looks with an empty side"] == pytest.approx(1 / 3)
    assert told["log of bids, level 1"] == pytest.approx((np.log1p(100) + np.log1p(20)) / 2)
    assert told["log of trades"] == pytest.approx((np.log(10) + np.log(100)) / 2)


def test_a_market_is_cut_to_the_stretch_that_was_recorded_of_another() -> None:
    whole = tape_of(4)
    recorded = replace(
        whole.part(slice(0, 2)),
        left_s=whole.left_s[:2, 100:],
        looks=np.array([30, 80], np.int32),
        payout=np.array([-1, 100], np.int32),
    )
    cut = like(whole, recorded)
    assert cut.looks.tolist() == [30, 80, 30, 80]
    assert (cut.left_s[:, 0] == 400.0).all()
    assert (cut.yes_bid[1, :80] == whole.yes_bid[1, 100:]).all()
    assert cut.payout[[0, 2]].tolist() == [-1, -1]
    assert (cut.payout[[1, 3]] == whole.payout[[1, 3]]).all()


def test_what_yes_pays_is_told_by_what_it_costs_and_only_where_its_end_is_known() -> None:
    tape = written([Stood(bid=50, ask=51), Stood(bid=98, ask=99), Stood(bid=99, ask=100)], 100)
    told = paid_by_price(tape)
    assert told[5] == (50.5, 100.0, 1)
    assert told[9] == (99.0, 100.0, 2)
    assert paid_by_price(written([Stood(bid=50, ask=51)]))[5][2] == 0


@pytest.mark.slow
def test_the_fit_finds_again_the_figures_of_what_it_is_given() -> None:
    given = tape_of(40)
    found = rounded(fitted(given, BITCOIN_15M.open_s))
    assert sum(found.spread_probs) == pytest.approx(1.0)
    assert found.depth_logs == pytest.approx(BITCOIN_15M.depth_logs, rel=0.05)
    assert (found.flow_log, found.flow_sd) == pytest.approx((BITCOIN_15M.flow_log, BITCOIN_15M.flow_sd), rel=0.05)
    rows = compared(found, given, 40, 500).rows
    assert sum(row.within for row in rows) >= 0.85 * len(rows), [row for row in rows if not row.within]


@needs_real
@pytest.mark.slow
def test_the_shape_that_ships_is_the_one_fitted_to_the_recordings_and_nearly_all_of_its_figures_are_theirs() -> None:
    recorded, _ = read(sorted(REAL.glob("btc15m_*")))
    found = asdict(rounded(fitted(recorded, 900.0)))
    shipped = asdict(BITCOIN_15M)
    assert found.keys() == shipped.keys()
    for name, value in shipped.items():
        assert found[name] == pytest.approx(value, rel=0.02), name
    rows = compared(BITCOIN_15M, recorded, 40, 500).rows
    assert [row.name for row in rows if not row.within] == [
        "move, 90% of looks within",
        "move, 99% of looks within",
        "levels together",
    ]


def test_the_comparison_is_told_in_lines_and_drawn(tmp_path: Path) -> None:
    found = compared(BITCOIN_15M, tape_of(12), 5, 500)
    told = list(lines(found))
    assert told[0] == "12 markets, 2,160 looks recorded; 5 simulations as long"
    assert max(map(len, told)) <= 88
    draw(found, tmp_path / "made" / "fit.png")
    assert (tmp_path / "made" / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_a_recording_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "snapshots.parquet: is to hold the columns" in capsys.readouterr().err
