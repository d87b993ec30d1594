"""Answers of a broker that went wrong on their way: none may be taken for more than it says.

    python -m tests.brokers.fuzz 1000000

puts so many of them before Tradier's adapter, and prints what came of them. What it may do with one: understand it,
or raise Transient, ConfigInvalid or MarkerUnknown; and of an order that was placed, say what the answer plainly says.
"""

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import httpx

from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from gamma.errors import ConfigInvalid, Transient
from gamma.events import OrderState
from gamma.ports import Accepted, BrokerAccount, BrokerOrder, FillPage, Found, Inconclusive, Lost, NotListed, Rejected
from tests.brokers.desk import approve
from tests.brokers.option_quotes import CONDOR, sold
from tests.contract.tradier import MARKETS, PARAMS, TradierRig

ODD: Final[tuple[Any, ...]] = (
    *(None, "null", "", "ok", "filled", "open", 0, -1, 1, 7, 2**63, 1e300, -0.5, 0.1, 1.05, True, False),
    *([], {}, [[]], {"order": None}, [{}], "100001", "NaN", "2026-11-20", "VA00000001", "SPX", "multileg"),
)
STATUSES: Final = (200, 200, 200, 200, 200, 200, 201, 204, 400, 401, 403, 404, 429, 500, 502)


def mutated(rng: random.Random, body: bytes) -> bytes:
    """An answer with something wrong in it: a value, a name, a part that is gone or there twice, or bytes."""
    if rng.random() < 0.25:
        return _in_bytes(rng, body)
    told = json.loads(body)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        told = _in_shape(rng, told)
    return json.dumps(told).encode()


def _in_bytes(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body))
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


def _in_shape(rng: random.Random, told: Any) -> Any:
    """One place in it is another thing."""
    if rng.random() < 0.15 or not isinstance(told, dict | list) or not told:
        return rng.choice((*ODD, [told], [told, told], {"order": told}, str(told)))
    if isinstance(told, list):
        at = rng.randrange(len(told))
        return [*told[:at], *([_in_shape(rng, told[at])] if rng.random() < 0.9 else []), *told[at + 1 :]]
    key = rng.choice(list(told))
    rest = {name: value for name, value in told.items() if name != key}
    match rng.randrange(8):
        case 0:
            return rest
        case 1:
            return rest | {rng.choice(("id", "order", "errors", "status", "tag", key.upper())): told[key]}
        case _:
            return told | {key: _in_shape(rng, told[key])}


