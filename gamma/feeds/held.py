"""`HeldFeed`: bars that are in memory already, as history and as a feed."""

from collections.abc import Iterator, Mapping
from typing import final

from gamma.bars import Bar
from gamma.errors import InputInvalid
from gamma.feeds.series import Series, merged


@final
class HeldFeed:
    """A series for each market, merged by time.

    Raises: InputInvalid for none, or bars of different lengths.
    """

    def __init__(self, series: Mapping[str, Series]) -> None:
        lengths = {one.bar_s for one in series.values()}
        if len(lengths) != 1:
            raise InputInvalid(f"bars of {sorted(lengths)} s: give series of one length")
        self._series = dict(sorted(series.items()))
        self._bar_s = lengths.pop()

    @property
    def markets(self) -> tuple[str, ...]:
        return tuple(self._series)

    @property
    def provides(self) -> frozenset[str]:
        return frozenset.intersection(*(one.provides for one in self._series.values()))

    @property
    def bar_s(self) -> int:
        return self._bar_s

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        series = self._series[market]
        last = series.closed_by(until_utc_ns)
        return list(series.bars(max(0, last - bars), last))

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        streams = [one.bars(one.closed_by(after_utc_ns)) for one in self._series.values()]
        return streams[0] if len(streams) == 1 else merged(streams)
