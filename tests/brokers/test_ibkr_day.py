"""A few hours of MNQ at the sandbox; `python -m tests.brokers.ibkr_day` trades a whole session."""

from pathlib import Path

import pytest

from gamma.events import OrderFilled, OrderReplaced
from gamma.ledger.reader import Reader
from tests.brokers.ibkr_day import CASH_UTC_NS, Day, told


@pytest.mark.slow
def test_a_morning_of_brackets_leaves_a_ledger_that_agrees_with_the_account_to_the_cent(tmp_path: Path) -> None:
    day = Day(tmp_path, start_utc_ns=CASH_UTC_NS - 60 * 10**9)
    figures, differ = told(day, day.run(1.25))
    assert differ == []
    assert figures["trades"] > 0
    assert figures["moved"] > 0
    with Reader.open(f"sqlite:///{tmp_path}/gamma.db") as reader:
        facts = [fact for _, fact in reader.events(limit=10**9)]
    fills = [fact.fill for fact in facts if isinstance(fact, OrderFilled)]
    done = day.sandbox.floor.executions
    assert [(f.side, f.lots, f.price_ticks, f.fee_microusd) for f in fills] == [
        (d.side, d.lots, d.price_ticks, d.fee_microusd) for d in done
    ]
    assert not any(fill.fee_estimated for fill in fills)
    assert any(isinstance(fact, OrderReplaced) for fact in facts)
