"""The units that are written for a host: whole, accepted by systemd without a word, and hardly exposed."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.config import load
from gamma.errors import InputInvalid
from gamma.service.units import Host, host_of, units
from tests.daemon_case import GAMMA, write_config

EXPOSURE_MAX_TENTHS = 12
USUAL = Host(
    user="gamma",
    program=Path("/opt/gamma/bin/gamma"),
    config=Path("/var/lib/gamma/config.toml"),
    writes=(Path("/var/lib/gamma"),),
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


def host(config: Path, *, several: bool = False) -> Host:
    return host_of([load(config, {})], config, user="gamma", several=several)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        if os.environ.get("GAMMA_NEED_SYSTEMD") == "1":
            pytest.fail("GAMMA_NEED_SYSTEMD is 1, and there is no systemd-analyze")
        pytest.skip("there is no systemd-analyze here")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def written(folder: Path, made: dict[str, str]) -> list[str]:
    folder.mkdir()
    for name, text in made.items():
        (folder / name).write_text(text)
    return [str(folder / name) for name in made]


@pytest.mark.parametrize("several", [False, True])
def test_systemd_finds_nothing_to_say_of_them(config: Path, several: bool) -> None:
    paths = written(config.parent / "units", units(host(config, several=several)))
    verified = analyze("verify", "--man=no", *paths)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@pytest.mark.parametrize("several", [False, True])
def test_each_service_is_hardly_exposed(tmp_path: Path, several: bool) -> None:
    paths = written(tmp_path / "units", units(replace(USUAL, several=several)))
    services = [path for path in paths if path.endswith(".service")]
    judged = analyze("security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE_MAX_TENTHS}", *services)
    levels = re.findall(r"Overall exposure level for (\S+): ([\d.]+)", judged.stdout)
    assert len(levels) == len(services), judged.stdout + judged.stderr
    assert max(float(level) for _, level in levels) <= EXPOSURE_MAX_TENTHS / 10, levels
    assert judged.returncode == 0


@pytest.mark.parametrize("several", [False, True])
def test_every_place_of_the_templates_is_filled_in(config: Path, several: bool) -> None:
    made = units(host(config, several=several))
    for text in made.values():
        assert not re.search(r"@[A-Z_]+@", text)
    (daemon,) = [text for name, text in made.items() if name in {"gamma.service", "gamma@.service"}]
    assert (
        f"\nExecStart={GAMMA} run --plain --supervised --config {config}" + (" --account %i\n" if several else "\n")
        in daemon
    )
    assert f"\nWorkingDirectory={config.parent}\n" in daemon
    assert f"\nReadWritePaths={config.parent}\n" in daemon


def test_with_several_accounts_each_has_its_units_and_dashboard_and_alert_serve_all(config: Path) -> None:
    one, each = set(units(host(config))), set(units(host(config, several=True)))
    assert one & each == {"gamma-alert@.service", "gamma-dashboard.service"}
    assert {name.replace("@", "") for name in each - one} == one - each


def test_folders_elsewhere_that_the_configuration_writes_to_may_be_written_to(tmp_path: Path) -> None:
    more = '\n[paths]\nbackups = "/srv/gamma/backups"\nreports = "reports"\n'
    found = host(write_config(tmp_path, more=more))
    assert found.writes == (Path("/srv/gamma/backups"), tmp_path)


def test_what_lies_in_a_home_is_seen_and_nothing_else_there() -> None:
    found = Host(
        user="ann",
        program=Path("/home/ann/venv/bin/gamma"),
        config=Path("/home/ann/trading/config.toml"),
        writes=(Path("/home/ann/trading"),),
        reads=(Path("/home/ann/venv"), Path("/usr")),
    )
    text = units(found)["gamma.service"]
    assert "ProtectHome=tmpfs\n" in text
    assert "BindReadOnlyPaths=/home/ann/venv\n" in text
    assert "BindPaths=/home/ann/trading\n" in text


def test_what_lies_where_things_pass_is_seen_though_the_service_has_a_place_of_its_own_for_them() -> None:
    found = Host(
        user="ann",
        program=Path("/tmp/venv/bin/gamma"),
        config=Path("/srv/trading/config.toml"),
        writes=(Path("/srv/trading"),),
        reads=(Path("/tmp/venv"), Path("/usr")),
    )
    text = units(found)["gamma.service"]
    assert "PrivateTmp=yes\n" in text
    assert "ProtectHome=yes\n" in text
    assert "BindReadOnlyPaths=/tmp/venv\n" in text


def test_a_path_that_a_unit_would_misread_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "my trading"
    folder.mkdir()
    with pytest.raises(InputInvalid, match="cannot stand in a unit"):
        host(write_config(folder))


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["service", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_install_writes_them_and_tells_what_to_type(config: Path) -> None:
    to = config.parent / "units"
    code, out, _ = run("install", "--config", str(config), "--to", str(to), "--user", "nobody-here", "--json")
    told = json.loads(out)
    assert code == 0
    assert sorted(told["written"]) == sorted(str(path) for path in to.iterdir())
    assert {name: (to / name).read_text() for name in told["units"]} == told["units"]
    assert told["next"][0].startswith("useradd --system")
    assert told["next"][-2:] == [
        "systemctl daemon-reload",
        "systemctl enable --now gamma.service gamma-backup.timer",
    ]


def test_of_several_accounts_each_is_started(config: Path) -> None:
    overlays = "\n[accounts.apex1.metrics]\nport = 9464\n\n[accounts.topstep.metrics]\nport = 9465\n"
    config.write_text(config.read_text() + overlays)
    code, out, _ = run("install", "--config", str(config), "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["next"][-1] == (
        "systemctl enable --now gamma@apex1.service gamma-backup@apex1.timer "
        "gamma@topstep.service gamma-backup@topstep.timer"
    )
    assert (
        json.loads(run("install", "--config", str(config), "--account", "apex1", "--dry-run", "--json")[1])["next"][-1]
        == "systemctl enable --now gamma@apex1.service gamma-backup@apex1.timer"
    )


def test_a_dry_run_writes_nothing(config: Path) -> None:
    before = sorted(config.parent.iterdir())
    code, out, _ = run("install", "--config", str(config), "--to", str(config.parent / "units"), "--dry-run")
    assert code == 0
    assert "ExecStart=" in out
    assert sorted(config.parent.iterdir()) == before


def test_it_is_not_run_by_root(config: Path) -> None:
    code, _, error = run("install", "--config", str(config), "--user", "root", "--dry-run")
    assert code == 1
    assert "needs no rights of root" in error
