"""Two ledgers side by side: one daemon's, and those of others that differ in one thing each."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.errors import InputMissing
from gamma.markets import market
from gamma.parity import Ledgered, Slot, compare
from tests.daemon_case import gamma, trade, write_config

MNQ = {"MNQ": market("MNQ")}
SLIPS = "\n[markets.MNQ]\nslippage_ticks = 4\n\n[markets.MES]\nslippage_ticks = 4\n"
BUY = Slot(act="BUY", lots=2, bound_by="fixed", reason="ok", state="filled", filled_lots=2, slippage_ticks=1.0)


def ledger(slots: dict[int, Slot], slippage: tuple[float, ...] = ()) -> Ledgered:
    return Ledgered(
        account="DU1",
        mode="paper",
        events=1,
        head_sha256="a",
        slots={("alpha", slot): told for slot, told in slots.items()},
        slippage_ticks={("MNQ", "entry"): slippage} if slippage else {},
        pnl_usd=0.0,
    )


def told(paper: dict[int, Slot], live: dict[int, Slot]) -> dict[str, Any]:
    return compare(ledger(paper), ledger(live), MNQ)


def test_signals_agree_where_both_act_alike_and_holding_is_counted_apart() -> None:
    found = told(
        {1: BUY, 2: BUY, 3: Slot(act="HOLD"), 4: BUY},
        {1: BUY, 2: Slot(act="SELL"), 3: Slot(act="HOLD"), 4: Slot(act="HOLD")},
    )["signals"]
    assert (found["held"], found["acted"], found["agree"]) == (1, 3, 1)
    assert found["differ"] == [
        {"strategy": "alpha", "slot_utc_ns": 2, "paper": "BUY", "live": "SELL"},
        {"strategy": "alpha", "slot_utc_ns": 4, "paper": "BUY", "live": "HOLD"},
    ]


def test_only_the_span_of_both_counts_and_what_one_alone_decided_in_it_is_told() -> None:
    hold = Slot(act="HOLD")
    found = told({1: hold, 2: hold, 3: hold, 5: hold}, {2: hold, 4: hold, 5: hold, 9: hold})
    assert found["slots"] == {"both": 2, "only_paper": 1, "only_live": 1}
    assert (found["ts_first_utc_ns"], found["ts_last_utc_ns"]) == (2, 5)
    assert math.isnan(found["signals"]["agree_frac"])


def test_ledgers_of_other_days_have_nothing_in_common() -> None:
    with pytest.raises(InputMissing, match="no slot in common"):
        told({1: BUY}, {2: BUY})


def test_sizes_that_differ_name_the_step_that_bound_each() -> None:
    cut = Slot(act="BUY", lots=1, bound_by="drift", reason="drift")
    found = told({1: BUY, 2: BUY}, {1: cut, 2: BUY})["sizes"]
    assert found["same"] == 1
    [apart] = found["differ"]
    assert (apart["paper_lots"], apart["live_lots"]) == (2, 1)
    assert (apart["paper_bound_by"], apart["live_bound_by"], apart["live_reason"]) == ("fixed", "drift", "drift")


def test_a_fill_is_missed_where_the_other_side_filled_in_full() -> None:
    partly = Slot(act="BUY", lots=2, state="canceled", filled_lots=1)
    none = Slot(act="BUY", lots=2, state="rejected")
    found = told({1: BUY, 2: BUY, 3: none, 4: BUY}, {1: BUY, 2: partly, 3: none, 4: none})["fills"]
    assert (found["ordered"], found["missed_live"], found["missed_paper"]) == (4, 2, 0)
    assert [row["live_state"] for row in found["missed"]] == ["canceled", "rejected"]


def test_live_slippage_is_held_against_that_of_paper() -> None:
    paper = ledger({1: BUY}, slippage=(1.0, 1.0, 1.0))
    live = ledger({1: BUY}, slippage=(1.0, 2.0, 3.0, 2.0))
    [found] = compare(paper, live, MNQ)["slippage"]
    assert (found["market"], found["of"], found["expected_ticks"]) == ("MNQ", "entry", 1.0)
    assert (found["paper"]["mean_ticks"], found["live"]["mean_ticks"], found["live"]["fills"]) == (1.0, 2.0, 4)
    # Mean 2, deviation .816, four fills: 2.449 standard errors above 1.
    assert found["live_above_paper_p"] == pytest.approx(0.00716, abs=1e-5)
    later = ledger({1: Slot(act="BUY", lots=2, state="filled", filled_lots=2, slippage_ticks=4.0)})
    assert compare(paper, later, MNQ)["slippage_apart_ticks"]["mean_ticks"] == 3.0


# --- on ledgers of the daemon's own ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name, lots, more in (
        ("paper", 2, ""),
        ("same", 2, ""),
        ("smaller", 1, SLIPS),
    ):
        found[name] = tmp_path_factory.mktemp(name)
        write_config(found[name], lots=lots, more=more)
        trade(found[name], once=True)
    return found


def shown(one: Path, two: Path) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["compare", f"{one}/gamma.db", f"sqlite:///{two}/gamma.db", "--json"])
    assert result.exit_code == 0, result.stderr
    shape: dict[str, Any] = json.loads(result.stdout)
    return shape


def test_a_ledger_agrees_with_one_of_the_same_bars(folders: dict[str, Path]) -> None:
    found = shown(folders["paper"], folders["same"])
    assert found["signals"]["acted"] > 10
    assert found["signals"]["differ"] == found["sizes"]["differ"] == found["fills"]["missed"] == []
    assert found["slots"]["only_paper"] == found["slots"]["only_live"] == 0
    assert found["slippage_apart_ticks"]["mean_ticks"] == 0.0
    assert {row["of"] for row in found["slippage"]} == {"entry", "stop"}


def test_other_sizes_and_worse_fills_show(folders: dict[str, Path]) -> None:
    found = shown(folders["paper"], folders["smaller"])
    first = found["sizes"]["differ"][0]
    assert (first["paper_lots"], first["live_lots"], first["paper_bound_by"]) == (2, 1, "fixed")
    assert found["slippage_apart_ticks"]["mean_ticks"] == pytest.approx(3.0)


def test_as_text_it_shows_ten_of_what_differs(folders: dict[str, Path]) -> None:
    done = gamma(folders["paper"], "compare", "gamma.db", f"{folders['smaller']}/gamma.db")
    assert done.returncode == 0, done.stderr
    assert "sizes that differ" in done.stdout
    assert "--json has all" in done.stdout


def test_what_is_no_ledger_is_said(tmp_path: Path, folders: dict[str, Path]) -> None:
    (tmp_path / "notes.db").write_text("no ledger")
    for place, said in ((tmp_path / "absent.db", "is no file"), (tmp_path / "notes.db", "")):
        result = CliRunner().invoke(app, ["compare", str(place), f"{folders['paper']}/gamma.db"])
        assert result.exit_code != 0
        assert said in result.stderr
        assert result.stderr.startswith("gamma:")
