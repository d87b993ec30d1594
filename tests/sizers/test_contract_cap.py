import math

import pytest

from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from tests.sizers.sized import facts, in_market, sized

MANY = Fixed(lots=1_000)


@pytest.mark.parametrize(
    ("symbol", "lots"),
    [
        *(("ES", 1), ("NQ", 1), ("YM", 1), ("RTY", 1), ("MES", 12), ("MNQ", 12), ("MYM", 12), ("M2K", 12)),
        *(("XAU_USD", 30), ("SPX", 3), ("NDX", 3), ("XSP", 3), ("RUT", 3), ("KXINX-26", 100)),
    ],
)
def test_every_market_has_its_cap(symbol: str, lots: int) -> None:
    found = sized(in_market(symbol), MANY, ContractCap())
    assert found.lots == lots
    assert found.steps[1].reason == "cap"


def test_as_proposer_it_gives_the_cap_itself() -> None:
    assert sized(in_market("MNQ"), ContractCap()).lots == 12


def test_less_than_the_cap_passes_as_it_is() -> None:
    found = sized(in_market("MNQ"), Fixed(lots=5), ContractCap())
    assert (found.lots, found.bound_by, found.steps[1].reason) == (5, "Fixed", "ok")


def test_a_market_may_have_a_cap_of_its_own() -> None:
    cap = ContractCap(markets={"MNQ": 4, "ES": 0})
    assert [sized(in_market(s), MANY, cap).lots for s in ("MNQ", "MES", "ES")] == [4, 12, 0]


def test_a_market_without_a_cap_closes() -> None:
    found = sized(in_market("XAU_USD", market={"lots_max": math.nan}), MANY, ContractCap())
    assert (found.lots, found.invalid) == (0, "market.lots_max is unknown (nan): set the market's lots_max")
    assert found.steps[1].reason == "input_missing"


@pytest.mark.parametrize(
    ("side", "long_minis", "short_minis", "lots"),
    [
        (1, 0.0, 0.0, 12),
        (1, 4.0, 0.0, 10),  # (5 - 4) / 0.1
        (1, 4.9, 0.0, 1),
        (1, 5.0, 0.0, 0),
        (1, 6.0, 0.0, 0),
        (-1, 5.0, 0.0, 12),  # the long side's exposure does not count against a sale
        (-1, 0.0, 4.2, 8),
    ],
)
def test_a_family_is_bounded_in_mini_equivalents(side: int, long_minis: float, short_minis: float, lots: int) -> None:
    view = in_market(
        "MNQ",
        signal={"side": side},
        position={"family_long_minis": long_minis, "family_short_minis": short_minis},
    )
    cap = ContractCap(family_minis_max=5.0)
    assert sized(view, MANY, cap).lots == lots
    assert facts(view, cap, 1_000)["family_minis"] == (long_minis if side > 0 else short_minis)


def test_the_family_bound_leaves_a_market_alone_that_is_no_part_of_a_mini() -> None:
    view = in_market("XAU_USD", position={"family_long_minis": 50.0})
    assert sized(view, MANY, ContractCap(family_minis_max=5.0)).lots == 30


@pytest.mark.parametrize("side", [0, math.nan])
def test_a_family_bound_without_a_side_closes(side: float) -> None:
    view = in_market("MNQ", signal={"side": side})
    assert sized(view, MANY, ContractCap(family_minis_max=5.0)).lots == 0


def test_a_family_exposure_that_is_unknown_closes() -> None:
    view = in_market("MNQ", position={"family_long_minis": math.nan})
    found = sized(view, MANY, ContractCap(family_minis_max=5.0))
    assert found.lots == 0
    assert "family_minis" in found.invalid
