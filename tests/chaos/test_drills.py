"""Every broker that offers a drill, in schedules of crashes and faults; `gamma chaos --broker NAME` runs more."""

import asyncio
import os
from typing import final

import httpx
import pytest

from brokers.tradier.adapter import TradierBroker
from gamma import plugins
from gamma.chaos.drill import CAPITAL_USD, Aim, Asked, Drill, Line, Prices, Scene, Venue, drill_of
from gamma.chaos.simulation.faults import Fault, Plan, plan
from gamma.chaos.simulation.trials import run
from gamma.chaos.simulation.world import START_UTC_NS
from gamma.errors import ConfigInvalid
from gamma.events import OrderType
from gamma.markets import market
from gamma.ports import Accepted, Lost, Placed, Preparing, Rejected
from gamma.shell import Shell
from tests.brokers.desk import approve, entry

# How many schedules of each broker.
DRILLS = int(os.environ.get("GAMMA_DRILLS", "12"))
BROKERS = sorted(plugins.find(plugins.DRILLS))
SAME = 3


def drawn(seed: int, broker: str) -> Plan:
    return plan(seed, (broker,))


@pytest.mark.parametrize("broker", BROKERS)
def test_where_nothing_goes_wrong_it_trades_and_everything_ends_well(broker: str) -> None:
    outcome = run(Plan(seed=7, quirks=broker, faults=frozenset()))
    assert outcome.violations == []
    assert outcome.crashes == 0
    assert outcome.fills > 0


@pytest.mark.slow
@pytest.mark.parametrize("broker", BROKERS)
def test_no_crash_or_fault_makes_an_order_twice_or_loses_one(broker: str) -> None:
    outcomes = {seed: run(drawn(seed, broker)) for seed in range(1, DRILLS + 1)}
    assert {seed: outcome.violations for seed, outcome in outcomes.items() if outcome.violations} == {}
    assert sum(outcome.fills for outcome in outcomes.values()) > 0


@pytest.mark.parametrize("broker", BROKERS)
def test_the_same_seed_is_the_same_schedule(broker: str) -> None:
    first, second = (run(drawn(SAME, broker), traced=True) for _ in range(2))
    assert first.trace == second.trace
    assert len(first.trace) > 100


@pytest.mark.parametrize("broker", BROKERS)
def test_a_drill_trades_markets_that_are_known_on_paper(broker: str) -> None:
    drill = drill_of(broker)
    assert isinstance(drill, Drill)
    assert drill.markets
    assert not drill.capabilities.real


@final
class Noting(httpx.AsyncBaseTransport):
    """Carries requests to a venue, and notes what each was for."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.aims: list[Aim] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        asked = Asked(
            method=request.method, host=request.url.host, target=target, headers=request.headers, body=request.content
        )
        self.aims.append(self.venue.aim(asked).aim)
        status, headers, body = self.venue.serve(asked, START_UTC_NS)
        return httpx.Response(status, headers=dict(headers), content=body)


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.MARKET])
@pytest.mark.parametrize("broker", BROKERS)
def test_nothing_is_waited_for_between_the_last_look_at_the_halts_and_an_order(broker: str, kind: OrderType) -> None:
    """A read that comes first takes up to nine seconds, in which somebody may have thrown the kill switch."""
    drill = drill_of(broker)
    traded = drill.markets[0]
    prices = Prices(seed=1, markets={each.symbol: each for each in drill.markets})
    noting = Noting(drill.open(Scene(seed=1, prices=prices, capital_usd=CAPITAL_USD, faults=frozenset())))
    markets = {each.symbol: market(each.symbol) for each in drill.markets}
    price = traded.first_ticks if kind is OrderType.LIMIT else 0
    side = -1 if traded.legs else 1
    wanted = entry("g1-1-0", side, 1, traded.symbol, order_type=kind, price_ticks=price, legs=traded.legs)

    async def place() -> Placed:
        adapter = noting.venue.adapter(Line(transport=noting, markets=markets, wall_ns=lambda: START_UTC_NS))
        await adapter.connect()
        if isinstance(adapter, Preparing):
            await adapter.prepare(wanted)
        noting.aims.clear()
        return await adapter.place(approve(wanted), wanted, ())

    placed = asyncio.run(place())
    assert isinstance(placed, Accepted | Rejected)
    assert isinstance(placed, Accepted) or kind is OrderType.MARKET  # an entry at market is not every broker's
    assert noting.aims[:1] == ([Aim.PLACE] if isinstance(placed, Accepted) else [])


def test_an_adapter_that_sends_an_order_again_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    once = TradierBroker.place

    async def again(self: TradierBroker, *asked: object) -> object:
        placed = await once(self, *asked)  # type: ignore[arg-type]
        return await once(self, *asked) if isinstance(placed, Lost) else placed  # type: ignore[arg-type]

    monkeypatch.setattr(TradierBroker, "place", again)
    lossy = (
        Plan(seed=seed, quirks="tradier", faults=frozenset({Fault.LOST_ANSWER}), share=0.3, minutes=4)
        for seed in range(1, 31)
    )
    assert any(text.startswith("I1") for each in lossy for text in run(each).violations)


@pytest.mark.slow
def test_hints_at_any_moment_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    look = Shell.look

    async def counted(self: Shell) -> bool:
        looked.append(1)
        return await look(self)

    monkeypatch.setattr(Shell, "look", counted)
    monkeypatch.setattr(TradierBroker, "hints", lambda _: None, raising=False)
    outcomes = {seed: run(drawn(seed, "tradier")).violations for seed in range(300, 306)}
    assert {seed: found for seed, found in outcomes.items() if found} == {}
    assert len(looked) > 50


def test_a_broker_without_a_drill_is_named() -> None:
    with pytest.raises(ConfigInvalid, match="'paper' is installed"):
        drill_of("paper")
