"""Over a roll at the brokers' sandboxes, in time that is made: nothing is held in the month that goes, and the next is
traded from its first session on.

December 2026 expires on Friday the 18th, and from the session of Monday the 14th March is in front.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from brokers.ibkr.sandbox_contracts import by_number
from gamma.calendar import NS
from gamma.ledger import Reader
from tests.brokers import ibkr_day, tradovate_day

HOUR_NS: Final = 3_600 * NS
Day = ibkr_day.Day | tradovate_day.Day


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


FRIDAY: Final = utc("2026-12-11T19:29")
FLAT_BY: Final = utc("2026-12-11T21:59")  # 16:59 in New York
SUNDAY: Final = utc("2026-12-13T22:59")


def holding_over_nights(day: Day) -> Day:
    """Its configuration, but that it is flat before a roll alone, and its stops and targets lie far away."""
    file = day.folder / "config.toml"
    text = file.read_text().replace('"flat_by"', '"contract_roll"').replace("flat_by =", "contract_roll =")
    text = text.replace("stop_atr = 1.5", "stop_atr = 40.0")
    file.write_text("\n".join(line for line in text.splitlines() if not line.startswith("exits")))
    return day


def months(day: Day) -> set[str]:
    """The months that orders at the sandbox were sent to."""
    return {_month(order.notes) for order in day.sandbox.floor.orders.values()}


def _month(notes: Mapping[str, str]) -> str:
    return notes.get("contract") or by_number(int(notes["con_id"])).local_symbol


@pytest.mark.slow
@pytest.mark.parametrize("made", [tradovate_day.Day, ibkr_day.Day])
def test_what_is_held_is_closed_before_the_roll_and_the_new_month_is_traded_after_it(
    made: type[Day], tmp_path: Path
) -> None:
    last = holding_over_nights(made(tmp_path, start_utc_ns=FRIDAY))
    last.run((FLAT_BY - FRIDAY) / HOUR_NS)
    with Reader.open(f"sqlite:///{tmp_path}/gamma.db") as reader:
        closed = reader.trades()[-1]
    assert closed["exit_reason"] == "contract_roll"
    assert FLAT_BY - 330 * NS < closed["ts_close_utc_ns"] < FLAT_BY
    assert last.sandbox.floor.positions().get("MNQ", 0) == 0
    assert months(last) == {"MNQZ6"}
    before = set(last.sandbox.floor.orders)

    first = holding_over_nights(made(tmp_path, start_utc_ns=SUNDAY))
    assert first.run(0.2).rolled  # Friday's last bar comes before the first of the new month
    daemon = first.run(1.5)
    sent = [order for number, order in first.sandbox.floor.orders.items() if number not in before]
    assert {_month(order.notes) for order in sent} == {"MNQH7"}
    assert daemon.shell.book.lots("MNQ") == first.sandbox.floor.positions().get("MNQ", 0)
    assert not daemon.shell.book.halts
