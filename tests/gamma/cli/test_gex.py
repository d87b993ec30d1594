"""`gamma gex` on a small chain, as a person and as a program read it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app

RUNNER = CliRunner()
HEAD = "ts,underlying,underlying_last,root,expiration,right,strike,bid,ask,iv,gamma,open_interest"
ROWS = (
    *(f"2023-05-26T15:00Z,SPX,4205,SPXW,2023-05-26,C,{k},1,1.1,0.12,0,{n}" for k, n in ((4200, 900), (4250, 300))),
    *(f"2023-05-26T15:00Z,SPX,4205,SPXW,2023-05-26,P,{k},1,1.1,0.14,0,{n}" for k, n in ((4150, 800), (4200, 100))),
    "2023-05-26T15:00Z,SPX,4205,SPXW,2023-05-25,C,4200,0,0,0,0,70",
)


@pytest.fixture(autouse=True)
def _chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spx.csv").write_text("\n".join((HEAD, *ROWS)))


def test_pin_flip_and_walls_are_told_with_the_strikes() -> None:
    result = RUNNER.invoke(app, ["gex", "spx.csv"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.stderr
    for words in ("SPX 4,205.00, 2023-05-26 15:00 UTC", "pin", "call wall", "put wall", "1 expired", "spot"):
        assert words in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_programs_get_every_strike_and_level() -> None:
    told = json.loads(RUNNER.invoke(app, ["gex", "spx.csv", "--json"]).stdout)
    assert (told["spot_points"], told["pin_points"], told["call_wall_points"]) == (4205, 4200, 4250)
    assert [row["strike_points"] for row in told["strikes"]] == [4150, 4200, 4250]
    assert told["sum_usd"] == pytest.approx(sum(row["call_usd"] + row["put_usd"] for row in told["strikes"]))
    assert told["counted"] | {"rows": 5, "own": 4, "expired": 1} == told["counted"]
    assert len(told["levels"]) == 161


def test_the_picture_is_the_same_bytes_each_time() -> None:
    for name in ("a.png", "b.png"):
        assert RUNNER.invoke(app, ["gex", "spx.csv", "--picture", name]).exit_code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert Path("a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (["none.csv"], "cannot be read"),
        (["spx.csv", "--picture", "gex.jpg"], "pictures are PNG"),
        (["spx.csv", "--days", "-1"], "days_max"),
        (["spx.csv", "--at", "noon"], "should be ISO 8601"),
    ],
)
def test_what_cannot_be_read_or_drawn_is_refused(given: list[str], error: str) -> None:
    result = RUNNER.invoke(app, ["gex", *given])
    assert result.exit_code != 0
    assert error in " ".join(result.stderr.split())


def test_of_several_chains_of_one_time_one_must_be_chosen() -> None:
    lines = [HEAD.replace("ts", "snapshot_id", 1)]
    lines += [row.replace("2023-05-26T15:00Z", name) for name in ("a", "b") for row in ROWS]
    Path("two.csv").write_text("\n".join(lines))
    at = ["--at", "2023-05-26T15:00"]
    refused = RUNNER.invoke(app, ["gex", "two.csv", *at])
    assert refused.exit_code == 1
    assert "choose one with --snapshot" in refused.stderr
    assert RUNNER.invoke(app, ["gex", "two.csv", *at, "--snapshot", "b"]).exit_code == 0


def test_a_chain_that_nobody_holds_is_shown_as_such() -> None:
    Path("spx.csv").write_text("\n".join((HEAD, ROWS[-1])))
    result = RUNNER.invoke(app, ["gex", "spx.csv"])
    assert result.exit_code == 0
    assert "No strike near the spot has exposure." in result.stdout
    assert RUNNER.invoke(app, ["gex", "spx.csv", "--picture", "gex.png"]).exit_code == 0
