"""A morning of SPX at Tradier's sandbox: bars, chains and VIX come from the broker while the daemon trades."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gamma.clock import NS
from gamma.codec import encode
from gamma.effects import Tick
from gamma.events import DecisionMade, OrderFilled, TradeClosed
from gamma.feeds.chain_tape import ChainTape
from gamma.ledger.reader import Reader
from gamma.report.ledgers import fees_estimated_usd
from tests.brokers.tradier_day import GUARDS, OPEN_UTC_NS, Day

MINUTE = 60 * NS


def facts(folder: Path, *kinds: type) -> Sequence[Any]:
    with Reader.open(f"sqlite:///{folder}/gamma.db") as reader:
        return [fact for _, fact in reader.events(limit=10**9) if isinstance(fact, kinds)]


@pytest.mark.slow
def test_a_spread_is_sold_on_the_chain_of_the_moment_and_bought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(tmp_path, monkeypatch, seed=1, start_utc_ns=OPEN_UTC_NS - 60 * NS)
    day.write('{ use = "gex", selling = { exits = { target_frac = 0.05, stop_frac = 0.05 } } }')
    daemon = day.run(1.0)
    [made] = facts(tmp_path, DecisionMade)[:1]
    # It looks at 09:40, on the chain that was fetched 10 s before, and at the VIX in it.
    assert made.slot_utc_ns == OPEN_UTC_NS + 10 * MINUTE
    assert 8 <= (made.slot_utc_ns - made.notes["ts_chain_utc_ns"]) / NS <= 10
    assert 9 < made.notes["vix"] < 20
    assert {fact.trade.exit_reason for fact in facts(tmp_path, TradeClosed)} <= {"stop", "target"}
    assert len(facts(tmp_path, TradeClosed)) >= 1
    book = daemon.shell.book
    assert not book.halts
    assert book.balance_microusd == round(day.sandbox.floor.cash_usd * 1_000_000)
    [kept] = (tmp_path / "chains").iterdir()
    seen = ChainTape.open([kept]).known("SPX", made.slot_utc_ns)
    assert seen is not None
    assert (seen.ts_utc_ns, seen.vix_points) == (made.notes["ts_chain_utc_ns"], made.notes["vix"])


def test_without_a_word_from_the_broker_nothing_is_sold_and_the_daemon_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(tmp_path, monkeypatch, start_utc_ns=OPEN_UTC_NS - 60 * NS)
    day.write()

    def meddle(_: Any) -> None:
        day.time.at(OPEN_UTC_NS + 2 * MINUTE, lambda: setattr(day.network, "silent", True))
        day.time.at(OPEN_UTC_NS + 20 * MINUTE, lambda: setattr(day.network, "silent", False))

    daemon = day.run(0.4, meddle)
    assert daemon.desk.bars >= 4  # the bars that were missed came, too late to be traded on
    assert not facts(tmp_path, OrderFilled)
    with Reader.open(f"sqlite:///{tmp_path}/gamma.db") as reader:
        ticks = [record for _, record in reader.events(limit=10**9) if isinstance(record, Tick)]
    assert "ok" not in {tick.outcome for tick in ticks}, encode(ticks[0])


@pytest.mark.slow
def test_what_is_held_at_the_close_settles_in_cash_and_the_ledger_agrees_to_the_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(tmp_path, monkeypatch, seed=2, start_utc_ns=OPEN_UTC_NS + 334 * MINUTE)  # 15:04
    held = 'selling = { entry_times = ["15:10"], entry_bars = 6, credit_min_frac = 0.005, exits = { HOLD } }'
    held = held.replace("HOLD", "target_frac = 1.0, stop_frac = 100.0, out_before_s = 0")
    near = "near_points = 1, far_points = 60, pin_max_points = 100, far_pin_points = 5, far_spot_points = 3"
    day.write(
        f'{{ use = "gex", {near}, near_pin_points = 5, near_spot_points = 3, {held} }}',
        tuple(guard for guard in GUARDS if guard not in ("flat_by", "price_collar")),
    )
    daemon = day.run(1.6)
    [trade] = [fact.trade for fact in facts(tmp_path, TradeClosed)]
    # Sold for 22 ticks of 5 usd; at the close the index stood more than the width of 5 points inside.
    assert (trade.exit_reason, trade.lots_max, trade.entry_points, trade.exit_points) == ("settled", 2, 1.1, 5.0)
    assert trade.pnl_microusd == 2 * (110 - 500) * 1_000_000 - 2 * 1_300_000
    book = daemon.shell.book
    assert not book.halts
    assert not book.positions
    assert day.sandbox.floor.cash_usd * 1_000_000 == book.balance_microusd
    with Reader.open(f"sqlite:///{tmp_path}/gamma.db") as reader:
        assert fees_estimated_usd(reader) == 2.6  # Tradier tells no commission
