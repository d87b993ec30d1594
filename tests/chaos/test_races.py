"""Two daemons never are at one account, whoever is killed, stopped or cut off when; and the judge would see it.

GAMMA_RACES sets how many races are run on each database; the figure of the project's promise is made by
`gamma chaos --kind races -n 1000`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from gamma.chaos.races.contender import Line
from gamma.chaos.races.judge import judge
from gamma.chaos.races.trials import Stable
from gamma.ledger import Ledger
from tests.gamma.ledger.facts import decision, entry

RACES = int(os.environ.get("GAMMA_RACES", "30"))
MUTANT_RACES = 30


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "postgresql":
        request.getfixturevalue("server")
    return name


@pytest.fixture(scope="module")
def stable() -> Iterator[Stable]:
    with Stable() as opened:
        yield opened


@pytest.mark.slow
def test_no_race_has_two_at_one_account(stable: Stable, database: str) -> None:
    raced = [stable.race(seed, database) for seed in range(RACES)]
    assert [v for t in raced for v in t.violations] == []
    assert sum(t.crashes for t in raced) > 2 * RACES
    assert sum(t.crash_points for t in raced) > RACES


@pytest.mark.slow
def test_of_two_daemons_that_start_at_once_one_trades_and_the_other_says_why_not(stable: Stable, database: str) -> None:
    assert stable.race(0, database, daemons=True).violations == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lease", "database", "said"),
    [
        ("anybody", "sqlite", "has the lease while"),
        ("anybody", "postgresql", "has the lease while"),
        ("never_asked", "postgresql", "knows nothing"),
    ],
)
def test_a_lease_that_does_not_hold_is_found_out(server: URL, lease: str, database: str, said: str) -> None:  # noqa: ARG001
    with Stable(f"tests.chaos.leases:{lease}") as stable:
        for seed in range(MUTANT_RACES):
            if any(said in violation for violation in stable.race(seed, database).violations):
                return
    pytest.fail(f"{MUTANT_RACES} races, and nobody saw it")


# --- the judge ------------------------------------------------------------------------------------

Judge = Callable[..., list[str]]


@pytest.fixture
def said(tmp_path: Path) -> Judge:
    """What the judge says to these lines, over a ledger that has the intents of g1a-1-0 to g1a-1-3."""
    url = f"sqlite:///{tmp_path}/gamma.db"
    ledger = Ledger.open(url, account="paper", mode="paper")
    ledger.append([fact for n in range(4) for fact in (decision(n), entry(n, n))])
    ledger.close()
    return lambda *lines: judge(lines, url)


def took(who: int, *, head: int = 0, session: int = 0, ns: int = 1) -> Line:
    return {"what": "took", "who": who, "term": 1, "head": head, "session": session or who, "ns": ns}


def sent(who: int, number: int) -> Line:
    return {"what": "sent", "who": who, "term": 1, "id": f"g1a-1-{number}", "seq": 2 * number + 2}


LEFT: Line = {"what": "left", "who": 1, "term": 1}
KILLED: Line = {"what": "kill", "who": 1}
CUT: Line = {"what": "cut", "who": 0, "session": 1}
RESTARTED: Line = {"what": "restart", "who": 0, "ns": 5}


@pytest.mark.parametrize("end", [LEFT, KILLED, CUT, RESTARTED])
def test_one_after_the_other_is_right(said: Judge, end: Line) -> None:
    assert said(took(1), sent(1, 0), end, took(2, head=4, ns=9), sent(2, 1), sent(2, 2)) == []


def test_two_at_once_are_seen(said: Judge) -> None:
    (only,) = said(took(1), sent(1, 0), took(2, head=2), sent(2, 1))
    assert only == "line 3: (2, 1) has the lease while (1, 1) has it"


def test_an_order_that_was_under_way_and_is_known_may_arrive_late_once(said: Judge) -> None:
    assert said(took(1), CUT, took(2, head=8), sent(1, 0), sent(2, 2)) == []
    (again,) = said(took(1), CUT, took(2, head=8), sent(1, 0), sent(1, 1))
    assert again == "line 5: (1, 1) sent a second order after it had lost the lease"


def test_a_late_order_that_the_next_does_not_know_is_seen(said: Judge) -> None:
    (only,) = said(took(1), CUT, took(2, head=1), sent(1, 0))
    assert only == "line 4: (1, 1) sent g1a-1-0, of which (2, 1) knows nothing, who has the lease"


def test_a_late_order_while_the_next_sends_is_seen(said: Judge) -> None:
    (only,) = said(took(1), CUT, took(2, head=8), sent(2, 1), sent(1, 0))
    assert only == "line 5: (1, 1) sent g1a-1-0 while (2, 1) sends"


def test_an_order_that_is_sent_twice_or_without_an_intent_is_seen(said: Judge) -> None:
    assert said(took(1), sent(1, 0), sent(1, 0)) == ["line 3: g1a-1-0 was sent twice"]
    assert said(took(1), sent(1, 7)) == ["g1a-1-7 was sent without an intent"]


def test_an_open_ledger_that_is_not_sound_is_seen(said: Judge) -> None:
    refused: Line = {"what": "refused", "who": 1, "text": "Corrupt: no"}
    assert said(refused) == ["line 1: 1 could not open it: Corrupt: no"]
