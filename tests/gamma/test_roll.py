"""Where a contract rolls while the daemon runs, it ends and is begun again: the new month is seen with its own past."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from brokers.sandbox.prices import BarPrices
from gamma.assembly import rules_of
from gamma.calendar import NS
from gamma.chaos.simulation.loop import Time
from gamma.config import load
from gamma.daemon import Daemon
from gamma.errors import ConfigInvalid
from gamma.events import BootStarted, ShutDown
from tests.brokers.made_day import Bars, traded
from tests.daemon_case import facts, write_config

SELDOM = """
[schedule]
listen_s = 600
heartbeat_s = 600
reconcile_s = 600

[guards.contract_roll]
cancel_before_s = 600
flat_before_s = 300
verify_before_s = 60
"""


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def run(folder: Path, time: Time, hours: float) -> Daemon:
    return traded(folder, time, hours, feed=Bars(BarPrices.simulated(1, ("MNQ",)), time, "MNQ"))


def test_on_the_first_bar_of_the_new_month_it_ends_and_begins_again_by_itself_once(tmp_path: Path) -> None:
    path = write_config(tmp_path, guards=("contract_roll",), strategies={"mnq": "MNQ"}, more=SELDOM)
    path.write_text(f'[gamma]\ndatabase = "sqlite:///{tmp_path}/gamma.db"\n' + path.read_text())
    time = Time(utc("2026-12-11T21:00"))
    daemon = run(tmp_path, time, 51.5)
    assert daemon.rolled
    assert utc("2026-12-13T23:05") <= time.now < utc("2026-12-13T23:06")
    assert not daemon.shell.book.positions
    again = run(tmp_path, time, 1)
    assert not again.rolled
    assert [fact.reason for fact in facts(tmp_path, ShutDown)] == ["a contract rolled", "asked to"]
    assert len(facts(tmp_path, BootStarted)) == 2
    assert daemon.desk.bars < again.desk.bars + daemon.desk.bars <= 12 + 12


@pytest.mark.parametrize(("guards", "refused"), [((), True), (("flat_by",), False), (("contract_roll",), False)])
def test_with_real_money_something_must_see_to_it_that_no_contract_is_held_to_its_end(
    tmp_path: Path, guards: tuple[str, ...], refused: bool
) -> None:
    more = SELDOM + SELDOM[SELDOM.index("[guards") :].replace("contract_roll", "flat_by")
    path = write_config(tmp_path, guards=("safety_halt", *guards), strategies={"mnq": "MNQ"}, more=more)
    config = load(path, {}, {"gamma.mode": "live"})
    if not refused:
        assert rules_of(config).strategies
        return
    with pytest.raises(ConfigInvalid, match="put flat_by among its guards"):
        rules_of(config)
