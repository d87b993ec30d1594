"""What JAX makes of many paths at once is what the daemon's own parts make of each: to the lot and to the cent."""

from typing import Any

import numpy as np
import pytest

from gamma.montecarlo import jitted
from gamma.montecarlo.chains import Chain, setting_of
from gamma.montecarlo.rules import Account
from gamma.montecarlo.simulation import Ask, Simulated, plain
from gamma.montecarlo.stream import Stream
from sizers.bayes_kelly import BayesKelly
from sizers.bounded_kelly import BoundedKelly
from sizers.contract_cap import ContractCap
from sizers.floor_room import FloorRoom
from sizers.half_kelly import HalfKelly
from sizers.risk_constrained_kelly import RiskConstrainedKelly
from sizers.risk_frac import RiskFrac
from sizers.shrunk_kelly import ShrunkKelly
from tests.gamma.montecarlo.case import account, chance_stream
from tests.gamma.montecarlo.reference import walk

HALF: Chain = [("half_kelly", HalfKelly(max_lots=8))]
BOUNDED = BoundedKelly(resamples=20, block_trades=3, rolling_window=20)
HALTS = {"drawdown_half_frac": 0.10, "drawdown_halt_frac": 0.20}

CASES: dict[str, tuple[Stream, Account, Chain]] = {
    "half_kelly": (chance_stream(), account(""), HALF),
    "stand aside": (
        chance_stream(win_prob=0.55),
        account(""),
        [("half_kelly", HalfKelly(max_lots=8, on_no_edge="stand_aside", bootstrap_trades=4, rolling_window=12))],
    ),
    "halts": (chance_stream(win_prob=0.35), account("", start_usd=4_000, **HALTS), HALF),
    "small account": (chance_stream(win_prob=0.6), account("", start_usd=2_500), [("risk_frac", RiskFrac(frac=0.2))]),
    "intraday floor": (chance_stream(win_prob=0.6), account("intraday"), [("floor_room", FloorRoom(frac=0.3))]),
    "end of day floor": (chance_stream(win_prob=0.6), account("end_of_day", drawdown_usd=1_500), HALF),
    "fixed floor": (chance_stream(), account("none", drawdown_usd=1_000), HALF),
    "two records": (
        chance_stream(130, win_prob=0.6),
        account("none"),
        [
            ("half_kelly", HalfKelly(max_lots=30, rolling_window=15)),
            ("shrunk_kelly", ShrunkKelly(rolling_window=120)),
            ("contract_cap", ContractCap()),
        ],
    ),
    "constrained": (
        chance_stream(win_prob=0.65), account(""), [("risk_constrained_kelly", RiskConstrainedKelly(rolling_window=30))]
    ),
    "posterior": (chance_stream(40, win_prob=0.65), account(""), [("bayes_kelly", BayesKelly(rolling_window=30))]),
    "single trades": (
        chance_stream(win_prob=0.65), account(""), [("bounded_kelly", BOUNDED), ("half_kelly", HalfKelly(max_lots=30))]
    ),
}  # fmt: skip


def ask(paths: int = 64, **changed: Any) -> Ask:
    return Ask(**({"paths": paths, "trades": 90, "block": 4.0, "seed": 11} | changed))


def agrees(case: tuple[Stream, Account, Chain], asked: Ask) -> Simulated:
    """Run JAX, and hold each path against the walk along the same trades."""
    stream, where, chain = case
    found = jitted.compiled(stream, where, chain, asked, whole=True)(asked)
    assert found.trade is not None
    assert found.lots is not None
    assert found.balance_usd is not None
    for path in range(asked.paths):
        walked = walk(stream, where, chain, found.trade[:, path])
        assert found.lots[:, path].tolist() == walked.lots, path
        assert found.balance_usd[:, path].tolist() == walked.balance_usd, path
        assert found.drawdown_usd[path] == walked.drawdown_usd, path
        assert (found.halted[path], found.ruined[path]) == (walked.halted, walked.ruined), path
        assert (found.trades[path], found.lots_total[path]) == (np.count_nonzero(walked.lots), sum(walked.lots))
        assert found.final_usd[path] == walked.balance_usd[-1]
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_path_is_what_the_daemons_parts_make_of_it(name: str) -> None:
    found = agrees(CASES[name], ask(paths=16))
    assert found.lots is not None
    assert len(np.unique(found.lots)) > 1


@pytest.mark.parametrize("name", CASES)
def test_in_numpy_the_paths_are_the_same(name: str) -> None:
    stream, where, chain = CASES[name]
    asked = ask(paths=8)
    found = jitted.compiled(stream, where, chain, asked, whole=True)(asked)
    beside = plain(setting_of(stream, where, chain), asked)
    for field in Simulated.__slots__:
        assert np.array_equal(getattr(found, field), getattr(beside, field)), field
