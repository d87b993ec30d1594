"""Kalshi's drill: schedules in which a series goes from question to question."""

from brokers.kalshi.drill import SERIES
from gamma.chaos.broker.observed import Received, Settled
from gamma.chaos.drill import drill_of
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.chaos.simulation.schedule import Schedule
from gamma.chaos.simulation.trials import in_a_folder


def test_questions_are_traded_and_settled_one_after_another() -> None:
    plan = Plan(seed=2, quirks="kalshi", faults=frozenset({Fault.SLUGGISH, Fault.FILLS}), minutes=4)
    with in_a_folder() as folder:
        schedule = Schedule(plan, folder, drill_of("kalshi"), closes=True)
        assert schedule.run().violations == []
    log = schedule.venue.log()
    assert sum(isinstance(record, Received) and record.market == SERIES for record in log) >= 2
    assert any(isinstance(record, Settled) for record in log)
