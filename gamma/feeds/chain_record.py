"""Chains that were seen, kept in files that `[chains] files` reads again: one a day and underlying."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final
from zoneinfo import ZoneInfo

import polars as pl

from gamma.calendar import NS
from gamma.feeds.chain_file import load_chains
from gamma.options import Chain

_NEW_YORK: Final = ZoneInfo("America/New_York")
_NUMBERS: Final = ("bid", "ask", "iv", "delta", "gamma", "open_interest", "volume")
_POINTS: Final = {"bid": "bid_points", "ask": "ask_points"}


@final
class ChainRecord:
    """A folder of chains; a day's file is whole at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, chain: Chain) -> Path:
        """Where a chain's day is kept."""
        day = datetime.fromtimestamp(chain.ts_utc_ns // NS, UTC).astimezone(_NEW_YORK).date()
        return self._folder / f"{chain.underlying}-{day}.parquet"

    def last_day(self, underlying: str) -> list[Chain]:
        """The chains of the newest day that is kept, oldest first; none where there is none.

        Raises: InputInvalid when its file cannot be read.
        """
        days = sorted(self._folder.glob(f"{underlying}-????-??-??.parquet"))
        return load_chains(days[-1]) if days else []

    def keep(self, chain: Chain) -> None:
        """Add a chain to its day's file."""
        path = self.path(chain)
        table = table_of(chain)
        if path.exists():
            table = pl.concat([pl.read_parquet(path), table])
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        table.write_parquet(draft)
        draft.replace(path)


def table_of(chain: Chain) -> pl.DataFrame:
    """A chain as a table with a row an option, as the reader of chains wants it."""
    rows = len(chain)
    return pl.DataFrame(
        {
            "ts": pl.Series([chain.ts_utc_ns] * rows).cast(pl.Datetime("ns", "UTC")),
            "underlying": [chain.underlying] * rows,
            "underlying_last": [chain.spot_points] * rows,
            "vix": [chain.vix_points] * rows,
            "root": chain.root.tolist(),
            "expiration": pl.Series(chain.expires.astype("datetime64[D]").tolist(), dtype=pl.Date),
            "right": ["C" if call else "P" for call in chain.call],
            "strike": chain.strike_points,
            **{name: getattr(chain, _POINTS.get(name, name)) for name in _NUMBERS},
        }
    )
