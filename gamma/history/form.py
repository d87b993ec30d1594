"""`History`: trades, equity and sessions."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from gamma.events import Trade
from gamma.stats import Floats, Ints


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Trades, equity and sessions of one account, oldest first; P&L is net of fees.

    Equity with open P&L is known over each bar in which something was held: its highest, its lowest, and at the
    bar's close. Within a bar nobody knows which came first. Where `open_pnl_known` is false, as it is for most files
    of trades, a mark is the end of a trade, and nothing is known of what lay between.
    Shapes: `ts_mark_utc_ns`, `high_usd`, `low_usd`, `close_usd` [E]; `sessions`, `ts_session_close_utc_ns`,
    `session_close_usd` [S], of trading days with or without a trade.
    """

    start_usd: float
    trades: tuple[Trade, ...]
    ts_mark_utc_ns: Ints
    high_usd: Floats
    low_usd: Floats
    close_usd: Floats
    sessions: tuple[str, ...]
    ts_session_close_utc_ns: Ints
    session_close_usd: Floats
    open_pnl_known: bool = True

    @property
    def end_usd(self) -> float:
        """Equity at the end of the last session [usd]."""
        return float(self.session_close_usd[-1]) if len(self.sessions) else self.start_usd

    @property
    def path_low_first_usd(self) -> Floats:
        """The start, then lowest, highest and close of each bar: [1 + 3 E]."""
        return self._path(self.low_usd, self.high_usd)

    @property
    def path_high_first_usd(self) -> Floats:
        """The start, then highest, lowest and close of each bar, the worse order for a trailing floor: [1 + 3 E]."""
        return self._path(self.high_usd, self.low_usd)

    @property
    def session_returns(self) -> Floats:
        """Changes of equity from one session's end to the next's, over the starting capital: [S]."""
        return np.diff(self.session_close_usd, prepend=self.start_usd) / self.start_usd

    def within(self, ts_first_utc_ns: int, ts_last_utc_ns: int) -> "History":
        """What was opened and closed between these times, both with them; sessions are those that end there."""
        marks = _rows(self.ts_mark_utc_ns, ts_first_utc_ns, ts_last_utc_ns)
        ends = _rows(self.ts_session_close_utc_ns, ts_first_utc_ns, ts_last_utc_ns)
        trades = tuple(
            t for t in self.trades if ts_first_utc_ns <= t.ts_open_utc_ns and t.ts_close_utc_ns <= ts_last_utc_ns
        )
        return replace(
            self,
            start_usd=float(self.close_usd[marks.start - 1]) if marks.start else self.start_usd,
            trades=trades,
            ts_mark_utc_ns=self.ts_mark_utc_ns[marks],
            high_usd=self.high_usd[marks],
            low_usd=self.low_usd[marks],
            close_usd=self.close_usd[marks],
            sessions=self.sessions[ends],
            ts_session_close_utc_ns=self.ts_session_close_utc_ns[ends],
            session_close_usd=self.session_close_usd[ends],
        )

    def _path(self, first: Floats, second: Floats) -> Floats:
        return np.concatenate(([self.start_usd], np.stack((first, second, self.close_usd), axis=1).ravel()))


def _rows(ts_utc_ns: Ints, first_utc_ns: int, last_utc_ns: int) -> slice:
    start, end = (
        np.searchsorted(ts_utc_ns, first_utc_ns, side="left"),
        np.searchsorted(ts_utc_ns, last_utc_ns, side="right"),
    )
    return slice(int(start), int(end))
