"""The daemon on a real ledger, the real paper broker and the simulator, in this process."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from brokers.paper import paper_truth
from gamma import daemon as daemon_module
from gamma.daemon import Daemon, next_epoch
from gamma.effects import Answer, Tick
from gamma.errors import ConfigInvalid, InvariantBroken, LedgerFailed, Transient
from gamma.events import (
    BootStarted,
    Command,
    DecisionMade,
    Halted,
    OrderFilled,
    OrderIntended,
    ResumeRequested,
    ShutDown,
    TradeClosed,
)
from gamma.notices import Notice
from gamma.offline import carry_out
from tests.daemon_case import config_in, facts, ticks, trade, write_config
from tests.gamma.test_shell import Faulty


def trades(folder: Path) -> list[tuple[str, int, int, int]]:
    return [
        (t.trade.strategy, t.trade.ts_open_utc_ns, t.trade.ts_close_utc_ns, t.trade.pnl_microusd)
        for t in facts(folder, TradeClosed)
    ]


def told(folder: Path) -> list[str]:
    return [n.key for n in facts(folder, Notice)]


def held(folder: Path) -> dict[str, int]:
    return paper_truth(folder / "gamma.paper.db")[0]


async def until(condition: Callable[[], bool]) -> None:
    """Let the daemon go on until this holds."""
    while not condition():  # noqa: ASYNC110 - the daemon under test raises no event for it
        await asyncio.sleep(0)


def when(condition: Callable[[Daemon], bool], act: Callable[[Daemon], Any] = Daemon.stop) -> Callable[[Daemon], Any]:
    """Beside the daemon: wait for the condition, then act; a stop if nothing else."""

    async def beside(daemon: Daemon) -> None:
        await until(lambda: (daemon.ready and condition(daemon)) or daemon.turnstile.stopping.is_set())
        acted = act(daemon)
        if isinstance(acted, Awaitable):
            await acted

    return beside


def holding(daemon: Daemon) -> bool:
    return bool(daemon.shell.book.positions)


# --- going on where it was ---------------------------------------------------------------------------


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
        write_config(folder)
    trade(whole, bars=400)
    for bars in (100, 1, 37, 262):
        trade(parts, bars=bars)
    assert ticks(parts) == ticks(whole)
    assert trades(parts) == trades(whole)
    assert len(trades(whole)) > 10
    epochs = [b.epoch for b in facts(parts, BootStarted)]
    assert len(epochs) == 4
    assert epochs == sorted(set(epochs))
    assert len(facts(parts, ShutDown)) == 4


def test_the_number_of_a_start_is_its_time_and_never_that_of_an_earlier_one() -> None:
    day_ms, from_utc_ns = 86_400_000, 1_577_836_800_000_000_000
    assert next_epoch(7, from_utc_ns + 2 * day_ms * 10**6) == 2 * day_ms
    assert next_epoch(2 * day_ms, from_utc_ns + 2 * day_ms * 10**6) == 2 * day_ms + 1
    assert next_epoch(3, 0) == 4, "a clock that was never set"


def test_every_execution_of_the_brokers_is_in_the_ledger_once(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, bars=300)
    _, fills, orders = paper_truth(tmp_path / "gamma.paper.db")
    assert sorted(f.fill.execution_id for f in facts(tmp_path, OrderFilled)) == sorted(f.execution_id for f in fills)
    assert len(orders) > len(fills) > 10


def test_a_strategy_that_is_added_later_begins_now(tmp_path: Path) -> None:
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    trade(tmp_path, bars=50)
    last = ticks(tmp_path)[-1][1]
    write_config(tmp_path, strategies={"mnq": "MNQ", "more": "MNQ", "mes": "MES"})
    trade(tmp_path, bars=5)
    assert [(name, (slot - last) // 300_000_000_000) for name, slot, _ in ticks(tmp_path)[50:]] == [
        ("mes", 0),
        ("mes", 1),
        ("mnq", 1),
        ("more", 1),
        ("mes", 2),
        ("mnq", 2),
        ("more", 2),
    ]


def test_a_strategy_that_holds_something_cannot_be_taken_out_of_the_config(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, meddle=when(lambda d: d.shell.book.lots("MES") != 0))
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    with pytest.raises(ConfigInvalid, match="1 MES of mes; keep that strategy in the config"):
        trade(tmp_path, bars=1)


def test_a_market_that_was_traded_once_may_leave_the_config_when_it_is_flat(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, meddle=when(lambda d: "mes" in d.shell.book.tracks and not d.shell.book.lots("MES")))
    before = len(trades(tmp_path))
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    trade(tmp_path, bars=100)
    assert len(trades(tmp_path)) > before


# --- how long it runs -----------------------------------------------------------------------------------


def test_it_ends_after_so_many_bars(tmp_path: Path) -> None:
    write_config(tmp_path)
    assert trade(tmp_path, bars=7).desk.bars == 7


def test_a_market_whose_only_strategy_hears_its_signals_from_outside_is_traded(tmp_path: Path) -> None:
    path = write_config(tmp_path, strategies={"mnq": "MNQ"})
    heard = f'signal = {{ use = "webhook", port = 0, secret = "{"s" * 32}" }}'
    lines = [heard if line.startswith("signal") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    assert trade(tmp_path, bars=3).desk.bars == 3


def test_a_bar_that_comes_again_for_nobody_is_no_reason_to_end(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, bars=7)  # MES has decided on the fourth slot, MNQ has not
    goes_on = trade(tmp_path, meddle=when(lambda d: d.desk.bars >= 5))
    assert goes_on.desk.bars >= 5
    assert len(ticks(tmp_path)) == 7 + goes_on.desk.bars


def test_once_trades_one_session_and_then_the_next(tmp_path: Path) -> None:
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    for _ in range(2):
        trade(tmp_path, once=True)
    # Globex is open from 18:00 to 17:00 New York: 23 hours of twelve bars.
    assert len(ticks(tmp_path)) == 2 * 276
    assert {t.session for t in facts(tmp_path, Tick)} == {"2026-03-03", "2026-03-04"}


def test_bars_come_at_the_speed_that_was_asked_for(tmp_path: Path) -> None:
    write_config(tmp_path, speed=10_000, strategies={"mnq": "MNQ"})
    spans: list[float] = []

    async def clock(daemon: Daemon) -> None:
        await until(lambda: daemon.desk.bars == 1)
        began = time.monotonic()
        await until(lambda: daemon.desk.bars == 11)
        spans.append(time.monotonic() - began)

    trade(tmp_path, bars=11, meddle=clock)
    assert spans[0] >= 10 * 300 / 10_000 * 0.9  # ten bars of 300 s; the first was let go a little late


def test_a_market_that_is_a_bar_behind_the_other_catches_up(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, bars=1)
    trade(tmp_path, meddle=when(lambda d: d.desk.bars == 3))
    first = ticks(tmp_path)[0][1]
    assert [(name, (slot - first) // 300_000_000_000) for name, slot, _ in ticks(tmp_path)[:4]] == [
        ("mes", 0),
        ("mnq", 0),
        ("mes", 1),
        ("mnq", 1),
    ]


# --- what it refuses to start with -------------------------------------------------------------------------


def test_a_guard_that_cannot_see_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    write_config(tmp_path, guards=["safety_halt", "trailing_drawdown"])
    with pytest.raises(
        ConfigInvalid, match=r"\[guards.trailing_drawdown\] of strategy mnq is inert.*account.floor_usd"
    ):
        trade(tmp_path, bars=1)
    assert ticks(tmp_path) == []
    write_config(tmp_path)
    trade(tmp_path, bars=2)
    assert len(ticks(tmp_path)) == 2


# --- when something fails -----------------------------------------------------------------------------------


def test_a_full_ledger_ends_it_with_no_order_that_is_not_recorded(tmp_path: Path) -> None:
    write_config(tmp_path)

    def fill_up(daemon: Daemon) -> None:
        raw = daemon.ledger._raw
        raw.execute(f"PRAGMA max_page_count = {raw.execute('PRAGMA page_count').fetchone()[0]}")

    with pytest.raises(LedgerFailed, match="nothing is sent that is not recorded"):
        trade(tmp_path, meddle=when(holding, fill_up))
    orders = {o.client_order_id for o in paper_truth(tmp_path / "gamma.paper.db")[2]}
    intents = {i.client_order_id for f in facts(tmp_path, OrderIntended) for i in (f.intent, *f.bracket)}
    assert orders <= intents
    assert facts(tmp_path, ShutDown) == []
    trade(tmp_path, bars=100)
    _, fills, _ = paper_truth(tmp_path / "gamma.paper.db")
    assert sorted(f.fill.execution_id for f in facts(tmp_path, OrderFilled)) == sorted(f.execution_id for f in fills)


def test_a_broken_invariant_halts_for_good_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(tmp_path, speed=3_000_000, more="\n[schedule]\nreconcile_s = 0.02\n")

    def break_it(daemon: Daemon) -> None:
        async def reconcile() -> None:
            raise InvariantBroken("I4: the position is not the sum of the fills")

        monkeypatch.setattr(daemon.shell, "reconcile", reconcile)

    with pytest.raises(InvariantBroken, match="I4"):
        trade(tmp_path, meddle=when(lambda d: d.desk.bars > 20, break_it))
    (halted,) = facts(tmp_path, Halted)
    assert (halted.halt.level, halted.halt.actor) == ("halted", "daemon")
    assert "stopped_unclean" in told(tmp_path)
    entries = len(facts(tmp_path, OrderIntended))
    trade(tmp_path, bars=200)
    assert len(facts(tmp_path, OrderIntended)) == entries
    assert {d.reason for d in facts(tmp_path, DecisionMade)[-5:]} == {"halted"}


def test_a_job_that_fails_is_counted_and_told_and_trading_goes_on(tmp_path: Path) -> None:
    write_config(tmp_path, speed=300_000)

    class Failing:
        deliver_s = 0.01

        async def deliver(self, *, final: bool = False) -> None:
            raise OSError("no network" + "!" * final)

        async def ping(self) -> None: ...

    def employ(daemon: Daemon) -> None:
        daemon.messengers = daemon.housekeeping.messengers = Failing()  # type: ignore[assignment]

    daemon = trade(tmp_path, bars=100, meddle=employ)
    assert daemon.desk.bars == 100
    assert daemon.housekeeping.missed > 0
    assert told(tmp_path).count("job_missed:deliver") == daemon.housekeeping.missed
    assert len(facts(tmp_path, ShutDown)) == 1


def test_a_job_that_waits_when_the_daemon_stops_was_not_missed(tmp_path: Path) -> None:
    write_config(tmp_path, speed=300_000)

    class Waiting:
        deliver_s = 0.01

        async def deliver(self, *, final: bool = False) -> None:
            if not final:
                await asyncio.Event().wait()

        async def ping(self) -> None: ...

    def employ(daemon: Daemon) -> None:
        daemon.messengers = daemon.housekeeping.messengers = Waiting()  # type: ignore[assignment]

    daemon = trade(tmp_path, bars=100, meddle=employ)
    assert daemon.desk.bars == 100
    assert not [notice for notice in facts(tmp_path, Notice) if "CancelledError" in str(notice)]
    assert len(facts(tmp_path, ShutDown)) == 1


def test_a_silent_broker_is_waited_for_and_told_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "RETRY_S", 0.01)
    whole, folder = tmp_path / "whole", tmp_path / "parts"
    for each in (whole, folder):
        each.mkdir()
        write_config(each)
    trade(whole, bars=150)
    asked: list[str] = []

    def fall_silent(daemon: Daemon) -> None:
        real = daemon.shell.broker

        async def fills_since(marker: str) -> Any:
            asked.append(marker)
            if 100 <= len(asked) < 103:
                raise Transient("no route to host")
            return await real.fills_since(marker)

        daemon.shell.broker = Faulty(real, "fills_since", fills_since)  # type: ignore[arg-type]

    trade(folder, bars=150, meddle=fall_silent)
    assert ticks(folder) == ticks(whole)
    assert [key for key in told(folder) if key.startswith("connection")] == [
        "connection_lost:the broker",
        "connection_back:the broker",
    ]


# --- the kill switch ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guards", [["safety_halt"], ["safety_halt", "kill_switch"]])
def test_the_kill_switch_halts_within_seconds_whether_a_guard_knows_it_or_not(
    tmp_path: Path, guards: list[str]
) -> None:
    write_config(tmp_path, speed=30_000, guards=guards)
    took_s: list[float] = []

    async def pull(daemon: Daemon) -> None:
        (tmp_path / "gamma.kill").touch()
        began, bars = time.monotonic(), daemon.desk.bars
        await until(lambda: daemon.shell.book.state != "ACTIVE")
        took_s.append(time.monotonic() - began)
        await until(lambda: daemon.desk.bars >= bars + 100)
        daemon.stop()

    trade(tmp_path, meddle=when(holding, pull))
    assert took_s[0] < 5
    ts_halt = facts(tmp_path, Halted)[0].ts_event_utc_ns
    late = [f.intent for f in facts(tmp_path, OrderIntended) if f.ts_event_utc_ns > ts_halt]
    assert not [i for i in late if i.kind == "entry"]
    # The guard was told to flatten; without it a person took over, and what was held stays with its stop.
    assert held(tmp_path) == {} if "kill_switch" in guards else late == []


def test_the_switch_that_was_on_before_the_start_halts_at_the_start(tmp_path: Path) -> None:
    write_config(tmp_path)
    (tmp_path / "gamma.kill").touch()
    trade(tmp_path, bars=100)
    assert facts(tmp_path, OrderIntended) == []
    assert [h.halt.actor for h in facts(tmp_path, Halted)] == ["kill_switch"]


# --- the safety halt ------------------------------------------------------------------------------------------


COSTLY = "\n[markets.MNQ]\ncommission_usd = 40\n[markets.MES]\ncommission_usd = 40\n"


def given(folder: Path, command: Command) -> Answer:
    """What comes of a command while no daemon runs."""
    return asyncio.run(carry_out(config_in(folder), command))


def test_below_half_of_the_capital_it_halts_tells_once_and_minds_what_it_holds(tmp_path: Path) -> None:
    write_config(tmp_path, capital=6_000, seed=3, more=COSTLY)
    trade(tmp_path, bars=700)
    (halted,) = facts(tmp_path, Halted)
    assert (halted.halt.reason, halted.halt.level, halted.halt.actor) == (
        "safety_halt",
        "reducing",
        "guard:safety_halt",
    )
    assert float(halted.halt.evidence["balance_usd"]) < 3_000
    assert told(tmp_path).count("safety_halt") == 1
    # mes was short one lot then: it was closed by its own stop or target, and nothing was opened after.
    closed = [t.trade for t in facts(tmp_path, TradeClosed) if t.ts_event_utc_ns > halted.ts_event_utc_ns]
    assert [(t.strategy, t.side, t.exit_reason in ("stop", "target")) for t in closed] == [("mes", -1, True)]
    late = [f.intent.kind for f in facts(tmp_path, OrderIntended) if f.ts_event_utc_ns > halted.ts_event_utc_ns]
    assert "entry" not in late
    decided = [d for d in facts(tmp_path, DecisionMade) if d.ts_event_utc_ns > halted.ts_event_utc_ns]
    assert {(d.lots, d.reason, d.halted) for d in decided} == {(0, "halted", True)}


def test_the_safety_halt_outlives_a_restart_and_lifts_by_a_person_once_its_cause_is_gone(tmp_path: Path) -> None:
    write_config(tmp_path, capital=6_000, seed=3, more=COSTLY)
    trade(tmp_path, bars=600)
    trade(tmp_path, bars=100)
    assert told(tmp_path).count("safety_halt") == 1
    (halted,) = facts(tmp_path, Halted)
    resume = ResumeRequested(command_id="r", actor="ann", halt_id=halted.halt.halt_id, ts_event_utc_ns=0)
    refused = given(tmp_path, resume)
    assert (refused.ok, "safety_halt would halt again at once" in refused.text) == (False, True)
    # The money is gone; a person who goes on with what is left says so, in the config.
    write_config(tmp_path, capital=6_000, seed=3, more=COSTLY, halt_frac=0.25)
    trade(tmp_path, bars=50)
    assert {d.reason for d in facts(tmp_path, DecisionMade)[-3:]} == {"halted"}
    assert given(tmp_path, resume).ok
    before = len(facts(tmp_path, OrderIntended))
    trade(tmp_path, bars=100)
    assert len(facts(tmp_path, OrderIntended)) > before
    assert told(tmp_path).count("safety_halt") == 1


def test_another_starting_capital_is_another_account(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, bars=10)
    write_config(tmp_path, capital=20_000)
    with pytest.raises(ConfigInvalid, match="belongs to paper account"):
        trade(tmp_path, bars=10)
