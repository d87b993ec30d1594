"""The wheel: everything is in it, and it runs where there is no repository.

It is installed into an environment of its own; what it depends on comes from this one, so that nothing is downloaded.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

pytestmark = pytest.mark.slow


def done(*command: str | Path, folder: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GAMMA", "VIRTUAL_ENV"))}
    ran = subprocess.run(
        command, cwd=folder, env=env | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=ROOT)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def gamma(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command as it is installed from the wheel, in an environment that has nothing else of ours."""
    venv = tmp_path_factory.mktemp("venv")
    done(sys.executable, "-m", "venv", "--without-pip", venv, folder=venv)
    python = venv / "bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    done(*pip, "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check", wheel, folder=venv)
    # Of what it depends on the packages alone: a .pth within, as that of this working copy, is not followed.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    where = done(python, "-c", "import gamma, models; print(gamma.__file__, models.__path__)", folder=venv)
    assert str(ROOT) not in where
    return venv / "bin/gamma"


def in_repository(pattern: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern) if path.is_file()}


def test_everything_that_a_user_needs_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in in_repository("models/shipped/**/*") if name not in names} == set()
    assert {name for name in in_repository("gamma/**/*.toml") if name not in names} == set()
    assert {name for name in in_repository("gamma/dashboard/assets/*") if name not in names} == set()
    assert {name for name in in_repository("gamma/ledger/migrations/**/*.py") if name not in names} == set()
    assert {name for name in in_repository("deploy/**/*") if f"gamma/{name}" not in names} == set()
    examples = in_repository("docs/examples/*.toml")
    assert {name for name in examples if name.replace("docs/", "gamma/") not in names} == set()
    assert {f"{package}/py.typed" for package in ("gamma", "sizers", "brokers", "models")} <= names
    assert {"gamma/config.example.toml", "gamma/deploy/runbook.md"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_nothing_is_in_it_that_belongs_to_the_repository_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"gamma", "sizers", "brokers", "models", f"gamma_daemon-{PROJECT['version']}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".db"))]


def test_it_knows_its_version_and_the_changelog_tells_of_it(gamma: Path, tmp_path: Path) -> None:
    assert done(gamma, "--version", folder=tmp_path) == f"gamma {PROJECT['version']}\n"
    assert re.search(rf"^## {re.escape(PROJECT['version'])}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_it_trades_in_an_empty_folder(gamma: Path, tmp_path: Path) -> None:
    done(gamma, "init", "--defaults", folder=tmp_path)
    told = json.loads(done(gamma, "run", "--speed", "max", "--bars", "300", "--json", folder=tmp_path))
    assert told["state"] == "ACTIVE"
    assert done(gamma, "db", "verify", folder=tmp_path)


def test_its_checkpoints_are_there_and_whole(gamma: Path, tmp_path: Path) -> None:
    listed = {row["name"] for row in json.loads(done(gamma, "models", "list", "--json", folder=tmp_path))}
    assert {Path(card).parent.name for card in in_repository("models/shipped/*/card.toml")} <= listed
    assert json.loads(done(gamma, "models", "show", "mnq-phase2", "--json", folder=tmp_path))


def test_an_example_of_another_kind_is_written_by_its_name(gamma: Path, tmp_path: Path) -> None:
    done(gamma, "init", "--example", "floor", folder=tmp_path)
    assert (tmp_path / "config.toml").read_text() == (ROOT / "docs/examples/floor.toml").read_text()


def test_it_writes_the_units_of_a_service(gamma: Path, tmp_path: Path) -> None:
    done(gamma, "init", "--defaults", folder=tmp_path)
    told = json.loads(done(gamma, "service", "install", "--to", "units", "--json", folder=tmp_path))
    unit = (tmp_path / "units/gamma.service").read_text()
    assert f"ExecStart={gamma} run" in unit
    assert len(told["written"]) == len(list((tmp_path / "units").iterdir()))
