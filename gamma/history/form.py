"""`History`: trades, equity and sessions."""

from dataclasses import dataclass
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

    def _path(self, first: Floats, second: Floats) -> Floats:
        return np.concatenate(([self.start_usd], np.stack((first, second, self.close_usd), axis=1).ravel()))
