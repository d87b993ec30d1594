"""Answers of a broker that went wrong on their way: none may be taken for more than it says.

    python -m tests.brokers.fuzz NAME 1000000

puts so many of them before the adapter of a broker, and prints what came of them. What it may do with one: understand
it, or raise Transient, ConfigInvalid or MarkerUnknown; and of an order that was placed, say what it plainly says.

A broker is one small file in `fuzzed/`: calls, and what its sandbox really answered to them.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, final

import httpx

from gamma.errors import ConfigInvalid, Transient
from gamma.events import Fill, OrderState
from gamma.ports import Accepted, BrokerAccount, BrokerOrder, FillPage, Found, Inconclusive, Lost, NotListed, Rejected

BROKERS: Final = sorted(path.stem for path in (Path(__file__).parent / "fuzzed").glob("[a-z]*.py"))
STEP_S: Final = 61.0  # between two calls, so that no limit of requests a minute is met
ODD: Final[tuple[Any, ...]] = (
    *(None, "null", "", "ok", "filled", "open", 0, -1, 1, 7, 2**63, 1e300, -0.5, 0.1, 1.05, True, False),
    *([], {}, [[]], [{}], "NaN", "1.05", "-1", "2026-11-20"),
)
# None for what it was.
STATUSES: Final = (None, None, None, None, None, None, 200, 201, 204, 400, 401, 403, 404, 429, 500, 502)


def mutated(rng: random.Random, body: bytes, odd: Sequence[Any] = ODD) -> bytes:
    """An answer with something wrong in it: a value, a name, a part that is gone or there twice, or bytes."""
    told = _read(body)
    if told is None or rng.random() < 0.25:
        return _in_bytes(rng, body)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        told = _in_shape(rng, told, odd)
    return json.dumps(told).encode()


def _in_bytes(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body)) if body else 0
    match rng.randrange(5):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
        case 2:
            return body[:at] + body[max(0, at - 9) : at + 9] + body[at:]
        case 3:
            return b"<html>" + body + b"</html>"
        case _:
            return body[at:]


def _in_shape(rng: random.Random, told: Any, odd: Sequence[Any]) -> Any:
    """One place in it is another thing."""
    if rng.random() < 0.15 or not isinstance(told, dict | list) or not told:
        return rng.choice((*odd, [told], [told, told], {"order": told}, str(told)))
    if isinstance(told, list):
        at = rng.randrange(len(told))
        return [*told[:at], *([_in_shape(rng, told[at], odd)] if rng.random() < 0.9 else []), *told[at + 1 :]]
    key = rng.choice(list(told))
    rest = {name: value for name, value in told.items() if name != key}
    match rng.randrange(8):
        case 0:
            return rest
        case 1:
            return rest | {rng.choice(("id", "order", "errors", "status", "tag", key.upper())): told[key]}
        case _:
            return told | {key: _in_shape(rng, told[key], odd)}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer; `changing` where the request was to change something."""

    status: int
    body: bytes
    changing: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A call, and the true answers to its requests, in their order; the last is also that to any further one."""

    ask: Callable[[Any], Awaitable[Any]]
    answers: tuple[Said, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzed:
    """A broker to be fuzzed.

    `open` opens its adapter anew on a transport. `accepted` are the broker's ids of orders that an answer to a placing
    plainly says were taken. `wrong_fill` is true of a fill that no answer can have told of, and `changes` of a request
    that changes something. `odd` are values that may stand in an answer's place.
    """

    open: Callable[[httpx.AsyncBaseTransport], Any]
    cases: Sequence[Case]
    accepted: Callable[[int, Any], Collection[str]]
    wrong_fill: Callable[[Fill], bool] = lambda fill: fill.lots < 1
    changes: Callable[[httpx.Request], bool] = lambda request: request.method != "GET"
    odd: tuple[Any, ...] = ODD


@final
class Tape(httpx.AsyncBaseTransport):
    """Carries requests on, and keeps what was answered."""

    def __init__(self, carrying: httpx.AsyncBaseTransport, changes: Callable[[httpx.Request], bool]) -> None:
        self.answers: list[Said] = []
        self._carrying = carrying
        self._changes = changes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._carrying.handle_async_request(request)
        body = await response.aread()
        self.answers.append(Said(response.status_code, body, self._changes(request)))
        return httpx.Response(response.status_code, headers=response.headers, content=body)


def recorded(
    opened: Callable[[httpx.AsyncBaseTransport], Any],
    carrying: httpx.AsyncBaseTransport,
    run: Callable[[Coroutine[Any, Any, Any]], Any],
    asks: Sequence[Callable[[Any], Coroutine[Any, Any, Any]]],
    changes: Callable[[httpx.Request], bool] = lambda request: request.method != "GET",
) -> Iterator[Case]:
    """Put each call once to a new adapter, at the sandbox that `carrying` leads to."""
    for ask in asks:
        tape = Tape(carrying, changes)
        run(ask(opened(tape)))
        yield Case(ask, tuple(tape.answers))


@final
class Answers(httpx.AsyncBaseTransport):
    """Answers each request with the next of the answers that it is given; keeps how many came that change something."""

    def __init__(self, changes: Callable[[httpx.Request], bool]) -> None:
        self.answers: Sequence[Said] = ()
        self.changed: Said | None = None
        self.count = self.changing = 0
        self._changes = changes

    def give(self, answers: Sequence[Said]) -> None:
        self.answers, self.changed = answers, None
        self.count = self.changing = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        said = self.answers[min(self.count, len(self.answers) - 1)]
        self.count += 1
        if self._changes(request):
            self.changing += 1
            self.changed = said
        return httpx.Response(said.status, content=said.body)


def wrong(got: Any, sent: Said | None, fuzzed: Fuzzed) -> str:
    """What is wrong with what was made of answers; "" where nothing is."""
    if isinstance(got, Accepted) and got.broker_order_ids:
        plain = fuzzed.accepted(sent.status, _read(sent.body)) if sent else ()
        if not set(got.broker_order_ids.values()) <= set(plain):
            return f"an order of {sent}"
    if isinstance(got, FillPage):
        bad = [f for f in got.fills if fuzzed.wrong_fill(f) or not f.execution_id or f.side not in (1, -1)]
        return f"fills {bad}" if bad else ""
    orders = got if isinstance(got, list) else [got.order] if isinstance(got, Found) else []
    for order in orders:
        if isinstance(order, BrokerOrder) and not 0 <= order.filled_lots <= order.lots:
            return f"an order {order}"
        if isinstance(order, BrokerOrder) and order.state is OrderState.FILLED and order.filled_lots != order.lots:
            return f"an order {order}"
    if isinstance(got, BrokerAccount) and not abs(got.equity_microusd) < 2**63:
        return f"an account {got}"
    return ""


def fuzz(broker: str, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """What became of so many answers, by kind; and what was wrong."""
    fuzzed: Fuzzed = import_module(f"tests.brokers.fuzzed.{broker}").fuzzed()
    rng, answers = random.Random(seed), Answers(fuzzed.changes)
    kinds: Counter[str] = Counter()
    found: list[str] = []
    loop, seconds = asyncio.new_event_loop(), [0.0]
    loop.time = lambda: seconds[0]  # type: ignore[method-assign]

    async def all_of_them() -> None:
        for _ in range(count):
            seconds[0] += STEP_S
            case = rng.choice(fuzzed.cases)
            answers.give(_one_wrong(rng, case.answers, fuzzed.odd))
            try:
                got = await case.ask(fuzzed.open(answers))
            except (Transient, ConfigInvalid) as error:
                kinds[type(error).__name__] += 1
            else:
                kinds[_kind(got)] += 1
                if text := wrong(got, answers.changed, fuzzed):
                    found.append(text)
            if answers.changing > 1:
                found.append(f"sent {answers.changing} requests that change something")

    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()
    return kinds, found


def _one_wrong(rng: random.Random, answers: Sequence[Said], odd: Sequence[Any]) -> list[Said]:
    at = rng.randrange(len(answers))
    true = answers[at]
    status = rng.choice(STATUSES)
    spoilt = Said(true.status if status is None else status, mutated(rng, true.body, odd), true.changing)
    return [*answers[:at], spoilt, *answers[at + 1 :]]


def _read(body: bytes) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _kind(got: Any) -> str:
    known = (Accepted, Rejected, Lost, Found, NotListed, Inconclusive)
    return type(got).__name__ if isinstance(got, known) else "read"


def _main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("broker", choices=BROKERS)
    asked.add_argument("count", type=int, nargs="?", default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    told, bad = fuzz(given.broker, given.seed, given.count)
    sys.stdout.write("".join(f"{kind:<16} {n:>9,}\n" for kind, n in told.most_common()))
    sys.stdout.write("\n".join([f"{len(bad)} wrong", *bad[:20], ""]))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(_main())
