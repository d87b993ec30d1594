"""`gamma deadman`: where it can do nothing it says so, and a look by hand writes nothing."""

import json
from pathlib import Path

import pytest

from tests.daemon_case import gamma, write_config

OANDA = """
[brokers.oanda]
environment = "paper"
account_id = "101-001-1234567-001"
token = "of nobody"
url = "http://127.0.0.1:9/v3"

[deadman]
silence_s = {silence_s}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, strategies={"gold": "XAU_USD"}, more=OANDA.format(silence_s=60))
    path = tmp_path / "config.toml"
    path.write_text(path.read_text().replace('market = "XAU_USD"', 'market = "XAU_USD"\nbroker = "oanda"'))
    path.chmod(0o600)
    return tmp_path


def test_on_paper_it_says_that_it_can_do_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    write_config(tmp_path)
    done = gamma(tmp_path, "deadman")
    assert done.returncode == 78
    assert "nothing for a dead-man to close" in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_silence_shorter_than_two_heartbeats_is_refused(folder: Path) -> None:
    path = folder / "config.toml"
    path.write_text(path.read_text().replace("silence_s = 60", "silence_s = 20"))
    done = gamma(folder, "deadman", "--dry-run")
    assert done.returncode == 78
    assert "[deadman] silence_s = 20" in " ".join(done.stderr.split())


def test_a_look_by_hand_writes_nothing(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    done = gamma(folder, "deadman", "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["cause"], told["acts"], told["why"]) == (
        0,
        "unknown",
        False,
        "no daemon was heard yet",
    )
    assert sorted(path.name for path in folder.iterdir()) == before
