"""Laws of every installed guard, ours and strangers'."""

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gamma.guards import Gauge, Guard, Scope, Watch, denied, floor_lots, inert, missing, passed
from gamma.reasons import Reason
from gamma.views import OrderView, PastIntent, PastTrade, View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

CLASSES = {entry.name: entry.load() for entry in sorted(entry_points(group="gamma.guards"))}
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, math.nan])


GUARDS: dict[str, Guard] = {name: found.model_validate(dict(found.example)) for name, found in CLASSES.items()}


def _known_view() -> View:
    """A view with everything that any guard needs."""
    return example_view(
        control={"model_hash": "m", "model_pinned_hash": "m", "model_age_days": 1.0},
        signal={"action": 1},
        validated={"win_rate_frac": 0.5, "r_mean": 0.1, "r_std": 1.0},
    )


def _unknown(view: View, path: str) -> View:
    part, field = path.split(".")
    known = attrgetter(path)(view)
    value: object = "" if isinstance(known, str) else 0 if field.endswith("_utc_ns") else math.nan
    return replace(view, **{part: replace(getattr(view, part), **{field: value})})


PARTS = ("account", "market", "signal", "liquidity", "position", "clock", "control", "validated")


@st.composite
def views(draw: st.DrawFn) -> View:
    """The known view with some of its numbers replaced by anything at all."""
    view = _known_view()
    changes: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        record = getattr(view, part)
        numbers = [
            name
            for name in record.__dataclass_fields__
            if isinstance(getattr(record, name), int | float)
            and name not in ("kind", "mismatches")
            and not isinstance(getattr(record, name), bool)
            and not name.endswith("_utc_ns")
        ]
        chosen = draw(st.lists(st.sampled_from(numbers), max_size=3, unique=True)) if numbers else []
        changes[part] = {name: draw(NUMBERS) for name in chosen}
    changes["control"]["kill_switch"] = draw(st.booleans())
    changes["activity"] = {
        "intents": tuple(
            PastIntent(
                ts_event_utc_ns=NOW_UTC_NS - age_s * S, strategy="mnq", market="MNQ", side=1, lots=1, signal_id="s"
            )
            for age_s in draw(st.lists(st.integers(-5, 700), max_size=12))
        ),
        "trades": tuple(
            PastTrade(ts_event_utc_ns=NOW_UTC_NS - age_s * S, strategy="mnq", market="MNQ", pnl_usd=-1.0, stopped=True)
            for age_s in draw(st.lists(st.integers(0, 9_000), max_size=6))
        ),
    }
    return replace(view, **{part: replace(getattr(view, part), **fields) for part, fields in changes.items()})


@st.composite
def orders(draw: st.DrawFn) -> OrderView:
    return example_order(
        side=draw(st.sampled_from([-1, 1])),
        lots=draw(st.integers(1, 1_000)),
        reduces=draw(st.booleans()),
        price_points=draw(st.sampled_from([math.nan, 20_000.0, 20_000.1, 1.0])),
    )


def _same(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)  # NaN is not equal to itself, but reads the same


@given(view=views(), order=orders())
def test_a_guard_lets_through_what_is_ordered_or_less_and_says_why(view: View, order: OrderView) -> None:
    for name, guard in GUARDS.items():
        verdict = guard(view, order)
        assert isinstance(verdict.lots, int), name
        assert 0 <= verdict.lots <= order.lots, name
        assert (verdict.reason is Reason.OK) == (verdict.lots == order.lots), name
        assert _same(guard(view, order), verdict), name


@given(view=views())
def test_looking_between_orders_is_pure_and_never_raises(view: View) -> None:
    between = replace(view, signal=replace(view.signal, side=0))
    for name, guard in GUARDS.items():
        if isinstance(guard, Watch):
            trip = guard.watch(between)
            assert trip is None or trip.reason is not Reason.OK, name
            assert _same(guard.watch(between), trip), name
        if isinstance(guard, Gauge):
            reading = guard.reading(between)
            assert "limit" in reading, name
            assert _same(guard.reading(between), reading), name


@given(view=views(), lots=st.integers(1, 1_000))
def test_an_exit_passes_every_guard_of_scope_all_but_kill_switch_and_order_rate(view: View, lots: int) -> None:
    for name, guard in GUARDS.items():
        if guard.scope is Scope.ALL and name not in ("kill_switch", "order_rate"):
            assert guard(view, example_order(side=-1, lots=lots, reduces=True)).lots == lots, name


def test_the_guards_that_see_exits_are_few_and_named() -> None:
    assert {name for name, found in CLASSES.items() if found.scope is Scope.ALL} == {
        "kill_switch",
        "order_rate",
        "order_sanity",
    }


@pytest.mark.parametrize("name", CLASSES)
def test_a_small_entry_passes_where_all_is_known_and_well(name: str) -> None:
    guard = GUARDS[name]
    assert inert(guard, _known_view()) == ()
    order = example_order(lots=1)
    assert guard(_known_view(), order).lots == 1


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in CLASSES for path in CLASSES[name].needs])
def test_an_entry_stops_where_a_needed_input_is_unknown_and_the_guard_is_inert(name: str, path: str) -> None:
    guard = GUARDS[name]
    view = _unknown(_known_view(), path)
    assert path in inert(guard, view)
    assert guard(view, example_order(lots=1)).lots == 0


@pytest.mark.parametrize("name", CLASSES)
def test_every_limit_is_explicit(name: str) -> None:
    model: type[BaseModel] = CLASSES[name]
    assert set(CLASSES[name].example) == set(model.model_fields)
    assert all(field.is_required() for field in model.model_fields.values())
    if model.model_fields:
        with pytest.raises(ValidationError, match="Field required"):
            model.model_validate({})


@pytest.mark.parametrize("name", CLASSES)
def test_no_limit_may_be_nan_or_infinite_or_unknown(name: str) -> None:
    model: type[BaseModel] = CLASSES[name]
    example: Mapping[str, object] = CLASSES[name].example
    with pytest.raises(ValidationError):
        model.model_validate({**example, "no_such_limit": 1})
    for field, value in example.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            for endless in (math.nan, math.inf):
                with pytest.raises(ValidationError):
                    model.model_validate({**example, field: endless})


def test_each_guard_says_what_it_is() -> None:
    assert len({found.id for found in CLASSES.values()}) == len(CLASSES)
    for found in CLASSES.values():
        assert found.__doc__
        assert all((found.measures, found.resets, found.latches))


def test_whole_lots_are_floored_but_not_lost() -> None:
    assert [floor_lots(x) for x in (2.0, 1.9999999999, 1.999, 0.9999999999, 0.99)] == [2, 2, 1, 1, 0]
    assert [floor_lots(x) for x in (math.nan, math.inf, -1.0, 0.0)] == [0, 0, 0, 0]


def test_verdicts_tell_facts() -> None:
    order = example_order()
    assert passed(order).facts == {}
    assert denied(Reason.CAP, {"limit": 1}).facts == {"limit": 1}
    assert missing(example_view(), ("market.symbol", "clock.ts_event_utc_ns", "account.equity_usd")) == ""
