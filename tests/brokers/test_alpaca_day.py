"""A morning of SPY at Alpaca's sandbox, with the fees of live; `python -m tests.brokers.alpaca_day N` trades days."""

from decimal import Decimal
from pathlib import Path

import pytest

from gamma.clock import NS
from gamma.events import DecisionMade, OrderFilled, TradeClosed
from gamma.ledger.reader import Reader
from tests.brokers.alpaca_day import OPEN_UTC_NS, Day


@pytest.mark.slow
def test_a_spread_is_sold_and_bought_back_and_the_ledger_has_the_fees_to_the_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(tmp_path, monkeypatch, seed=1, start_utc_ns=OPEN_UTC_NS - 60 * NS)
    day.write('{ use = "gex", selling = { exits = { target_frac = 0.02, stop_frac = 0.02 } } }')
    daemon = day.run(0.4)
    with Reader.open(f"sqlite:///{tmp_path}/gamma.db") as reader:
        facts = [fact for _, fact in reader.events(limit=10**9)]
    [decision, *_] = [fact for fact in facts if isinstance(fact, DecisionMade)]
    assert 9 < float(decision.notes["vix"]) < 20  # reckoned from SPY's options
    fees = sum(fact.fill.fee_microusd for fact in facts if isinstance(fact, OrderFilled))
    assert any(isinstance(fact, TradeClosed) for fact in facts)
    assert fees == day.sandbox.ledger.fees_usd() * 1_000_000 > Decimal(0)
    book = daemon.shell.book
    assert not book.halts
    assert book.balance_microusd == day.sandbox.ledger.cash_usd() * 1_000_000
