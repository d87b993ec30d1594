"""Every record comes back from its JSON as it was, to the last bit."""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamma.bars import Bar, Session
from gamma.codec import KINDS, decode, decode_event, decode_facts, encode, encode_event
from gamma.effects import Tick
from gamma.errors import Corrupt
from gamma.events import EquityMarked, Fill, Intent, Level, OrderCanceled, OrderFilled, OrderKind, OrderType
from gamma.notices import Notice, Severity
from gamma.reasons import Fact, Reason, Step
from gamma.views import AccountView, ActivityView, MarketView, PastIntent, PastTrade, SignalView, TrackView, View

WORDS = st.text() | st.sampled_from(["NaN", "Infinity", "-Infinity", "'NaN", "''Infinity", "null"])
WHOLE = st.integers(-(2**63), 2**63 - 1)
ARRAYS = st.lists(st.floats(width=64), max_size=5).map(np.array)


def values(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911
    """Any value of this type, the awkward ones too."""
    origin, args = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return st.builds(hint, **{f.name: values(hints[f.name]) for f in dataclasses.fields(hint)})
    if origin is tuple:
        if args[1:] == (...,):
            return st.lists(values(args[0]), max_size=3).map(tuple)
        return st.tuples(*(values(a) for a in args))
    if origin in (Union, types.UnionType):
        return st.one_of(*(values(a) for a in args))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(st.text(max_size=8), values(args[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint is Any:
        return st.floats() | WHOLE | st.booleans() | ARRAYS
    return {float: st.floats(), int: WHOLE, bool: st.booleans(), str: WORDS, type(None): st.none()}[hint]


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit and in type; NaN is itself, and -0.0 is not 0.0."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and same(a.tolist(), b.tolist())
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Mapping):
        return set(a) == set(b) and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, float):
        return (
            type(b) is float
            and (a != a) == (b != b)
            and (a != a or (a == b and math.copysign(1, a) == math.copysign(1, b)))
        )
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("cls", [*KINDS.values(), View, Step, Bar, Session, Notice, Tick], ids=lambda c: c.__name__)
@settings(max_examples=settings().max_examples // 3)
@given(data=st.data())
def test_every_record_comes_back_as_it_was(cls: type[Any], data: st.DataObject) -> None:
    record = data.draw(values(cls))
    text = encode(record)
    back = decode(cls, text)
    assert same(back, record)
    assert encode(back) == text
    assert text.isascii()


@given(event=st.sampled_from(list(KINDS.values())).flatmap(values))
def test_an_event_is_told_by_its_kind(event: Any) -> None:
    kind, payload = encode_event(event)
    assert same(decode_event(kind, payload), event)


def past(number: int, side: int = 1) -> PastIntent:
    return PastIntent(ts_event_utc_ns=number, strategy="a", market="MNQ", side=side, lots=3, signal_id=f"s{number}")


def test_what_view_after_view_holds_is_a_table_with_one_value_for_what_is_all_alike() -> None:
    lately = ActivityView(intents=(past(1), past(2, side=-1)))
    assert json.loads(encode(lately))["intents"] == {
        "cancels": 0,
        "lots": 3,
        "market": "MNQ",
        "reduces": False,
        "rows": 2,
        "side": [1, -1],
        "signal_id": ["s1", "s2"],
        "strategy": "a",
        "ts_event_utc_ns": [1, 2],
    }
    assert decode(ActivityView, encode(lately)) == lately
    alike = ActivityView(intents=(past(1),) * 3)
    assert decode(ActivityView, encode(alike)) == alike


def test_floats_that_are_equal_and_yet_not_the_same_stay_apart() -> None:
    trades = tuple(
        PastTrade(ts_event_utc_ns=1, strategy="a", market="MNQ", pnl_usd=pnl, stopped=False) for pnl in (0.0, -0.0)
    )
    back = decode(ActivityView, encode(ActivityView(trades=trades))).trades
    assert [math.copysign(1, trade.pnl_usd) for trade in back] == [1, -1]


def test_ledgers_of_before_have_the_past_row_by_row() -> None:
    rows = [dataclasses.asdict(past(number)) for number in (1, 2)]
    tree = json.loads(encode(ActivityView())) | {"intents": rows}
    assert decode(ActivityView, json.dumps(tree)).intents == (past(1), past(2))


@pytest.mark.parametrize("wrong", [{"rows": 3}, {"rows": 1}, {"side": [1]}, {"rows": "x"}, {"lots": []}])
def test_a_table_of_another_length_than_it_says_is_corrupt(wrong: dict[str, Any]) -> None:
    tree = json.loads(encode(ActivityView(intents=(past(1), past(2, side=-1)))))
    tree["intents"] |= wrong
    with pytest.raises(Corrupt):
        decode(ActivityView, json.dumps(tree))


def test_the_json_is_canonical() -> None:
    marked = EquityMarked(
        market="MNQ",
        high_points=20000.25,
        low_points=float("-inf"),
        high_microusd=50_000_000_000,
        low_microusd=-1,
        close_microusd=0,
        ts_event_utc_ns=1_700_000_000_000_000_000,
    )
    assert encode(marked) == (
        '{"close_microusd":0,"high_microusd":50000000000,"high_points":20000.25,"low_microusd":-1,'
        '"low_points":"-Infinity","market":"MNQ","ts_bar_utc_ns":0,"ts_event_utc_ns":1700000000000000000}'
    )


def test_keys_of_facts_are_sorted_whatever_order_they_came_in() -> None:
    one = Step(name="cap", lots_before=3, lots_after=2.0, reason=Reason.CAP, facts={"b": 1, "a": True})
    two = dataclasses.replace(one, facts={"a": True, "b": 1})
    assert encode(one) == encode(two)
    assert json.loads(encode(one))["facts"] == {"a": True, "b": 1}


def test_numpy_numbers_are_written_as_numbers() -> None:
    facts: dict[str, Any] = {"n": np.int64(3), "on": np.bool_(True)}
    step = Step(name="kelly", lots_before=None, lots_after=np.float64(2.5), reason="ok", facts=facts)
    assert encode(step) == (
        '{"facts":{"n":3,"on":true},"lots_after":2.5,"lots_before":null,"name":"kelly","reason":"ok"}'
    )


def test_an_array_with_holes_comes_back_as_an_array() -> None:
    view = View(
        account=AccountView(balance_usd=1.0, equity_usd=1.0, starting_capital_usd=1.0, peak_equity_usd=1.0),
        market=MarketView(symbol="MNQ", kind=1, multiplier_usd_per_point=2.0, tick_points=0.25, price_points=1.0),
        signal=SignalView(side=1),
        track=TrackView(r_multiples=np.array([[1.0, math.nan], [math.inf, -0.0]])),
    )
    back = decode(View, encode(view))
    assert back.track.r_multiples.tobytes() == view.track.r_multiples.tobytes()
    assert back.track.pnl_usd_per_lot.shape == (0,)
    assert back.track.pnl_usd_per_lot.dtype == np.float64


def test_a_field_that_was_not_written_takes_its_default() -> None:
    assert decode(OrderCanceled, '{"client_order_id":"g1","ts_event_utc_ns":5}').expired is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "list"),
        ('{"client_order_id":"g1"}', "lacks ts_event_utc_ns"),
        ('{"client_order_id":"g1","ts_event_utc_ns":5,"colour":1}', "colour"),
    ],
)
def test_what_is_not_the_record_is_corrupt(text: str, said: str) -> None:
    with pytest.raises(Corrupt, match=said):
        decode(OrderCanceled, text)