class Answers(httpx.AsyncBaseTransport):
    """Answers every request with what it is given; keeps which methods came."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.methods: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.methods.append(request.method)
        return httpx.Response(self.status, content=self.body)


Asked = Callable[[TradierBroker], Coroutine[Any, Any, Any]]


def true_answers() -> list[tuple[Asked, bytes]]:
    """What can be asked, and a true answer to it from the sandbox."""
    with tempfile.TemporaryDirectory() as folder:
        rig = TradierRig(Path(folder))
        for intent in (sold("g-1-1", 3), sold("g-1-2", 2, 12), sold("g-1-3", 1, 20, CONDOR)):
            rig.run(rig.broker.place(approve(intent), intent, ()))
        rig.settle()
        rig.trade(1)
        rig.settle()

        def body(path: str, method: str = "GET", form: bytes = b"") -> bytes:
            from brokers.sandbox.answers import Request

            headers = {"authorization": f"Bearer {PARAMS['token']}", "accept": "application/json"}
            params = {"includeTags": "true", "limit": "100", "symbols": "SPX"}
            request = Request(method=method, path=f"/v1{path}", params=params, headers=headers, body=form)
            return rig.sandbox.handle(request, rig.network.now_utc_ns).body

        account, first = f"/accounts/{PARAMS['account_id']}", min(rig.sandbox.floor.tickets)
        listed, one = body(f"{account}/orders"), body(f"{account}/orders/{first}")
        intent = sold("g-1-9")
        marker = json.dumps([0, {str(first): [0, 0]}])
        return [
            (lambda b: b.place(approve(intent), intent, ()), b'{"order": {"id": 100004, "status": "ok"}}'),
            (lambda b: b.place(approve(intent), intent, ()), b'{"errors": {"error": ["refused"]}}'),
            (lambda b: b.cancel("g-1-1"), b'{"order": {"id": 100001, "status": "ok"}}'),
            (lambda b: b.orders({"g-1-1": str(first)}), listed),
            (lambda b: b.find("g-1-2"), listed),
            (lambda b: b.open_orders(), listed),
            (lambda b: b.fills_since(""), listed),
            (lambda b: b.fills_since(marker), one),
            (lambda b: b.positions(), body(f"{account}/positions")),
            (lambda b: b.account(), body(f"{account}/balances")),
            (lambda b: b.connect(), body("/user/profile")),
            (lambda b: b.clock(), body("/markets/clock")),
            (lambda b: b.quotes(["SPX"]), body("/markets/quotes")),
        ]


def wrong(got: Any, sent: Answers) -> str:
    """What is wrong with what was made of an answer; "" where nothing is."""
    if isinstance(got, Accepted) and got.broker_order_ids:
        told = json.loads(sent.body)
        plain = 200 <= sent.status < 300 and told["order"]["status"] == "ok" and "errors" not in told
        if not plain or list(got.broker_order_ids.values()) != [str(told["order"]["id"])]:
            return f"an order of {sent.body!r}"
    if isinstance(got, FillPage):
        bad = [f for f in got.fills if f.lots != 1 or f.market != "SPX" or not f.execution_id]
        return f"fills {bad}" if bad else ""
    orders = got if isinstance(got, list) else [got.order] if isinstance(got, Found) else []
    for order in orders:
        if isinstance(order, BrokerOrder) and not 0 <= order.filled_lots <= order.lots:
            return f"an order {order}"
        if order.state is OrderState.FILLED and order.filled_lots != order.lots:
            return f"an order {order}"
    if isinstance(got, BrokerAccount) and not abs(got.equity_microusd) < 2**63:
        return f"an account {got}"
    return ""


def fuzz(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """What became of so many answers, by kind; and what was wrong."""
    rng, answers, asked = random.Random(seed), Answers(), true_answers()
    kinds: Counter[str] = Counter()
    found: list[str] = []
    loop, seconds = asyncio.new_event_loop(), [0.0]
    loop.time = lambda: seconds[0]  # type: ignore[method-assign]

    async def all_of_them() -> None:
        for _ in range(count):
            seconds[0] += 61.0
            ask, body = rng.choice(asked)
            broker = TradierBroker(PARAMS_READ, MARKETS, answers)
            answers.status, answers.body = rng.choice(STATUSES), mutated(rng, body)
            answers.methods.clear()
            try:
                got = await ask(broker)
            except (Transient, ConfigInvalid) as error:
                kinds[type(error).__name__] += 1
            else:
                kinds[_kind(got)] += 1
                if text := wrong(got, answers):
                    found.append(text)
            if answers.methods.count("POST") + answers.methods.count("DELETE") > 1:
                found.append(f"sent {answers.methods}")

    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()
    return kinds, found


PARAMS_READ: Final = TradierParams.model_validate(PARAMS)


def _kind(got: Any) -> str:
    known = (Accepted, Rejected, Lost, Found, NotListed, Inconclusive)
    return type(got).__name__ if isinstance(got, known) else "read"


if __name__ == "__main__":
    told, bad = fuzz(1, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    sys.stdout.write("".join(f"{kind:<16} {n:>9,}\n" for kind, n in told.most_common()))
    sys.stdout.write("\n".join([f"{len(bad)} wrong", *bad[:20], ""]))
    sys.exit(bool(bad))
