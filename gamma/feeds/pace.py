"""When bars are let go: as fast as they are taken, so many times faster than they traded, or as they close."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from gamma.bars import Bar
from gamma.calendar import NS
from gamma.errors import InputInvalid

MAX: Final = math.inf
# The wall clock may be set while we wait, so it is looked at again this often.
LOOK_S: Final = 1.0


def speed(text: str) -> float:
    """The speed of `--speed`: a number above 0, or "max".

    Raises: InputInvalid for anything else.
    """
    try:
        found = MAX if text == "max" else float(text)
    except ValueError:
        found = math.nan
    if not found > 0:
        raise InputInvalid(
            f"speed {text!r} is neither a number above 0 nor max; 1 is as the bars traded, 60 a minute a second"
        )
    return found


async def paced(bars: Iterable[Bar], times: float = MAX) -> AsyncIterator[Bar]:
    """Bars at `times` the speed at which they traded, as one who replays them watches.

    A shut market is passed over: between two bars there is never more than the later one's length. Bars
    that close together come together. A slow taker is not pushed: what is late comes at once. At any
    speed the loop gets its turn between two bars, so that a stop is heard.
    """
    loop = asyncio.get_running_loop()
    due, closed = loop.time(), None
    for bar in bars:
        if closed is not None:
            length = bar.ts_close_utc_ns - bar.ts_open_utc_ns
            due += min(bar.ts_close_utc_ns - closed, length) / NS / times
        closed = bar.ts_close_utc_ns
        await asyncio.sleep(max(0.0, due - loop.time()))
        yield bar


async def as_they_close(
    bars: Iterable[Bar], wall_utc_ns: Callable[[], int], delay_s: float = 0.0
) -> AsyncIterator[Bar]:
    """Bars in real time: each when the wall clock has passed its close by `delay_s`, a shut market in silence.

    What closed before now comes at once, which is how a daemon catches up.
    """
    for bar in bars:
        due = bar.ts_close_utc_ns + round(delay_s * NS)
        while (left_s := (due - wall_utc_ns()) / NS) > 0:  # noqa: ASYNC110 - a clock that is set raises no event
            await asyncio.sleep(min(left_s, LOOK_S))
        await asyncio.sleep(0)
        yield bar
