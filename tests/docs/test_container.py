"""The container file is what its page says: two stages, hashed wheels, no root, one volume, a check of its health."""

import json
import re

from tests.docs.pages import ROOT

TEXT = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", "", "".join(line for line in TEXT.splitlines(True) if not line.startswith("#")))
STEPS = [tuple(line.split(" ", 1)) for line in LINES.splitlines() if line]
SECOND = STEPS[[number for number, step in enumerate(STEPS) if step[0] == "FROM"][1] :]


def of(word: str) -> list[str]:
    return [step[1] for step in STEPS if step[0] == word]


def test_every_step_is_one_that_there_is() -> None:
    known = {
        "FROM",
        "ENV",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "VOLUME",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {step[0] for step in STEPS} <= known


def test_what_is_copied_is_there_and_let_through() -> None:
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [part for step in of("COPY") if not step.startswith("--from") for part in step.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [name for name in copied if f"!{name}" not in let_through] == []


def test_the_base_is_named_by_its_version_and_wheels_by_their_hashes() -> None:
    assert all(re.fullmatch(r"docker\.io/library/python:\d\.\d+-slim-\w+( AS build)?", base) for base in of("FROM"))
    assert "--require-hashes -r requirements.lock" in of("RUN")[0]
    assert "--no-index" in of("RUN")[1]


def test_it_runs_as_nobody_who_may_do_anything_and_tells_of_its_health() -> None:
    words = [step[0] for step in SECOND]
    assert SECOND[words.index("USER")][1].isdecimal()
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert SECOND[words.index("VOLUME")][1] == SECOND[words.index("WORKDIR")][1] == "/var/lib/gamma"
    port = re.search(r"GAMMA__METRICS__PORT=(\d+)", LINES)
    assert port is not None
    assert f"127.0.0.1:{port[1]}/healthz" in SECOND[words.index("HEALTHCHECK")][1]
    assert json.loads(SECOND[words.index("ENTRYPOINT")][1]) == ["gamma"]
    assert json.loads(SECOND[words.index("CMD")][1])[0] == "run"
