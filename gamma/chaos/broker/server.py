"""The fake broker as a real HTTP server on loopback, in a process of its own.

    python -m gamma.chaos.broker.server --port 0 --quirks never_scan --seed 7 --log observed.jsonl

It prints its port, moves prices by itself, and writes what its observer sees as it sees it.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TextIO, final

from gamma.chaos.broker.exchange import Answer, Exchange
from gamma.chaos.broker.quirks import SETS, Contract
from gamma.chaos.broker.terms import contracts_of
from gamma.markets import MICRO, TABLE

WALK_S: Final = 0.02
START_TICKS: Final = 100
STEPS_TO_STOP: Final = 5
HEAD_MAX: Final = 64 * 1024
BODY_MAX: Final = 1024 * 1024
_REASONS: Final = {200: "OK", 201: "Created", 400: "Bad Request", 404: "Not Found", 409: "Conflict"}


@final
class Prices:
    """Prices that walk by chance, from where the last priced order expected its market to be."""

    def __init__(self, contracts: Mapping[str, Contract], seed: int) -> None:
        self._contracts = contracts
        self._chance = random.Random(f"prices:{seed}")
        self._ticks: dict[str, int] = {}
        self._steps: dict[str, int] = {}

    def expect(self, body: bytes) -> str:
        """Begin where an order that comes in sees its market; gives the market, "" where it names none.

        A stop is then some steps away, so that it is touched in a fraction of a second.
        """
        try:
            order = json.loads(body)
            market, contract = order["market"], self._contracts[order["market"]]
            given = [order["price"], *(child["price"] for child in order["bracket"])]
            ticks = [round(Decimal(price) * contract.ticks_per_point) for price in given if price is not None]
        except (ValueError, KeyError, TypeError, InvalidOperation):
            return ""
        if ticks:
            self._ticks[market] = ticks[0] if order["price"] is not None else round(sum(ticks) / len(ticks))
            self._steps[market] = max(1, (max(ticks) - min(ticks)) // STEPS_TO_STOP)
        self._ticks.setdefault(market, START_TICKS)
        return str(market)

    def of(self, market: str) -> int:
        """Where a market is [ticks]."""
        return self._ticks[market]

    def step(self) -> list[tuple[str, int, int, int]]:
        """Move each market: symbol, low, high and close [ticks]."""
        moved = []
        for market, before in self._ticks.items():
            size = self._steps.get(market, 1)
            after = max(1, before + self._chance.randint(-size, size))
            moved.append((market, min(before, after), max(before, after), after))
        self._ticks.update((market, close) for market, _, _, close in moved)
        return moved


@final
class Server:
    """Serves one exchange; `pace` is how fast its time goes, `lose_frac` the share of writes that get no answer.

    Its calendar begins at `begin_utc_ns`, or now.
    """

    def __init__(
        self,
        exchange: Exchange,
        prices: Prices,
        *,
        log: TextIO,
        pace: float = 1.0,
        lose_frac: float = 0.0,
        begin_utc_ns: int = 0,
    ) -> None:
        self.exchange = exchange
        self.prices = prices
        self._log = log
        self._pace = pace
        self._lose_frac = lose_frac
        self._chance = random.Random("network")
        self._begin_ns = begin_utc_ns or time.time_ns()
        self._steady_ns = time.monotonic_ns()
        self._written = 0
        self._open: set[asyncio.StreamWriter] = set()

    def now_utc_ns(self) -> int:
        """The exchange's time [ns]."""
        return self._begin_ns + round((time.monotonic_ns() - self._steady_ns) * self._pace)

    async def run(self, port: int, stop: asyncio.Event, told: TextIO) -> None:
        """Serve until it is told to stop; the port, one line, goes to `told` first."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=HEAD_MAX)
        told.write(f"{server.sockets[0].getsockname()[1]}\n")
        told.flush()
        try:
            while not stop.is_set():
                self._walk()
                try:
                    await asyncio.wait_for(stop.wait(), WALK_S)
                except TimeoutError:
                    continue
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()
            self._write_down()

    def _walk(self) -> None:
        now = self.now_utc_ns()
        for market, low, high, close in self.prices.step():
            self.exchange.trade(market, low, high, close, now)
        self._write_down()

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer one request; an order that names prices moves the market to where it expects it."""
        path, _, query = target.partition("?")
        if method == "POST" and (market := self.prices.expect(body)):
            ticks = self.prices.of(market)
            self.exchange.trade(market, ticks, ticks, ticks, self.now_utc_ns())
        given = self.exchange.handle(method, path, query, body, self.now_utc_ns())
        self._write_down()
        return given

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._turn(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # whoever asked is gone, or did not speak HTTP
        finally:
            self._open.discard(writer)
            writer.close()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False where the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = int(headers.get("content-length", "0"))
        if length > BODY_MAX:
            return False
        status, more, content = self.answer(method, target, await reader.readexactly(length))
        if method != "GET" and self._lose_frac and self._chance.random() < self._lose_frac:
            return False
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Answer')}", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    def _write_down(self) -> None:
        fresh = self.exchange.log[self._written :]
        if fresh:
            self._log.writelines(json.dumps({"record": type(r).__name__} | asdict(r)) + "\n" for r in fresh)
            self._log.flush()
            self._written += len(fresh)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    given = _arguments().parse_args(arguments)
    contracts = contracts_of(TABLE)
    quirks = replace(SETS[given.quirks], odd_status_frac=0.0) if given.known_words else SETS[given.quirks]
    exchange = Exchange(quirks, contracts, given.seed, start_microusd=round(given.capital_usd * MICRO))
    with given.log.open("w") as log:
        server = Server(
            exchange,
            Prices(contracts, given.seed),
            log=log,
            pace=given.pace,
            lose_frac=given.lose_frac,
            begin_utc_ns=given.begin_utc_ns,
        )
        asyncio.run(_until_told(server, given.port))


async def _until_told(server: Server, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.run(port, stop, sys.stdout)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gamma.chaos.broker.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for any that is free")
    parser.add_argument("--quirks", choices=sorted(SETS), default="forever")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, required=True, help="what the observer writes down, as JSON lines")
    parser.add_argument("--capital-usd", type=float, default=50_000.0)
    parser.add_argument("--pace", type=float, default=1.0, help="how fast the broker's time goes")
    parser.add_argument("--begin-utc-ns", type=int, default=0, help="when its calendar begins; 0 for now")
    parser.add_argument("--lose-frac", type=float, default=0.0, help="share of writes that get no answer")
    parser.add_argument("--known-words", action="store_true", help="show no order in a state that nobody knows")
    return parser


if __name__ == "__main__":
    main()
