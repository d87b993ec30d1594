"""Crashes and lost answers at every point of a short session; after the next start all of it must hold."""

import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from gamma.chaos.races.postgresql import database
from gamma.events import OrderIntended, OrderState, ShutDown, TradeClosed
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader
from tests.chaos.sweep import Crash, Points, run, walk
from tests.chaos.truth import violations
from tests.daemon_case import facts, ledger_in, write_config

FEED = walk(seed=46)
SLOTS = [bar.ts_close_utc_ns for bar in FEED.traded]
# At the highest speed bars that nothing depends on share a commit; at any other each has its own.
SPEEDS = {"max": math.inf, "paced": 1e12}
MEMORY = Path("/dev/shm")

Fresh = Callable[[], Path]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Fresh]:
    """Folders with a config and a ledger in which nothing happened yet; on a memory disk where there is one."""
    root = Path(tempfile.mkdtemp(prefix="gamma-", dir=MEMORY if MEMORY.is_dir() else tmp_path))
    template, used = root / "template", root / "used"
    template.mkdir()
    write_config(template, strategies={"a": "MNQ", "b": "MNQ"})
    Ledger.open(f"sqlite:///{template}/gamma.db", account="paper", mode="paper").close()

    def copy() -> Path:
        shutil.rmtree(used, ignore_errors=True)
        return shutil.copytree(template, used)

    yield copy
    shutil.rmtree(root)


@pytest.fixture
def fresh_on_server(server: URL, fresh: Fresh) -> Iterator[Fresh]:
    """The same, with the ledger on a server."""
    numbers = count()
    with ExitStack() as made:
        template = made.enter_context(database(server, f"gamma_sweep_{os.getpid()}"))
        Ledger.open(template, account="paper", mode="paper").close()

        def copy() -> Path:
            folder, name = fresh(), f"gamma_sweep_{os.getpid()}_{next(numbers)}"
            url = made.enter_context(database(server, name, str(make_url(template).database)))
            (folder / "database.url").write_text(url)
            return folder

        yield copy


def unresolved(folder: Path) -> list[str]:
    with Reader.open(ledger_in(folder)) as reader:
        open_states = (OrderState.PENDING, OrderState.UNKNOWN, OrderState.QUARANTINED)
        return [o["id"] for o in reader.orders(open_only=True) if o["state"] in open_states]


def die_at_each(fresh: Fresh, times: float, stride: int) -> None:
    """Die before the first call, and before each `stride`-th after it; start again, and look."""
    whole = Points()
    run(fresh(), FEED, whole, times=times)
    for k in range(1, len(whole.calls) + 1, stride):
        folder, name, before, after = fresh(), whole.calls[k - 1], Points(die_at=k), Points()
        with pytest.raises(Crash, match=name):
            run(folder, FEED, before, times=times)
        run(folder, FEED, after, times=times)
        assert not set(before.posted) & set(after.posted), f"died before call {k}, {name}"
        assert violations(folder, SLOTS) == [], f"died before call {k}, {name}"
        assert unresolved(folder) == [], f"died before call {k}, {name}"
        assert len(facts(folder, ShutDown)) == 1


def test_the_session_has_all_that_a_session_can_have(fresh: Fresh) -> None:
    folder, points = fresh(), Points()
    run(folder, FEED, points)
    kinds = Counter(str(f.intent.kind) for f in facts(folder, OrderIntended))
    assert kinds == {"entry": 4, "cancel": 2, "replace": 2, "exit": 1}
    assert [t.trade.exit_reason for t in facts(folder, TradeClosed)] == ["stop", "trail"]
    assert len(points.calls) == 175
    assert violations(folder, SLOTS) == []


@pytest.mark.parametrize("times", SPEEDS.values(), ids=SPEEDS)
def test_it_may_die_here_and_there_and_the_next_start_puts_it_right(fresh: Fresh, times: float) -> None:
    die_at_each(fresh, times, stride=11)


@pytest.mark.slow
@pytest.mark.parametrize("times", SPEEDS.values(), ids=SPEEDS)
def test_it_may_die_before_any_call_and_the_next_start_puts_it_right(fresh: Fresh, times: float) -> None:
    die_at_each(fresh, times, stride=1)


@pytest.mark.slow
def test_it_may_die_with_its_ledger_on_a_server(fresh_on_server: Fresh) -> None:
    die_at_each(fresh_on_server, math.inf, stride=23)


@pytest.mark.slow
def test_it_may_die_again_while_it_puts_things_right(fresh: Fresh) -> None:
    whole = Points()
    run(fresh(), FEED, whole)
    for k in range(1, len(whole.calls), 17):
        for again in range(1, 30, 3):
            folder = fresh()
            for die_at in (k, again):
                with suppress(Crash):
                    run(folder, FEED, Points(die_at=die_at))
            run(folder, FEED)
            assert violations(folder, SLOTS) == [], f"died before calls {k} and {again}"
            assert unresolved(folder) == [], f"died before calls {k} and {again}"


@pytest.mark.parametrize("fault", ["lose_answer", "drop_request", "reject"])
def test_any_request_may_go_wrong_and_the_session_goes_on(fresh: Fresh, fault: str) -> None:
    whole = Points()
    run(fresh(), FEED, whole)
    requests = sum(name in ("place", "cancel", "replace") for name in whole.calls)
    for n in range(requests):
        folder = fresh()
        points = Points()
        run(folder, FEED, points, faults=[*["none"] * n, fault])
        assert max(Counter(points.posted).values()) == 1, f"request {n + 1}"
        assert violations(folder, SLOTS) == [], f"request {n + 1}"
        assert unresolved(folder) == [], f"request {n + 1}"
