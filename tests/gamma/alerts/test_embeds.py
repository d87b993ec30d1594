"""Notices as Discord shows them, within the limits that its documentation states."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma import notices
from gamma.alerts.embeds import COLOURS, TOTAL_MAX, Group, Sign, compose, cut, shown
from gamma.notices import Notice, Severity
from gamma.reasons import Fact
from tests.gamma.alerts.post_office import TS, notice

SIGN = Sign(account="...1234", mode="paper")


def group(made: Notice, *ids: int) -> Group:
    return Group(ids=ids or (1,), newest=made)


def test_the_safety_halt_shows_its_sentence_and_its_numbers() -> None:
    made = notices.safety_halt(TS, balance_usd=24_999.0, starting_capital_usd=50_000.0)
    message = compose([group(made, 17)], SIGN)
    (embed,) = message.payload["embeds"]
    assert embed["title"] == "CRITICAL: Safety halt"
    assert embed["description"] == "Account below 50% of starting capital (safety halt)"
    assert [(f["name"], f["value"]) for f in embed["fields"]] == [
        ("Balance", "$24,999.00"),
        ("Starting capital", "$50,000.00"),
        ("Halt below", "$25,000.00"),
        ("Left", "49.998%"),
    ]
    assert all(f["inline"] for f in embed["fields"])
    assert embed["footer"]["text"] == "...1234 · paper · 2026-01-02 15:30:00 UTC · repeated until: gamma ack 17"
    assert embed["timestamp"] == "2026-01-02T15:30:00Z"
    assert embed["color"] == COLOURS[Severity.CRITICAL]


def test_nobody_is_ever_mentioned() -> None:
    message = compose([group(notice(text="@everyone <@1>"))], SIGN)
    assert message.payload["allowed_mentions"] == {"parse": ()}
    assert message.plain["allowed_mentions"] == {"parse": ()}
    assert json.loads(json.dumps(message.payload))["allowed_mentions"] == {"parse": []}


def test_only_what_discord_knows_is_sent() -> None:
    message = compose([group(notice())], SIGN)
    assert set(message.payload) == {"embeds", "allowed_mentions"}
    assert set(message.plain) == {"content", "allowed_mentions"}
    assert None not in message.payload["embeds"][0].values()


def test_notices_of_one_key_show_their_count() -> None:
    message = compose([group(notice(), 1, 2, 3)], SIGN)
    assert message.payload["embeds"][0]["title"] == "Warning: Title k x 3"
    assert message.ids == (1, 2, 3)


def test_a_count_survives_a_title_that_is_too_long() -> None:
    title = compose([group(notice(title="t" * 300), 1, 2)], SIGN).payload["embeds"][0]["title"]
    assert len(title) == 256
    assert title.endswith("… x 2")


def test_a_repeat_says_that_it_is_one() -> None:
    message = compose([group(notice(severity=Severity.CRITICAL), 1, 2)], SIGN, again=True)
    assert message.payload["embeds"][0]["title"] == "CRITICAL (again): Title k x 2"
    assert message.payload["embeds"][0]["footer"]["text"].endswith("gamma ack k")
    many = compose([group(notice(k, Severity.CRITICAL)) for k in "ab"], SIGN, again=True)
    assert many.payload["embeds"][0]["title"] == "CRITICAL: 2 notices not acknowledged"
    assert many.payload["embeds"][0]["footer"]["text"].endswith("gamma ack")


def test_a_digest_has_a_line_for_each() -> None:
    fills = [notices.filled(TS + i, execution_id=str(i), market="MNQ", lots=i, price_points=21_543.75) for i in (1, 2)]
    (embed,) = compose([group(made, i) for i, made in enumerate(fills)], SIGN).payload["embeds"]
    assert embed["title"] == "2 notices"
    assert [(f["name"], f["value"], f["inline"]) for f in embed["fields"]] == [
        ("Filled: MNQ", "Bought 1 at 21,543.75. - Market: MNQ, Lots: +1, Price: 21,543.75", False),
        ("Filled: MNQ", "Bought 2 at 21,543.75. - Market: MNQ, Lots: +2, Price: 21,543.75", False),
    ]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("balance_usd", 9_999.0, ("Balance", "$9,999.00")),
        ("pnl_usd", -12.5, ("Pnl", "-$12.50")),
        ("fee_microusd", 620_000, ("Fee", "$0.62")),
        ("drawdown_frac", 0.2, ("Drawdown", "20%")),
        ("left_frac", 0.4999, ("Left", "49.99%")),
        ("price_points", 21_543.75, ("Price", "21,543.75")),
        ("offset_s", 5.25, ("Offset", "5.25 s")),
        ("delay_ms", 12, ("Delay", "12 ms")),
        ("until_utc_ns", TS, ("Until", "2026-01-02 15:30:00 UTC")),
        ("until_utc_ns", 10**40, ("Until", str(10**40))),
        ("lots", -2, ("Lots", "-2")),
        ("lots", 2, ("Lots", "+2")),
        ("book_lots", 2, ("Book lots", "2")),
        ("clean", True, ("Clean", "yes")),
        ("clean_s", False, ("Clean", "no")),
        ("gap_usd", "unknown", ("Gap", "unknown")),
        ("value", 0.1, ("Value", "0.1")),
        ("gap_usd", 10**400, ("Gap", "too large to show")),
        ("seq", 20_260_102, ("Seq", "20260102")),
    ],
)
def test_a_fact_is_shown_with_its_unit(name: str, value: Fact, expected: tuple[str, str]) -> None:
    assert shown(name, value) == expected


def test_a_number_too_long_for_text_does_not_hold_the_message_up() -> None:
    assert shown("trades", 10**5000) == ("Trades", "too large to show")


def test_more_facts_than_fields_are_counted() -> None:
    facts = {f"fact_{i}": i for i in range(30)}
    (embed,) = compose([group(notice(facts=facts))], SIGN).payload["embeds"]
    assert len(embed["fields"]) == 25
    assert embed["fields"][-1]["value"] == "and 6 more"
    exact = compose([group(notice(facts={f"fact_{i}": i for i in range(25)}))], SIGN)
    assert exact.payload["embeds"][0]["fields"][-1] == {"name": "Fact 24", "value": "24", "inline": True}


def test_a_cut_never_halves_a_character() -> None:
    assert cut("abcd", 4) == "abcd"
    assert cut("abcde", 4) == "abc…"
    assert cut("ab\U0001f600cd", 4) == "ab…"
    assert cut("\U0001f600\U0001f600", 4) == "\U0001f600\U0001f600"


def test_empty_parts_are_filled_because_discord_refuses_them() -> None:
    (embed,) = compose([group(notice(title=" ", text="", facts={"cause": "  \n"}))], SIGN).payload["embeds"]
    assert (embed["title"], embed["description"], embed["fields"][0]["value"]) == ("Warning:", "-", "-")


def test_a_time_out_of_the_calendar_is_left_out() -> None:
    (embed,) = compose([group(notice(ts_event_utc_ns=10**40))], SIGN).payload["embeds"]
    assert "timestamp" not in embed


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


anything = st.text(st.characters(exclude_categories=()), max_size=60).map(lambda text: text * 40)
facts_of_any_kind = st.dictionaries(
    anything, st.one_of(anything, st.floats(), st.integers(), st.booleans()), max_size=30
)
any_notice = st.builds(
    Notice,
    key=st.just("k"),
    severity=st.sampled_from(Severity),
    title=anything,
    text=anything.map(lambda text: text * 2),
    ts_event_utc_ns=st.just(TS),
    facts=facts_of_any_kind,
)


@given(made=any_notice, count=st.integers(1, 25), again=st.booleans())
def test_no_message_passes_a_limit_of_discord(made: Notice, count: int, again: bool) -> None:
    message = compose([group(made, i, i + 100) for i in range(count)], SIGN, again=again)
    json.dumps(message.payload, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert 1 <= units(message.plain["content"]) <= 2000
    (embed,) = message.payload["embeds"]
    fields = embed["fields"]
    assert 1 <= units(embed["title"]) <= 256
    assert len(fields) <= 25
    assert all(1 <= units(f["name"]) <= 256 and 1 <= units(f["value"]) <= 1024 for f in fields)
    parts = [embed["title"], embed.get("description", "x"), embed["footer"]["text"]]
    assert units(parts[1]) <= 4096
    assert sum(units(part) for part in parts) + sum(units(f["name"]) + units(f["value"]) for f in fields) <= TOTAL_MAX
