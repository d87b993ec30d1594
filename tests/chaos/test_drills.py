"""Every broker that offers a drill, in schedules of crashes and faults; `gamma chaos --broker NAME` runs more."""

import os

import pytest

from brokers.tradier.adapter import TradierBroker
from gamma import plugins
from gamma.chaos.drill import Drill, drill_of
from gamma.chaos.simulation.faults import Fault, Plan, plan
from gamma.chaos.simulation.trials import run
from gamma.errors import ConfigInvalid
from gamma.ports import Lost
from gamma.shell import Shell

# How many schedules of each broker.
DRILLS = int(os.environ.get("GAMMA_DRILLS", "24"))
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
