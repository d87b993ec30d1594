"""The `Sizer` protocol and the chain: the first proposes, every later one may only shrink.

    lots_0 = sizer_0(view);  lots_k = min(lots_{k-1}, sizer_k(view, lots_{k-1}));  floor once, never below 0

`chain_lots` is the arithmetic, for scalars and traced arrays alike; `size` runs the same arithmetic
live and keeps a trace of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from gamma.errors import InputInvalid, InputMissing
from gamma.numeric import INF, TOLERANCE_64, above_zero, floor, known, maximum, minimum, ratio, scalar, tolerance, where
from gamma.reasons import Fact, Reason, Step
from gamma.views import Num, View

_FACTS: Final = frozenset({float, int, bool, str})


@runtime_checkable
class Sizer(Protocol):
    """One file, one frozen pydantic model, one callable.

    `__call__` is pure and traceable: it returns lots (not yet floored) and gives 0 where an input it
    needs is missing. `explain` runs live only: the numbers behind the answer, and under the key
    `reason` a code of `Reason`; it raises InputInvalid, naming the field, on input that makes no sense.
    """

    def __call__(self, view: View, lots: Num) -> Num: ...
    def explain(self, view: View, lots: float) -> Mapping[str, Fact]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the chain came to: whole lots, each step, and the step that bound."""

    lots: int
    steps: tuple[Step, ...]
    bound_by: str
    halted: bool = False
    fault: str = ""
    invalid: str = ""


def whole_lots(lots: Num) -> Num:
    """Floor to whole lots with the stated tolerance; NaN, infinity and less than one lot give 0."""
    if type(lots) is float:  # live, a hundred times a look
        return floor(lots + TOLERANCE_64 * max(lots, 1.0)) if 0 < lots < INF else 0.0
    kept = where((lots > 0) & (lots < INF), lots, 0.0)
    return floor(kept + tolerance(kept) * maximum(kept, 1.0))


def shrink(before: Num, proposed: Num) -> Num:
    """min(before, proposed), and 0 where the proposal is NaN, infinite or negative."""
    if type(proposed) is float and type(before) is float:
        return min(before, proposed) if 0 < proposed < INF else 0.0
    return where((proposed > 0) & (proposed < INF), minimum(proposed, before), 0.0)


def chain_lots(sizers: Sequence[Sizer], view: View) -> Num:
    """Whole lots that the chain allows. Shapes: scalar, or [B] when the view holds arrays [B]."""
    lots: Num = math.inf
    for sizer in sizers:
        lots = shrink(lots, sizer(view, lots))
    return whole_lots(lots)


def _step(name: str, sizer: Sizer, view: View, before: float) -> Step:
    after = float(shrink(before, sizer(view, before)))
    facts = {key: _fact(value) for key, value in sizer.explain(view, before).items()}
    reason = str(facts.pop("reason", Reason.OK))
    if after == 0 < before and reason == Reason.OK:
        reason = Reason.INPUT_MISSING
    return Step(
        name=name,
        lots_before=None if math.isinf(before) else before,
        lots_after=after,
        reason=reason,
        facts=facts,
    )


def _fact(value: object) -> Fact:
    """What a trace can hold; a NumPy number as plain Python, anything else by its text."""
    if type(value) in _FACTS:
        return value  # type: ignore[return-value]
    plain = scalar(value)
    return plain if isinstance(plain, float | int | str) else str(plain)


def size(sizers: Sequence[tuple[str, Sizer]], view: View) -> Sizing:
    """Run the chain live, with its trace.

    A sizer that finds its input senseless, or that raises, gives 0 lots and is named; nothing runs
    after it. Which step bound: the last that shrank the whole-lot answer, or the proposer.
    """
    steps: list[Step] = []
    lots, bound_by, halted, fault, invalid = math.inf, "", False, "", ""
    for name, sizer in sizers:
        try:
            step = _step(name, sizer, view, lots)
        except InputInvalid as error:
            invalid = str(error)
            missing = isinstance(error, InputMissing)
            step = _zero(name, lots, Reason.INPUT_MISSING if missing else Reason.INPUT_INVALID, invalid)
        except Exception as error:  # a third party's sizer must not take the daemon down
            fault = f"{name}: {type(error).__name__}: {error}"
            step = _zero(name, lots, Reason.FAULT, fault)
        steps.append(step)
        halted = halted or bool(step.facts.get("halted", False))
        if math.isinf(lots) or whole_lots(step.lots_after) < whole_lots(lots):
            bound_by = name
        lots = step.lots_after
        if fault or invalid:
            break
    whole = 0 if math.isinf(lots) else int(whole_lots(lots))
    return Sizing(lots=whole, steps=tuple(steps), bound_by=bound_by, halted=halted, fault=fault, invalid=invalid)


def _zero(name: str, before: float, reason: Reason, text: str) -> Step:
    return Step(
        name=name,
        lots_before=None if math.isinf(before) else before,
        lots_after=0.0,
        reason=reason,
        facts={"error": text},
    )


def require(field: str, value: Num, mend: str, *, least: float | None = None) -> None:
    """Refuse a value that is not above 0 (or not at least `least`) and finite; for a sizer's `explain`.

    Raises: InputMissing where the value is NaN, InputInvalid where it makes no sense; both name the field.
    """
    if value != value:
        raise InputMissing(f"{field} is unknown (nan): {mend}")
    if least is None and not 0 < value < INF:
        raise InputInvalid(f"{field} = {value:g}: must be above 0 and finite; {mend}")
    if least is not None and not least <= value < INF:
        raise InputInvalid(f"{field} = {value:g}: must be {least:g} or more and finite; {mend}")


def require_stake(view: View) -> tuple[float, float]:
    """Balance [usd] and risk of a lot [usd], refused where they make no sense.

    Raises: InputInvalid, naming the field.
    """
    balance_usd, risk_usd = view.account.balance_usd, view.signal.risk_usd_per_lot
    require("account.balance_usd", balance_usd, "wait for the broker's balance, or give --balance")
    require("signal.risk_usd_per_lot", risk_usd, "the strategy must give a stop or a bounded loss, or give --risk")
    return float(balance_usd), float(risk_usd)


def fraction_lots(balance_usd: Num, fraction: Num, risk_usd_per_lot: Num) -> Num:
    """Lots = balance [usd] * fraction [1] / risk [usd/lot], not yet floored; 0 where an input makes no sense."""
    ok = above_zero(balance_usd, risk_usd_per_lot) & known(fraction)
    return where(ok, ratio(balance_usd * fraction, risk_usd_per_lot), 0.0)
