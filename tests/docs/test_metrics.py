"""The board, the alert rules and the page of metrics speak of figures that there are."""

import json
import re
from pathlib import Path

import pytest
import yaml

from gamma.metrics import Metrics
from tests.daemon_case import trade, write_config

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\bgamma_[a-z_]+")
SUFFIXES = ("_bucket", "_count", "_sum")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names that a daemon tells, those among them that need a floor."""
    folder = tmp_path_factory.mktemp("known")
    path = write_config(folder)
    path.write_text(path.read_text().replace("[account]\n", '[account]\nprofile = "apex_legacy_50k"\n'))
    metrics = Metrics()
    told: list[bytes] = []
    trade(folder, bars=3, meddle=lambda daemon: told.append(metrics.told(daemon)))
    lines = told[0].decode().splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE")}


def expressions() -> list[str]:
    rules = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"][0]["rules"]
    board = json.loads((ROOT / "deploy/grafana.json").read_text())
    return [rule["expr"] for rule in rules] + [t["expr"] for panel in board["panels"] for t in panel["targets"]]


def test_rules_and_board_ask_for_figures_that_there_are(known: set[str]) -> None:
    asked = {name for each in expressions() for name in NAME.findall(each)}
    plain = {re.sub("|".join(f"{suffix}$" for suffix in SUFFIXES), "", name) for name in asked}
    assert plain - known == set()
    assert len(plain) > 15


def test_the_page_tells_of_every_figure_and_every_alert(known: set[str]) -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert {name for name in known if f"`{name}" not in page} == set()
    rules = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules if f"`{rule['alert']}`" not in page} == set()
    assert all(rule["labels"]["severity"] in ("critical", "warning") for rule in rules)


def test_no_panel_lies_on_another() -> None:
    panels = [panel["gridPos"] for panel in json.loads((ROOT / "deploy/grafana.json").read_text())["panels"]]
    taken = [(x, y) for p in panels for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
