import asyncio
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gamma.turnstile import Turnstile


class Broken(Exception):
    """What fails in these tests."""


def fail(cause: str) -> None:
    raise Broken(cause)


async def fail_and_close_down(turnstile: Turnstile, said: list[str]) -> None:
    """As the daemon does: what fails in a turn goes on to its end, which takes a while."""
    try:
        async with turnstile.turn():
            raise Broken("the ledger")
    finally:
        await asyncio.sleep(0.05)
        said.append("closed down")


def test_a_job_that_comes_after_a_failure_does_not_end_whoever_still_closes_down() -> None:
    """APScheduler clears the frames of a job's error; those of the daemon must not be among them."""
    said: list[str] = []

    async def work() -> None:
        turnstile = Turnstile()

        async def job() -> None:
            async with turnstile.turn():
                said.append("never")

        schedule = AsyncIOScheduler(timezone="UTC")
        schedule.start()
        running = asyncio.create_task(fail_and_close_down(turnstile, said))
        await asyncio.sleep(0)
        schedule.add_job(job, next_run_time=datetime.now(UTC))
        done, _ = await asyncio.wait([running], timeout=5)
        schedule.shutdown(wait=False)
        assert done, "it hangs"
        assert isinstance(running.exception(), Broken)

    asyncio.run(work())
    assert said == ["closed down"]


def test_whoever_comes_after_a_failure_is_told_of_it() -> None:
    async def work() -> Exception | None:
        turnstile, last = Turnstile(), None
        for cause in ("the ledger", "nobody comes this far"):
            try:
                async with turnstile.turn():
                    fail(cause)
            except Broken as error:
                last = error
        assert turnstile.stopping.is_set()
        return last

    assert str(asyncio.run(work())) == "the ledger"
