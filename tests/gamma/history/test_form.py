"""A part of a history is a history."""

from pathlib import Path

from tests.gamma.report.case import subject


def test_a_part_begins_with_the_equity_before_it_and_holds_only_what_lay_inside(tmp_path: Path) -> None:
    told = subject(tmp_path).history
    first, last = told.ts_session_close_utc_ns[9], told.ts_session_close_utc_ns[29]
    part = told.within(int(first) + 1, int(last))
    assert part.sessions == told.sessions[10:30]
    assert part.start_usd == told.session_close_usd[9]
    assert part.end_usd == told.session_close_usd[29]
    booked = sum(trade.pnl_microusd for trade in part.trades) / 1e6
    assert abs(part.start_usd + booked - part.end_usd) < 1e-6
    assert len(part.close_usd) == len(part.trades) > 20


def test_the_whole_is_a_part_of_itself(tmp_path: Path) -> None:
    told = subject(tmp_path).history
    part = told.within(0, int(told.ts_session_close_utc_ns[-1]))
    assert (part.trades, part.sessions, part.start_usd) == (told.trades, told.sessions, told.start_usd)
