"""The fake broker in a process of its own, traded at over a real connection."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gamma.chaos.broker.adapter import ChaosBroker
from gamma.errors import ConfigInvalid
from gamma.events import Fill
from gamma.ports import Accepted, Lost
from tests.brokers.desk import MARKETS, approve, bracket, entry, leave

Records = list[dict[str, Any]]


@contextmanager
def serving(log: Path, *options: str) -> Iterator[int]:
    """A server's port."""
    command = [sys.executable, "-m", "gamma.chaos.broker.server", "--log", str(log), "--pace", "100", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        try:
            yield int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def trade(port: int, quirks: str, doing: Callable[[ChaosBroker], Coroutine[Any, Any, None]]) -> None:
    broker = ChaosBroker.open(
        {"url": f"http://127.0.0.1:{port}", "quirks": quirks},
        account="chaos",
        starting_capital_microusd=0,
        markets=MARKETS,
        state_path=None,
    )

    async def run() -> None:
        try:
            async with asyncio.timeout(20):
                await broker.connect()
                await doing(broker)
        finally:
            await broker.close()

    asyncio.run(run())


def recorded(log: Path) -> Records:
    return [json.loads(line) for line in log.read_text().splitlines()]


async def traded(broker: ChaosBroker, lots: int) -> list[Fill]:
    """All fills, once so many lots have traded."""
    while True:
        fills = {f.execution_id: f for f in (await broker.fills_since("")).fills}
        if sum(f.lots for f in fills.values()) >= lots:
            return list(fills.values())
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("quirks", ["forever", "never_scan"])
def test_an_entry_its_stop_or_target_and_an_exit_trade_by_themselves(tmp_path: Path, quirks: str) -> None:
    log, told = tmp_path / "observed.jsonl", []

    async def day(broker: ChaosBroker) -> None:
        order = entry("g-1-1", 1, 2)
        assert isinstance(await broker.place(approve(order), order, bracket(order, 79_900, 80_100)), Accepted)
        await traded(broker, 4)
        assert await broker.positions() == {}
        order = entry("g-1-2", -1, 1)
        assert isinstance(await broker.place(approve(order), order, ()), Accepted)
        await traded(broker, 5)
        order = leave("g-1-3", 1, 1)
        assert isinstance(await broker.place(approve(order), order, ()), Accepted)
        told.extend(await traded(broker, 6))

    with serving(log, "--quirks", quirks, "--seed", "3") as port:
        trade(port, quirks, day)
    executed = [r for r in recorded(log) if r["record"] == "Executed"]
    assert {r["execution_id"]: r["client_order_id"] for r in executed} == {
        f.execution_id: f.client_order_id for f in told
    }
    assert sum(r["side"] * r["lots"] for r in executed) == 0


def test_a_server_that_loses_answers_has_carried_out_what_it_did_not_answer(tmp_path: Path) -> None:
    log = tmp_path / "observed.jsonl"

    async def one(broker: ChaosBroker) -> None:
        order = entry("g-1-1", 1, 1)
        assert isinstance(await broker.place(approve(order), order, ()), Lost)

    with serving(log, "--lose-frac", "1") as port:
        trade(port, "forever", one)
    assert [r["client_order_id"] for r in recorded(log) if r["record"] == "Received"] == ["g-1-1"]


def test_a_connection_that_speaks_no_http_harms_nobody(tmp_path: Path) -> None:
    async def garbage(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    with serving(tmp_path / "observed.jsonl") as port:
        asyncio.run(garbage(port))
        assert httpx.get(f"http://127.0.0.1:{port}/account", trust_env=False).status_code == 200


def test_a_set_of_quirks_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="should be 'forever', 'open_only'"):
        trade(1, "always", lambda broker: broker.close())
