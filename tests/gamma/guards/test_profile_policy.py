import pytest

from gamma.guards.profile_policy import ProfilePolicy
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

GUARD = ProfilePolicy()


def _lots(**control: object) -> int:
    return GUARD(example_view(control=control), example_order()).lots


def test_an_account_whose_firm_bans_automation_is_refused_live_and_told_why() -> None:
    verdict = GUARD(example_view(control={"mode": "live", "automation": "banned"}), example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.PROFILE_FORBIDS)
    assert "bans automated trading" in str(verdict.facts["why"])
    assert "account.automation_attested = true" in str(verdict.facts["why"])


@pytest.mark.parametrize(
    ("control", "lots"),
    [
        ({"mode": "paper", "automation": "banned"}, 4),
        ({"mode": "live", "automation": "banned", "automation_attested": True}, 4),
        ({"mode": "live", "automation": "allowed"}, 4),
        ({"mode": "live", "automation": "own_machine"}, 0),
        ({"mode": "live", "automation": "own_machine", "automation_attested": True}, 4),
        ({"mode": "live", "automation": "own_machine", "host": "desk", "hosts": ("desk",)}, 4),
        ({"mode": "live", "automation": "own_machine", "host": "vps", "hosts": ("desk",)}, 0),
        ({"mode": "live", "automation": "banned", "host": "desk", "hosts": ("desk",)}, 0),
        ({"mode": "live", "automation": "allowed", "host": "", "hosts": ("desk",)}, 0),
        ({"mode": "live", "automation": "perhaps", "automation_attested": True}, 0),
        ({"mode": "practice", "automation": "banned"}, 0),
    ],
)
def test_automation_and_host_matter_to_live_trading(control: dict[str, object], lots: int) -> None:
    assert _lots(**control) == lots


def test_a_product_outside_the_profile_is_refused_on_paper_too() -> None:
    assert _lots(products=("MNQ", "MES")) == 4
    assert _lots(products=("ES",)) == 0
