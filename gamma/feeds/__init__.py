"""Where bars come from: a file, the market simulator, a broker's stream. One `Feed` serves all of them."""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol, runtime_checkable

from gamma.bars import Bar


@runtime_checkable
class Feed(Protocol):
    """Closed bars of one or more markets, in order of time.

    `history` gives the last `bars` bars of a market that closed at or before `until_utc_ns`, oldest
    first, and fewer where there are no more. `bars` gives the bars of all markets that close strictly
    after `after_utc_ns`, by (close, market): begun again at the last close that was seen, it neither
    repeats a bar nor leaves one out. `provides` says what the bars carry: "bar", and "volume" or
    "spread" where they are not NaN throughout.
    """

    @property
    def markets(self) -> tuple[str, ...]: ...
    @property
    def provides(self) -> frozenset[str]: ...
    @property
    def bar_s(self) -> int: ...
    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]: ...
    def bars(self, after_utc_ns: int) -> Iterator[Bar]: ...


@runtime_checkable
class LiveFeed(Feed, Protocol):
    """A feed that gives each bar when it has closed; any other can be taken at any speed.

    `closing` begins with the bars that closed after `after_utc_ns` and are past already.
    """

    def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]: ...


@runtime_checkable
class FetchedFeed(Feed, Protocol):
    """A feed whose history has to be asked for: it has none before.

    `fetch` reads the last `bars` bars of each market up to then. Raises: Transient.
    """

    async def fetch(self, until_utc_ns: int, bars: int) -> None: ...
