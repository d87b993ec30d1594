"""What JAX makes of many paths at once is what the daemon's own parts make of each: to the lot and to the cent."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.montecarlo import jitted
from gamma.montecarlo.chains import Chain, setting_of
from gamma.montecarlo.rules import Account
from gamma.montecarlo.simulation import Ask, Simulated, plain, realised
from gamma.montecarlo.stream import Stream
from gamma.reasons import Fact
from gamma.sizing import Sizer
from gamma.views import Num, View
from sizers.bayes_kelly import BayesKelly
from sizers.bounded_kelly import BoundedKelly
from sizers.cash_buffer import CashBuffer
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from sizers.floor_room import FloorRoom
from sizers.half_kelly import HalfKelly
from sizers.position_cap import PositionCap
from sizers.risk_constrained_kelly import RiskConstrainedKelly
from sizers.risk_frac import RiskFrac
from sizers.shrunk_kelly import ShrunkKelly
from tests.gamma.montecarlo.case import account, chance_stream, open_stream
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
    "halts": (chance_stream(), account("", **HALTS), [("risk_frac", RiskFrac(frac=0.06))]),
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
    "open P&L": (open_stream(), account("intraday"), [("floor_room", FloorRoom(frac=0.2))]),
    "costs and caps": (
        chance_stream(),
        account("none"),
        [("fixed", Fixed(lots=9)), ("cash_buffer", CashBuffer()), ("position_cap", PositionCap(lots_max=5))],
    ),
}  # fmt: skip

HEAVY: dict[str, tuple[Stream, Account, Chain]] = {
    "constrained": (
        chance_stream(win_prob=0.65), account(""), [("risk_constrained_kelly", RiskConstrainedKelly(rolling_window=30))]
    ),
    "posterior": (chance_stream(40, win_prob=0.65), account(""), [("bayes_kelly", BayesKelly(rolling_window=30))]),
    "single trades": (
        chance_stream(win_prob=0.65), account(""), [("bounded_kelly", BOUNDED), ("half_kelly", HalfKelly(max_lots=30))]
    ),
}  # fmt: skip


def ask(paths: int = 24, **changed: Any) -> Ask:
    return Ask(**({"paths": paths, "trades": 90, "block": 4.0, "seed": 11} | changed))


def agrees(case: tuple[Stream, Account, Chain], asked: Ask) -> Simulated:
    """Run JAX, and hold it against NumPy, and each path against the walk along the same trades."""
    stream, where, chain = case
    found = jitted.compiled(stream, where, chain, asked, whole=True)(asked)
    beside = plain(setting_of(stream, where, chain, uncertain=asked.uncertain), asked)
    for field in Simulated.__slots__:
        assert np.array_equal(getattr(found, field), getattr(beside, field)), field
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
    found = agrees(CASES[name], ask())
    assert found.lots is not None
    assert len(np.unique(found.lots)) > 1


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.slow
def test_a_path_of_a_costly_sizer_is_what_the_daemons_parts_make_of_it(name: str) -> None:
    agrees(HEAVY[name], ask(paths=16))


def test_halts_and_ruin_come_about_where_they_are_tried() -> None:
    halts = plain(setting_of(*CASES["halts"]), ask())
    assert 0 < halts.halted.sum() < len(halts.halted)
    floors = plain(setting_of(*CASES["fixed floor"]), ask())
    assert 0 < floors.ruined.sum() < len(floors.ruined)


def test_a_win_rate_of_its_own_on_each_path_changes_no_arithmetic() -> None:
    agrees(CASES["half_kelly"], ask(uncertain=True))


def test_the_same_seed_is_the_same_result_and_another_is_not() -> None:
    stream, where, chain = CASES["half_kelly"]
    run = jitted.compiled(stream, where, chain, ask(paths=8))
    once, again, other = run(ask(paths=8)), run(ask(paths=8)), run(ask(paths=8, seed=12))
    assert once.final_usd.tolist() == again.final_usd.tolist()
    assert once.final_usd.tolist() != other.final_usd.tolist()
    # A path does not depend on how many others there are.
    fewer = jitted.compiled(stream, where, chain, ask(paths=3))(ask(paths=3))
    assert fewer.final_usd.tolist() == once.final_usd[:3].tolist()


def test_what_was_compiled_for_other_paths_is_refused() -> None:
    stream, where, chain = CASES["half_kelly"]
    with pytest.raises(InputInvalid, match="compile it anew"):
        jitted.compiled(stream, where, chain, ask(paths=3, trades=5))(ask(paths=4, trades=5))


def test_the_realised_path_makes_every_trade_once_in_its_order() -> None:
    stream, where, chain = CASES["half_kelly"]
    found = realised(setting_of(stream, where, chain, uncertain=True))
    assert found.trade is not None
    assert found.balance_usd is not None
    assert found.trade[:, 0].tolist() == list(range(len(stream)))
    walked = walk(stream, where, chain, range(len(stream)))
    assert found.balance_usd[:, 0].tolist() == walked.balance_usd


class Branching:
    """A sizer that asks a number whether it is true, which of many at once cannot be told."""

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        return 1.0 if view.account.balance_usd > 10_000 else 0.0

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002
        return {}


class Numpy:
    """A sizer that takes arrays, but only NumPy's."""

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        return np.floor(view.account.balance_usd / 10_000)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002
        return {}


@pytest.mark.parametrize(("sizer", "where"), [(Branching(), "cannot be simulated"), (Numpy(), "be traced by JAX")])
def test_a_sizer_that_cannot_take_arrays_is_refused_by_its_name(sizer: Sizer, where: str) -> None:
    chain = [("half_kelly", HalfKelly()), ("stranger", sizer)]
    with pytest.raises(InputInvalid, match=f"sizer stranger cannot .*{where}.*gamma.numeric|stranger {where}"):
        jitted.compiled(chance_stream(), account(""), chain, ask(paths=2, trades=2))


def test_without_a_sizer_there_is_nothing_to_simulate() -> None:
    with pytest.raises(InputInvalid, match="no sizer"):
        setting_of(chance_stream(), account(""), [])
