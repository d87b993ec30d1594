"""Every alert that gamma sends, every guard that may act and every rule of Prometheus has its place in the runbook."""

import inspect
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

import pytest
import typer
import yaml

from gamma import notices, plugins
from gamma.cli import app
from gamma.deadman import pages
from gamma.notices import Notice
from gamma.plugins import GUARDS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
SECTIONS = {
    heading: text.strip() for heading, text in re.findall(r"^### (.*)\n\n((?:(?!^#).*\n)*)", PAGE, flags=re.MULTILINE)
}
RULES = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"][0]["rules"]


def made() -> Iterator[Notice]:
    """A notice of each wording; where a yes or no makes another one, of both."""
    for name, word in inspect.getmembers(notices, inspect.isfunction):
        hints = get_type_hints(word)
        if hints.get("return") is Notice and not name.startswith("_"):
            asked = {key: p for key, p in inspect.signature(word).parameters.items() if p.default is p.empty}
            for yes in (True, False):
                yield word(**{key: _some(hints[key], yes) for key in asked})
    yield notices.position_mismatch(1, market="MNQ", book_lots=1, broker_lots=0, in_a_row=2)


def _some(kind: Any, yes: bool) -> Any:
    if kind is bool:
        return yes
    origin = getattr(kind, "__origin__", None)
    if origin is Mapping:
        return {}
    if origin is Sequence:
        return ()
    return "x" if kind is str else kind(1)


def test_every_alert_is_told_of_with_its_severity() -> None:
    found = {notice.key.partition(":")[0]: notice for notice in made()}
    assert len(found) > 30
    assert {key for key in found if key not in SECTIONS} == set()
    wrong = [
        key
        for key, notice in found.items()
        if f"· {notice.severity}" not in SECTIONS[key].splitlines()[0] and key != "guard"
    ]
    assert not wrong


def test_every_page_of_the_dead_man_is_told_of() -> None:
    keys = set(re.findall(r'"(dead_man:[a-z_]+)"', inspect.getsource(pages)))
    assert len(keys) > 5
    assert {key for key in keys if f"`{key}`" not in SECTIONS["dead_man"]} == set()


def test_every_guard_that_acts_between_orders_is_told_of() -> None:
    watching = {name for name, entry in plugins.find(GUARDS).items() if hasattr(entry.load(), "watch")}
    assert len(watching) > 10
    assert {name for name in watching if f"| `{name}` |" not in SECTIONS["guard"]} == set()


def test_every_rule_of_prometheus_leads_to_its_section() -> None:
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert SECTIONS[rule["alert"]].lower().startswith(rule["labels"]["severity"])


def test_it_names_no_command_that_there_is_not() -> None:
    group: Any = typer.main.get_command(app)
    named = set(re.findall(r"`gamma ([a-z]+)", PAGE)) | set(re.findall(r"^gamma ([a-z]+)", PAGE, flags=re.MULTILINE))
    assert {"status", "doctor", "resume", "flatten"} <= named
    assert named - set(group.commands) == set()


def test_prometheus_itself_accepts_the_rules() -> None:
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("GAMMA_NEED_PROMTOOL") == "1":
            pytest.fail("GAMMA_NEED_PROMTOOL is 1, and there is no promtool")
        pytest.skip("there is no promtool here")
    judged = subprocess.run(
        [program, "check", "rules", ROOT / "deploy/alerts.yml"], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert f"SUCCESS: {len(RULES)} rules found" in judged.stdout
