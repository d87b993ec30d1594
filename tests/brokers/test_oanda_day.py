"""An afternoon of gold at OANDA's sandbox; `python -m tests.brokers.oanda_day` trades for longer."""

from pathlib import Path

import pytest

from tests.brokers.oanda_day import Day, told


@pytest.mark.slow
def test_an_afternoon_past_a_charge_of_swap_leaves_a_ledger_that_agrees_with_the_account_to_the_cent(
    tmp_path: Path,
) -> None:
    day = Day(tmp_path)
    figures, differ = told(day, day.run(6.5))
    assert differ == []
    assert figures["trades"] > 0
    assert figures["stops_moved"] > 0
    assert figures["swap_microusd"] != 0
