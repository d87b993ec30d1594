"""Kalshi in schedules of crashes and faults: a series and two event contracts, at market and by limit, by its adapter.

A question of the series is open for not quite a minute, and settled soon after.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final, final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.params import KalshiParams
from brokers.kalshi.sandbox import PREFIX, KalshiSandbox
from brokers.kalshi.sandbox_events import Level, Listed
from brokers.kalshi.sandbox_floor import ENTRIES, EventFloor, key_of
from brokers.kalshi.sandbox_keys import SHORT_BITS, Gate, made_key, pem_of
from brokers.kalshi.sandbox_orders import Settled, Ticket
from brokers.sandbox.drill import Mishaps, served
from brokers.sandbox.store import EntryStore
from gamma.bars import Bar
from gamma.chaos.broker import observed
from gamma.chaos.broker.observed import Canceled, Executed, Received, Record
from gamma.chaos.drill import Aim, Asked, Line, Prices, Scene, Sent, Served, in_order
from gamma.chaos.simulation.faults import Fault
from gamma.chaos.simulation.world import START_UTC_NS, Traded
from gamma.clock import NS
from gamma.markets import MICRO
from gamma.ports import Broker, Capabilities

SERIES: Final = "KXCHAOSQ"
# The last market has two strategies; a series is one strategy's.
MARKETS: Final = (
    Traded(symbol="KXCHAOS-26DEC31-T1", first_ticks=50, step_ticks=2, most_ticks=94),
    Traded(symbol=SERIES, first_ticks=50, step_ticks=2, most_ticks=94),
    Traded(symbol="KXCHAOS-26DEC31-T2", first_ticks=30, step_ticks=2, most_ticks=94),
)
REFUSAL: Final = "insufficient_balance"
LAG_S: Final = 20.0
OFFERED: Final = 1_000
_OPEN_NS: Final = 30 * 86_400 * NS
EVERY_NS: Final = 60 * NS
SHUT_NS: Final = 5 * NS
DETERMINED_NS: Final = 4 * NS
SETTLED_NS: Final = 12 * NS
_PORTFOLIO: Final = f"{PREFIX}/portfolio"


@final
class KalshiDrill:
    """Two contracts that stay open, and a series whose questions are settled one after another."""

    markets: Sequence[Traded] = MARKETS
    averages: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's, on its demo."""
        return KalshiBroker(_params(), {}).capabilities

    def open(self, scene: Scene) -> "KalshiVenue":
        """Open the account."""
        return KalshiVenue(scene)


@final
class KalshiVenue:
    """One demo account at the sandbox."""

    def __init__(self, scene: Scene) -> None:
        store = EntryStore(None, "drill", ENTRIES, key_of)
        gate = Gate(_key().public_key())
        capital_usd, events = Decimal(scene.capital_usd), WorldEvents(scene.prices)
        self.sandbox = KalshiSandbox(events, store, gate, capital_usd=capital_usd, unlimited=True)
        self.sandbox.lag_s = LAG_S if Fault.SLUGGISH in scene.faults else self.sandbox.lag_s
        self._mishaps = Mishaps(self.sandbox.floor, scene, REFUSAL)

    def adapter(self, line: Line) -> Broker:
        """The adapter, opened anew."""
        return KalshiBroker(_params(), line.markets, line.transport, line.wall_ns)

    def serve(self, asked: Asked, now_utc_ns: int) -> Served:
        """Answer a request."""
        self._mishaps.before(placing=self.aim(asked).aim is Aim.PLACE)
        return served(self.sandbox, asked, now_utc_ns)

    def advance(self, now_utc_ns: int) -> None:
        """Time passes."""
        self._mishaps.before(placing=False)
        self.sandbox.advance(now_utc_ns)

    def grow_calm(self) -> None:
        """Nothing goes wrong any more."""
        self._mishaps.grow_calm()

    def aim(self, asked: Asked) -> Sent:
        """What a request is for."""
        if asked.method == "GET":
            return Sent(aim=Aim.ORDERS if asked.target.startswith(f"{_PORTFOLIO}/orders") else Aim.READ)
        if asked.method == "POST" and asked.target == f"{_PORTFOLIO}/events/orders":
            return Sent(aim=Aim.PLACE, client_order_id=json.loads(asked.body)["client_order_id"])
        return Sent(aim=Aim.CHANGE)

    def log(self) -> Sequence[Record]:
        """The sandbox's orders, as an observer would have written them down."""
        floor = self.sandbox.floor
        traded = (record for ticket in floor.tickets.values() for record in _records_of(floor, ticket))
        return in_order([*traded, *(_record_of(one) for one in floor.settlements if one.held)])


