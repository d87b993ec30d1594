"""A third party's sizer is found by its entry point, held to the same laws, and harmless where it breaks them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gamma import plugins
from gamma.reasons import Reason
from gamma.sizing import Sizer, size
from sizers.contract_cap import ContractCap
from sizers.fixed import Fixed
from tests.sizers.sized import in_market

ROOT = Path(__file__).parents[2]
MODULE = '''
from pydantic import BaseModel

from gamma.numeric import ratio


class Thirds(BaseModel, frozen=True, extra="forbid"):
    """A third of one percent of the balance at risk."""

    def __call__(self, view, lots):
        return ratio(view.account.balance_usd / 300.0, view.signal.risk_usd_per_lot)

    def explain(self, view, lots):
        return {
            "budget_usd": view.account.balance_usd / 300.0,
            "risk_usd_per_lot": view.signal.risk_usd_per_lot,
            "reason": "ok" if self(view, lots) > 0 else "input_missing",
        }


class Careless(BaseModel, frozen=True, extra="forbid"):
    """Sizes on an invented balance where there is none."""

    def __call__(self, view, lots):
        balance_usd = view.account.balance_usd
        return (balance_usd if balance_usd > 0 else 20_000.0) / 1_000.0

    def explain(self, view, lots):
        return {}


class Greedy(BaseModel, frozen=True, extra="forbid"):
    """Wants ten times what came in."""

    def __call__(self, view, lots):
        return 10 * lots

    def explain(self, view, lots):
        return {}
'''
ENTRY_POINTS = """
[gamma.sizers]
thirds = third_party_sizers:Thirds
careless = third_party_sizers:Careless
greedy = third_party_sizers:Greedy
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution with three sizers, where an installer would have put it."""
    (tmp_path / "third_party_sizers.py").write_text(MODULE)
    metadata = tmp_path / "third_party_sizers-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party-sizers\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    plugins.find.cache_clear()
    yield tmp_path
    plugins.find.cache_clear()


def held_to_the_laws(installed: Path, name: str, *options: str) -> tuple[int, str]:
    """Run the laws of sizers on one that is installed there, as its author would."""
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/laws/test_sizers.py"]
    ran = subprocess.run(
        [*command, "--sizer", name, *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.slow
def test_a_strangers_sizer_is_found_and_keeps_the_laws(installed: Path) -> None:
    code, said = held_to_the_laws(installed, "thirds")
    assert code == 0, said


@pytest.mark.slow
def test_one_that_invents_a_balance_is_found_out(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPOTHESIS_PROFILE", "deep")  # it is one field of forty that has to be drawn
    code, said = held_to_the_laws(installed, "careless", "-k", "unknown")
    assert code == 1, said
    assert "careless: account.balance_usd" in said


def test_one_that_raises_sizes_is_harmless_in_the_chain(installed: Path) -> None:
    assert installed.is_dir()
    greedy: Sizer = plugins.build(plugins.SIZERS, "greedy", {})
    view = in_market("MNQ")
    found = size([("fixed", Fixed(lots=5)), ("greedy", greedy), ("contract_cap", ContractCap())], view)
    assert (found.lots, found.bound_by) == (5, "fixed")
    alone = size([("greedy", greedy)], view)
    assert (alone.lots, alone.steps[0].reason) == (0, Reason.INPUT_MISSING)
