"""A made day of SPX and its option chains: Tuesday, 3 March 2026, with the pin at 6,000 and all volatilities alike.

The session is 09:30 to 16:00 New York time, 14:30 to 21:00 UTC; its options settle at its close.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from gamma.options import Chain, Option, Terms, black_scholes, chain_of, settlement_utc_ns
from gamma.structures import Right

DAY: Final = date(2026, 3, 3)
MINUTE: Final = 60 * 10**9
OPEN: Final = round(datetime(2026, 3, 3, 14, 30, tzinfo=UTC).timestamp()) * 10**9
BARS: Final = 78
BAR: Final = 5 * MINUTE
PIN: Final = 6_000.0


def minutes(after_open: float) -> int:
    return OPEN + round(after_open * MINUTE)


def chain_at(
    ts_utc_ns: int, spot: float, *, pin: float = PIN, vix: float = 16.0, iv: float = 0.14, step: float = 5.0
) -> Chain:
    """Quotes a tick of 0.05 around what Black and Scholes say, and 50,000 calls at the pin among 500 elsewhere."""
    root = "SPXW" if step == 5 else "NDXP"
    years = (settlement_utc_ns(root, DAY) - ts_utc_ns) / (365 * 86_400 * 1e9)
    strikes = np.arange(-40, 41) * step + round(spot / step) * step
    options = []
    for right in Right:
        call = right is Right.CALL
        terms = Terms(call=call, spot_points=spot, strike_points=strikes, years=years)
        worth = black_scholes(terms, iv)
        ticks = np.round(worth.price_points * 20)
        for row, strike in enumerate(strikes.tolist()):
            options.append(
                Option(
                    root=root,
                    expires=DAY,
                    right=right,
                    strike_points=strike,
                    bid_points=max(0.0, ticks[row] - 1) / 20,
                    ask_points=(ticks[row] + 1) / 20,
                    iv=iv,
                    gamma=float(worth.gamma[row]),
                    open_interest=50_000.0 if call and strike == pin else 500.0,
                )
            )
    chain = chain_of("SPX" if step == 5 else "NDX", spot, ts_utc_ns, options)
    columns = {name: getattr(chain, name) for name in chain.__slots__}
    return Chain(**(columns | {"vix_points": vix}))


def write_day(folder: Path, spot_at: Callable[[int], float], vix: float = 16.0) -> tuple[Path, Path]:
    """Five-minute bars of SPX and a chain at each close; gives both files."""
    spots = [spot_at(n) for n in range(BARS + 1)]
    bars = pl.DataFrame(
        {
            "ts": pl.Series([OPEN + n * BAR for n in range(BARS)]).cast(pl.Datetime("ns", "UTC")),
            "open": spots[:-1],
            "high": [max(pair) + 0.5 for pair in itertools.pairwise(spots)],
            "low": [min(pair) - 0.5 for pair in itertools.pairwise(spots)],
            "close": spots[1:],
            "volume": [float("nan")] * BARS,
        }
    )
    bars.write_parquet(folder / "SPX.parquet")
    tables = [_table(chain_at(OPEN + n * BAR, spots[n], vix=vix)) for n in range(1, BARS)]
    pl.concat(tables).write_parquet(folder / "chains.parquet")
    return folder / "SPX.parquet", folder / "chains.parquet"


def _table(chain: Chain) -> pl.DataFrame:
    rows = len(chain)
    return pl.DataFrame(
        {
            "ts": pl.Series([chain.ts_utc_ns] * rows).cast(pl.Datetime("ns", "UTC")),
            "underlying": [chain.underlying] * rows,
            "underlying_last": [chain.spot_points] * rows,
            "vix": [chain.vix_points] * rows,
            "root": chain.root.tolist(),
            "expiration": [DAY] * rows,
            "right": ["C" if call else "P" for call in chain.call],
            "strike": chain.strike_points,
            "bid": chain.bid_points,
            "ask": chain.ask_points,
            "iv": chain.iv,
            "gamma": chain.gamma,
            "open_interest": chain.open_interest,
        }
    )
