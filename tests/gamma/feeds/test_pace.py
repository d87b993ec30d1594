"""Letting bars go: the loop's clock is a virtual one that jumps to the next timer, so nothing here waits."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from gamma.bars import Bar
from gamma.errors import InputInvalid
from gamma.feeds.pace import MAX, as_they_close, paced, speed

NS = 1_000_000_000


class Jump(selectors.DefaultSelector):
    """Waits for nothing: the time that the loop would sleep is added to its clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


def virtual(main: Coroutine[Any, Any, Any], clock: Jump) -> Any:
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.now  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def bar(close_s: int, market: str = "MNQ", length_s: int = 300) -> Bar:
    return Bar(
        market=market,
        ts_open_utc_ns=(close_s - length_s) * NS,
        ts_close_utc_ns=close_s * NS,
        open_points=1.0,
        high_points=1.0,
        low_points=1.0,
        close_points=1.0,
    )


async def times(stream: AsyncIterator[Bar], clock: Jump) -> list[float]:
    return [round(clock.now, 6) async for _ in stream]


def test_sixty_times_faster_a_bar_of_five_minutes_takes_five_seconds() -> None:
    clock = Jump()
    assert virtual(times(paced([bar(300), bar(600), bar(900)], 60.0), clock), clock) == [0.0, 5.0, 10.0]


def test_a_shut_market_takes_no_longer_than_a_bar() -> None:
    clock = Jump()
    weekend = [bar(300), bar(300 + 49 * 3600), bar(600 + 49 * 3600)]
    assert virtual(times(paced(weekend, 1.0), clock), clock) == [0.0, 300.0, 600.0]


def test_bars_that_close_together_come_together() -> None:
    clock = Jump()
    both = [bar(300, "MES"), bar(300, "MNQ"), bar(600, "MES"), bar(600, "MNQ")]
    assert virtual(times(paced(both, 10.0), clock), clock) == [0.0, 0.0, 30.0, 30.0]


def test_at_full_speed_nothing_waits_and_the_loop_still_turns() -> None:
    clock = Jump()

    async def main() -> tuple[list[float], int]:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(count())
        seen = await times(paced([bar(300 * i) for i in range(1, 101)], MAX), clock)
        other.cancel()
        return seen, turns

    seen, turns = virtual(main(), clock)
    assert seen == [0.0] * 100
    assert turns >= 100


def test_a_late_taker_gets_what_is_late_at_once() -> None:
    clock = Jump()

    async def main() -> list[float]:
        seen = []
        async for _ in paced([bar(300 * i) for i in range(1, 5)], 300.0):  # a bar a second
            seen.append(clock.now)
            if len(seen) == 1:
                await asyncio.sleep(2.5)
        return seen

    assert virtual(main(), clock) == [0.0, 2.5, 2.5, 3.0]


def test_waiting_can_be_cancelled() -> None:
    clock = Jump()

    async def main() -> list[Bar]:
        seen: list[Bar] = []

        async def take() -> None:
            async for one in paced([bar(300), bar(600)], 1.0):
                seen.append(one)  # noqa: PERF401 - what was seen before the cancel counts

        task = asyncio.create_task(take())
        await asyncio.sleep(100)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert len(virtual(main(), clock)) == 1


def test_in_real_time_a_bar_comes_when_the_wall_clock_passes_its_close() -> None:
    clock = Jump()
    stream = as_they_close([bar(300), bar(600), bar(4200)], lambda: round((clock.now + 450) * NS), delay_s=0.5)
    assert virtual(times(stream, clock), clock) == [0.0, 150.5, 3750.5]


def test_a_wall_clock_set_forward_is_noticed_within_a_second() -> None:
    clock = Jump()
    wall = lambda: round((clock.now + (1000 if clock.now > 10 else 0)) * NS)  # noqa: E731
    (when,) = virtual(times(as_they_close([bar(600)], wall), clock), clock)
    assert 10.0 < when <= 12.0


@pytest.mark.parametrize(("text", "found"), [("max", MAX), ("1", 1.0), ("0.5", 0.5), ("3600", 3600.0)])
def test_a_speed_is_a_number_or_max(text: str, found: float) -> None:
    assert speed(text) == found


@pytest.mark.parametrize("text", ["0", "-1", "nan", "fast", ""])
def test_no_other_speed_is_taken(text: str) -> None:
    with pytest.raises(InputInvalid, match="neither a number above 0 nor max"):
        speed(text)
