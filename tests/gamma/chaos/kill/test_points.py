"""A process that kills itself where it is told to: exactly before or after a write, or a part of a request."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from gamma.chaos.kill.chain import death
from gamma.chaos.kill.lives import died_at
from gamma.chaos.kill.points import CREATIONS, FILES, SENDS, WRITES
from tests.gamma.chaos.broker.test_server import recorded, serving

WRITER = """
from gamma.chaos.kill.points import arm
from sqlalchemy import create_engine, text
arm({point!r}, 1)
with create_engine("sqlite:///t.db", isolation_level="AUTOCOMMIT").connect() as db:
    db.execute(text("CREATE TABLE t (n)"))
    raw = db.connection.dbapi_connection
    raw.execute("BEGIN")
    db.exec_driver_sql("INSERT INTO t VALUES (1)")
    raw.execute("COMMIT")
"""
SENDER = """
import asyncio
from gamma.chaos.kill.points import arm
from gamma.wire import Wire
arm({point!r}, 1)
body = {{"client_order_id": "g-1-1", "market": "MNQ", "side": "buy", "lots": 1, "type": "market", "price": None}}
asyncio.run(Wire("http://127.0.0.1:{port}").write("POST", "/orders", body | {{"bracket": []}}))
"""


def die(folder: Path, code: str) -> tuple[str, int]:
    log = folder / "log"
    with log.open("wb") as out:
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, stdout=out, stderr=out, check=False)
    assert done.returncode == -signal.SIGKILL, log.read_text()
    return died_at(log)


@pytest.mark.parametrize(
    ("point", "passed", "kept"), [("after CREATE", 2, 0), ("before COMMIT", 7, 0), ("after COMMIT", 8, 1)]
)
def test_a_process_dies_exactly_before_or_after_a_write(tmp_path: Path, point: str, passed: int, kept: int) -> None:
    assert die(tmp_path, WRITER.format(point=point)) == (point, passed)
    with closing(sqlite3.connect(tmp_path / "t.db")) as db:
        assert db.execute("SELECT COUNT(*) FROM t").fetchone() == (kept,)


@pytest.mark.parametrize("point", FILES)
def test_a_process_dies_in_the_middle_of_a_commit(tmp_path: Path, point: str) -> None:
    assert die(tmp_path, WRITER.format(point=point))[0] == point
    with closing(sqlite3.connect(tmp_path / "t.db")) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == []


@pytest.mark.parametrize(
    ("point", "arrives"), [("POST half sent", False), ("after POST was sent", True), ("after POST was answered", True)]
)
def test_what_was_sent_whole_arrives_though_its_sender_is_dead(tmp_path: Path, point: str, arrives: bool) -> None:
    log = tmp_path / "observed.jsonl"
    with serving(log) as port:
        assert die(tmp_path, SENDER.format(point=point, port=port))[0] == point
        while arrives and not recorded(log):
            time.sleep(0.01)
    assert bool(recorded(log)) is arrives


def test_deaths_are_drawn_at_every_point_and_in_every_way() -> None:
    rng = random.Random(1)
    first, later = ([death(rng, first=first) for _ in range(3_000)] for first in (True, False))
    assert {d.point for d in later} == {"", *WRITES, *FILES, *SENDS}
    assert {d.point for d in first} == {"", *CREATIONS, *FILES, *SENDS}
    ways = {(d.forked, d.starting) for d in later if not d.point}
    assert ways == {(a, b) for a in (True, False) for b in (True, False)}
