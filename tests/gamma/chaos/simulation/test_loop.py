import asyncio

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gamma.chaos.simulation.loop import Crash, Stuck, Time, live
from gamma.clock import NS

START = 1_772_550_000 * NS
HOUR = 3_600 * NS


def test_an_hour_passes_at_once() -> None:
    time = Time(START)

    async def work() -> float:
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time() - before

    assert live(time, START + 2 * HOUR, work()) == pytest.approx(3_600)
    assert time.now == pytest.approx(START + HOUR, abs=10)


def test_the_world_moves_while_the_process_waits_and_while_it_is_dead() -> None:
    time, seen = Time(START), []
    for after_s in (10, 20, 30):
        time.at(START + after_s * NS, lambda s=after_s: seen.append(s))  # type: ignore[misc]

    async def work() -> None:
        await asyncio.sleep(15)

    live(time, START + HOUR, work())
    assert seen == [10]
    time.advance(START + 25 * NS)
    assert seen == [10, 20]


def test_what_a_dead_process_would_still_do_is_not_done() -> None:
    time, done = Time(START), []

    async def work() -> None:
        try:
            await asyncio.sleep(1)
            time.die("now")
        finally:
            await asyncio.sleep(1)
            done.append("a last word")

    with pytest.raises(Crash, match="now"):
        live(time, START + HOUR, work())
    assert done == []


def test_a_death_that_somebody_catches_is_a_death() -> None:
    time, done = Time(START), []

    async def job() -> None:
        time.die("in a job")

    async def work() -> None:
        await asyncio.gather(job(), return_exceptions=True)
        await asyncio.sleep(1)
        done.append("alive")

    with pytest.raises(Crash, match="in a job"):
        live(time, START + HOUR, work())
    assert done == []


def test_who_waits_for_ever_is_found_out() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        live(Time(START), START + HOUR, work())


def test_jobs_come_by_the_wall_clock_of_the_schedule() -> None:
    time, runs = Time(START), []

    async def job() -> None:
        runs.append((time.now - START) // NS)

    async def work() -> None:
        schedule = AsyncIOScheduler(timezone="UTC")
        schedule.add_job(job, "interval", seconds=60)
        schedule.start()
        await asyncio.sleep(185)
        schedule.shutdown(wait=False)
        await asyncio.sleep(0)

    live(time, START + HOUR, work())
    assert runs == [60, 120, 180]
