import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.cli.output import exit_code
from gamma.errors import ConfigInvalid, Corrupt, GammaError, InputInvalid, InvariantBroken

GAMMA = Path(sys.executable).with_name("gamma")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GAMMA_CONFIG", raising=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigInvalid(), 78), (InvariantBroken(), 70), (Corrupt(), 70), (InputInvalid(), 1), (GammaError(), 1)],
)
def test_each_error_has_its_exit_code(error: GammaError, code: int) -> None:
    assert exit_code(error) == code


def commands(*at: str) -> list[tuple[str, ...]]:
    import typer

    found: list[tuple[str, ...]] = []

    def walk(command: object, path: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found.append(path)
            return
        for name, child in inner.items():
            walk(child, (*path, name))

    walk(typer.main.get_command(app), at)
    return found


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert f"gamma {' '.join(path)}" in result.output.partition("Example")[2]


@pytest.mark.parametrize("path", [p for p in commands() if p != ("config", "schema")], ids=" ".join)
def test_every_command_speaks_json(path: tuple[str, ...]) -> None:
    assert "--json" in CliRunner().invoke(app, [*path, "--help"]).output


def test_a_missing_config_is_exit_78_with_the_way_out_on_stderr() -> None:
    result = CliRunner().invoke(app, ["config", "show"])
    assert (result.exit_code, result.stdout) == (78, "")
    assert "gamma init" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_option_is_exit_2() -> None:
    assert CliRunner().invoke(app, ["markets", "--jsn"]).exit_code == 2


def test_the_schema_in_the_docs_is_fresh() -> None:
    shown = CliRunner().invoke(app, ["config", "schema"]).stdout
    kept = (Path(__file__).parents[3] / "docs/config.schema.json").read_text()
    assert shown == kept, "run: gamma config schema > docs/config.schema.json"


def test_the_schema_knows_the_parameters_of_sizers_and_guards() -> None:
    schema = json.loads(CliRunner().invoke(app, ["config", "schema"]).stdout)
    sections = schema["$defs"]["Config"]["properties"]
    half_kelly = sections["sizers"]["properties"]["half_kelly"]["$ref"].rpartition("/")[2]
    assert "rolling_window" in schema["$defs"][half_kelly]["properties"]
    safety_halt = sections["guards"]["properties"]["safety_halt"]["$ref"].rpartition("/")[2]
    assert "halt_frac" in schema["$defs"][safety_halt]["required"]


def test_markets_as_json_are_a_list_with_names() -> None:
    rows = json.loads(CliRunner().invoke(app, ["markets", "--json"]).stdout)
    mnq = next(row for row in rows if row["name"] == "MNQ")
    assert (mnq["tick_points"], mnq["tick_value_usd"], mnq["multiplier_usd_per_point"]) == (0.25, 0.5, 2.0)
    assert (mnq["lots_max"], mnq["commission_usd"], mnq["kind"]) == (12, 0.6, "micro")


def test_markets_as_a_table_fit_100_columns() -> None:
    result = CliRunner().invoke(app, ["markets"])
    assert "MNQ" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_the_installed_command_works() -> None:
    done = subprocess.run([GAMMA, "--help"], capture_output=True, text=True, check=True)
    assert "markets" in done.stdout
    version = subprocess.run([GAMMA, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("gamma ")


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'polars', 'matplotlib', 'pydantic', 'sqlalchemy', 'optuna', 'jax'}"
    code = f"import sys, gamma.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {GAMMA} markets --json | head -1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
