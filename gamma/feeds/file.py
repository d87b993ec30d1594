"""`FileFeed`: recorded bars from CSV or Parquet files, as history and as a feed."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import final

from pydantic import BaseModel, Field, PositiveInt

from gamma.bars import Bar
from gamma.errors import InputInvalid
from gamma.feeds.bar_file import Loaded, Wanted, load_bars
from gamma.feeds.series import Series, merged


@final
class FileFeed(BaseModel, frozen=True, extra="forbid"):
    """Bars of one file per market, merged by time; the bars of NQ can be traded as MNQ.

    Files are read when a bar is first asked for, or by `loaded`. `bar_s` merges finer bars up; without
    it all files must have bars of one length.
    """

    files: dict[str, Path] = Field(min_length=1)
    bar_length_s: PositiveInt | None = Field(default=None, alias="bar_s")
    skip_bad: bool = False
    timezone: str = "UTC"

    @cached_property
    def loaded(self) -> dict[str, Loaded]:
        """What was read, by market.

        Raises: InputInvalid for a bad file, or files whose bars differ in length.
        """
        wanted = Wanted(skip_bad=self.skip_bad, bar_s=self.bar_length_s, timezone=self.timezone)
        found = {market: load_bars(path, market, wanted) for market, path in sorted(self.files.items())}
        lengths = {market: one.series.bar_s for market, one in found.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{market} {bar_s} s" for market, bar_s in lengths.items())
            raise InputInvalid(f"bars differ in length: {told}; set bar_s to a multiple of all of them")
        return found

    @property
    def markets(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    @property
    def provides(self) -> frozenset[str]:
        return frozenset.intersection(*(one.series.provides for one in self.loaded.values()))

    @property
    def bar_s(self) -> int:
        return next(iter(self.loaded.values())).series.bar_s

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        series = self._series(market)
        last = series.closed_by(until_utc_ns)
        return list(series.bars(max(0, last - bars), last))

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        every = [one.series for one in self.loaded.values()]
        streams = [series.bars(series.closed_by(after_utc_ns)) for series in every]
        return streams[0] if len(streams) == 1 else merged(streams)

    def _series(self, market: str) -> Series:
        if market not in self.loaded:
            raise InputInvalid(f"no file for {market}; the feed has {', '.join(self.markets)}")
        return self.loaded[market].series