@final
class WorldEvents:
    """The prices of a schedule: a thousand contracts are bid for at the last price, and offered a cent above."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def find(self, ticker: str) -> Listed | None:
        """One of the two, or a question of the series by its number."""
        series, _, number = ticker.partition("-")
        if series == SERIES and number.isdecimal():
            return _question(int(number))
        if ticker not in self._prices.markets or series == SERIES:
            return None
        return Listed(
            ticker=ticker,
            event=ticker.rpartition("-")[0],
            series=series,
            title="Will it?",
            open_utc_ns=START_UTC_NS - _OPEN_NS,
            close_utc_ns=START_UTC_NS + _OPEN_NS,
            settle_utc_ns=START_UTC_NS + 2 * _OPEN_NS,
        )

    def listed(self, now_utc_ns: int, since_utc_ns: int = 0) -> list[Listed]:  # noqa: ARG002  (the last suffices)
        """Both, and of the series the question before, that of now, and the next."""
        number = now_utc_ns // EVERY_NS
        found = [self.find(ticker) for ticker in self._prices.markets]
        return [*(one for one in found if one is not None), *map(_question, range(number - 1, number + 2))]

    def bids(self, ticker: str, now_utc_ns: int) -> tuple[list[Level], list[Level]]:
        """One level on each side."""
        listed = self.find(ticker)
        if listed is None or listed.status(now_utc_ns) != "active":
            return [], []
        close = self._prices.move(_symbol(ticker), now_utc_ns).close
        return [(close, OFFERED)], [(99 - close, OFFERED)]

    def bars(self, ticker: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:  # noqa: ARG002
        """Nobody asks for bars here."""
        return []

    def traded(self, ticker: str, now_utc_ns: int) -> int:  # noqa: ARG002
        """Nobody asks."""
        return 0

    def result(self, ticker: str) -> str:
        """As the number of the question has it."""
        return "yes" if zlib.crc32(ticker.encode()) % 2 else "no"


def _question(number: int) -> Listed:
    closes = (number + 1) * EVERY_NS
    return Listed(
        ticker=f"{SERIES}-{number}",
        event=f"{SERIES}-{number}",
        series=SERIES,
        title="Will it, by then?",
        open_utc_ns=number * EVERY_NS + SHUT_NS,
        close_utc_ns=closes,
        settle_utc_ns=closes + SETTLED_NS,
        determine_utc_ns=closes + DETERMINED_NS,
    )


def _symbol(ticker: str) -> str:
    """The market that a question is traded as."""
    return SERIES if ticker.startswith(f"{SERIES}-") else ticker


def _record_of(one: Settled) -> observed.Settled:
    return observed.Settled(
        ts_utc_ns=one.ts_utc_ns,
        execution_id=f"settled-{one.ticker}-{one.ts_utc_ns // NS}",
        market=_symbol(one.ticker),
        side=-1 if one.held > 0 else 1,
        lots=abs(one.held),
        price_ticks=100 if one.result == "yes" else 0,
    )


def _records_of(floor: EventFloor, ticket: Ticket) -> Iterator[Record]:
    named: Mapping[str, Any] = {"order_id": ticket.order_id, "client_order_id": ticket.client_order_id}
    yield Received(
        ts_utc_ns=ticket.ts_created_utc_ns,
        market=_symbol(ticket.ticker),
        side=ticket.side,
        lots=ticket.count,
        kind="limit" if ticket.tif == "good_till_canceled" else "market",
        price_ticks=ticket.price,
        reduces=ticket.reduce_only,
        **named,
    )
    for done in floor.executions:
        if done.order_id == ticket.order_id:
            yield Executed(
                ts_utc_ns=done.ts_utc_ns,
                execution_id=done.fill_id,
                market=_symbol(done.ticker),
                side=done.side,
                lots=done.count,
                price_ticks=done.price,
                fee_microusd=int(done.fee_usd * MICRO),
                **named,
            )
    if ticket.status == "canceled":
        yield Canceled(ts_utc_ns=ticket.ts_updated_utc_ns, by="client", **named)


@cache
def _key() -> RSAPrivateKey:
    return made_key(SHORT_BITS)


@cache
def _params() -> KalshiParams:
    gate, pem = Gate(_key().public_key()), pem_of(_key()).decode()
    url = f"http://127.0.0.1{PREFIX}"
    given: dict[str, Any] = {
        "environment": "paper",
        "key_id": gate.key_id,
        "private_key": pem,
        "tier": "prime",
        "url": url,
    }
    given |= {"series": [SERIES]}
    return KalshiParams.model_validate(given)
