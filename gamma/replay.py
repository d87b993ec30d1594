"""Replay: recorded decisions made again.

Every decision is stored with its whole view. `verify` puts each view through the sizers and guards of
the config once more and must get the same lots and the same trace, bit for bit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gamma.codec import encode
from gamma.decision import decide
from gamma.events import DecisionMade, Recorded
from gamma.reasons import Reason
from gamma.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A decision that came out otherwise."""

    decision_id: str
    lots_recorded: int
    lots_now: int
    text: str


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What a verification found; `skipped` were made under another config."""

    decisions: int = 0
    identical: int = 0
    skipped: int = 0
    differences: list[Difference] = field(default_factory=list)


def verify(
    facts: Iterable[Recorded],
    rules: Rules,
    *,
    any_config: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Make every recorded decision again; those of another config only with `any_config`."""
    verdict = Verdict()
    for fact in facts:
        if not isinstance(fact, DecisionMade):
            continue
        verdict.decisions += 1
        progress(verdict.decisions)
        strategy = rules.strategies.get(fact.strategy)
        if strategy is None or (fact.config_hash != strategy.config_hash and not any_config):
            verdict.skipped += 1
            continue
        difference = _again(fact, rules)
        if difference is None:
            verdict.identical += 1
        else:
            verdict.differences.append(difference)
    return verdict


def _again(fact: DecisionMade, rules: Rules) -> Difference | None:
    strategy = rules.strategies[fact.strategy]
    decision = decide(
        fact.view,
        strategy.sizers,
        strategy.guards,
        signal_id=fact.signal_id,
        standing=Reason(fact.standing),
    )
    now, then = [encode(s) for s in decision.steps], [encode(s) for s in fact.steps]
    if decision.lots == fact.lots and now == then:
        return None
    told = next(
        (
            f"{before.name}: {before.lots_after:g} then, {after.lots_after:g} now"
            for before, after in zip(fact.steps, decision.steps, strict=False)
            if encode(before) != encode(after)
        ),
        "the chain has other steps now",
    )
    return Difference(decision_id=fact.decision_id, lots_recorded=fact.lots, lots_now=decision.lots, text=told)