def test_facts_are_read_by_themselves() -> None:
    facts: dict[str, Fact] = {"a": "NaN", "b": math.inf, "c": "'NaN", "d": True, "e": 3}
    step = Step(name="", lots_before=None, lots_after=0, reason="", facts=facts)
    text = json.dumps(json.loads(encode(step))["facts"])
    assert decode_facts(text) == facts
    for bad in ("{", "[]"):
        with pytest.raises(Corrupt, match="no facts"):
            decode_facts(bad)


def test_an_unknown_kind_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="no event is called 'OrderEaten'"):
        decode_event("OrderEaten", "{}")


def test_an_unknown_word_of_an_enum_is_corrupt() -> None:
    intent = Intent(
        client_order_id="g1", decision_id="d", strategy="s", market="M", kind=OrderKind.ENTRY,
        order_type=OrderType.MARKET, side=1, lots=1,
    )  # fmt: skip
    with pytest.raises(Corrupt, match="entrance"):
        decode(Intent, encode(intent).replace('"entry"', '"entrance"'))


def test_what_has_no_json_form_is_refused_by_its_type() -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd:
        things: set[int]

    with pytest.raises(TypeError, match="no JSON form"):
        encode(Odd(things={1}))


def test_enums_come_back_as_themselves() -> None:
    fill = Fill(
        execution_id="e", client_order_id="g", market="M", side=1, lots=1, price_ticks=1, fee_microusd=0,
        ts_event_utc_ns=1,
    )  # fmt: skip
    assert decode(OrderFilled, encode(OrderFilled(fill=fill, ts_event_utc_ns=1))).fill == fill
    notice = Notice(key="k", severity=Severity.CRITICAL, title="t", text="x", ts_event_utc_ns=1)
    assert decode(Notice, encode(notice)).severity is Severity.CRITICAL
    assert Level.HALTED in set(Level)
