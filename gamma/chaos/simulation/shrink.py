"""From a schedule that broke something to the smallest one that still does."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from gamma.chaos.simulation.faults import Fault, Plan


def shortest(plan: Plan, breaks: Callable[[Plan], bool]) -> Plan:
    """Take out what is not needed, one thing at a time, for as long as it still breaks."""
    smaller = True
    while smaller:
        smaller = False
        for less in _smaller(plan):
            if breaks(less):
                plan, smaller = less, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    for fault in Fault:
        if fault in plan.faults:
            yield plan.without(fault)
    for n in range(len(plan.deaths)):
        yield replace(plan, deaths=plan.deaths[:n] + plan.deaths[n + 1 :])
    if plan.minutes > 1:
        yield replace(plan, minutes=plan.minutes - 1)
    if plan.share > 0.1:
        yield replace(plan, share=0.1)
