"""An afternoon of event contracts at Kalshi's sandbox, through their settlement; `kalshi_day` trades a whole day."""

from pathlib import Path

import pytest

from brokers.kalshi.sandbox_series import SERIES
from gamma.cli.reported import of_ledger
from gamma.clock import NS
from gamma.events import DecisionMade, OrderFilled, OrderIntended, OrderKind, OrderType, TradeClosed
from gamma.reasons import Reason
from tests.brokers.kalshi_day import MORNING_UTC_NS, KalshiDay
from tests.brokers.made_day import HOUR_NS
from tests.event_case import Guesser


@pytest.mark.slow
def test_the_ledger_is_the_account_to_the_cent_through_partial_fills_and_settlement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = KalshiDay(tmp_path, monkeypatch, start_utc_ns=MORNING_UTC_NS + 7 * HOUR_NS)
    daemon = day.run(2.1)  # contracts close at 16:00 in New York, and are settled at 17:00
    assert day.differences(daemon) == []
    fills = [fact.fill for fact in day.facts(OrderFilled)]
    assert any(fill.settled for fill in fills)
    orders = [fill.client_order_id for fill in fills if not fill.settled]
    assert len(orders) > len(set(orders))  # some filled in parts
    assert "settled" in {fact.trade.exit_reason for fact in day.facts(TradeClosed)}
    assert daemon.shell.book.ts_event_utc_ns > MORNING_UTC_NS + 9 * HOUR_NS + NS
    told = of_ledger("", tmp_path / "config.toml")[0].events
    assert told is not None
    entries = {one.intent.client_order_id for one in day.facts(OrderIntended) if one.intent.kind is OrderKind.ENTRY}
    assert sum(one.filled_lots for one in told.asked) == sum(f.lots for f in fills if f.client_order_id in entries)


@pytest.mark.slow
def test_a_series_is_settled_question_by_question_and_the_ledger_is_the_account_to_the_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = KalshiDay(tmp_path, monkeypatch, series=True)
    daemon = day.run(0.4)  # a question ends, and the next one is traded
    assert day.differences(daemon) == []
    fills = [fact.fill for fact in day.facts(OrderFilled) if fact.fill.market == SERIES]
    assert [fill.settled for fill in fills].count(True) >= 1
    tickers = {done.ticker for done in day.sandbox.floor.executions if done.ticker.startswith(SERIES)}
    assert len(tickers) >= 2


@pytest.mark.slow
def test_an_event_policy_trades_a_series_look_by_look_and_the_ledger_is_the_account_to_the_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = KalshiDay(tmp_path, monkeypatch, policy=Guesser())
    daemon = day.run(0.3)  # a question ends, and the next one is traded
    assert day.differences(daemon) == []
    assert any(fact.fill.settled for fact in day.facts(OrderFilled))
    assert {fact.reason for fact in day.facts(DecisionMade)} == {Reason.OK}
    sent = [fact.intent for fact in day.facts(OrderIntended)]
    assert {OrderKind.ENTRY, OrderKind.EXIT, OrderKind.CANCEL} == {intent.kind for intent in sent}
    assert {intent.order_type for intent in sent if intent.kind is OrderKind.EXIT} == {OrderType.LIMIT}
