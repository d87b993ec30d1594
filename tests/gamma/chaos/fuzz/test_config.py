"""The fuzz of configurations: it finds nothing, it reaches both answers, and it would see what is wrong."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gamma.chaos import trials
from gamma.chaos.fuzz import config as fuzz
from gamma.chaos.fuzz.limits import beyond
from gamma.errors import ConfigInvalid

SCHEMA: dict[str, Any] = {
    "$defs": {"Lots": {"type": "integer", "minimum": 1, "maximum": 5}},
    "type": "object",
    "properties": {
        "lots": {"$ref": "#/$defs/Lots"},
        "frac": {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"const": "none"}]},
        "name": {"type": "string", "minLength": 1, "pattern": "^[a-z]*$"},
        "sides": {"type": "array", "items": {"enum": ["long", "short"]}, "maxItems": 2},
        "more": {"type": "object", "additionalProperties": {"type": "boolean"}},
    },
    "required": ["lots"],
    "additionalProperties": False,
}


def test_mutated_configurations_are_refused_in_a_clear_sentence_or_within_their_limits() -> None:
    found = [told for trial in trials(fuzz.trial, range(1, 801)) for told in trial.violations]
    assert found == []


def test_some_are_taken_and_most_are_refused() -> None:
    answers = Counter(_answer(seed) for seed in range(300))
    assert answers["taken"] > 15
    assert answers["refused"] > 150


def _answer(seed: int) -> str:
    try:
        fuzz.started(fuzz.drawn(random.Random(seed)))
    except ConfigInvalid:
        return "refused"
    return "taken"


def test_the_example_that_gamma_ships_is_among_them() -> None:
    first = Path("config.example.toml").read_bytes().partition(b"\n")[0]
    assert any(first in fuzz.drawn(random.Random(seed)).text for seed in range(1_000))


def test_the_same_seed_gives_the_same_input() -> None:
    assert [fuzz.drawn(random.Random(s)) for s in range(50)] == [fuzz.drawn(random.Random(s)) for s in range(50)]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("", "an empty message"),
        ("something is wrong", "no place"),
        ("[gamma] mode: \x1b[31m", "a line that does not print"),
        ("[gamma] mode: " + "x" * 2_000, "a line of 2014 characters"),
        ("[gamma] mode: no\n" * 100, "a message of 101 lines"),
        ("[gamma] mode: known: {'a': 1}", "Python in a message"),
        ("[gamma] mode: known: ('a', 'b')", "Python in a message"),
        ("[gamma] mode: <class 'int'>", "Python in a message"),
        (f"[alerts] dead_man_url = {fuzz.CANARY}", "a secret in a message"),
    ],
)
def test_a_bad_message_would_be_seen(message: str, said: str) -> None:
    given = fuzz.Given(text=b"", env={}, credentials={})
    assert any(told.startswith(said) for told in fuzz.told_badly(message, given))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"lots": 0},
        {"lots": 6},
        {"lots": 1.0},
        {"lots": True},
        {"lots": 1, "frac": 0},
        {"lots": 1, "frac": 1},
        {"lots": 1, "frac": float("nan")},
        {"lots": 1, "frac": "some"},
        {"lots": 1, "name": ""},
        {"lots": 1, "name": "A"},
        {"lots": 1, "sides": ["up"]},
        {"lots": 1, "sides": ["long"] * 3},
        {"lots": 1, "more": {"a": 1}},
        {"lots": 1, "mode": "x"},
    ],
)
def test_what_is_beyond_its_limits_would_be_seen(value: dict[str, Any]) -> None:
    assert list(beyond(value, SCHEMA, SCHEMA))


def test_what_is_within_its_limits_is_let_pass() -> None:
    value = {"lots": 5, "frac": "none", "name": "abc", "sides": ["long", "short"], "more": {"a": True}}
    assert list(beyond(value, SCHEMA, SCHEMA)) == []
    assert list(beyond({"lots": 1, "frac": 0.5}, SCHEMA, SCHEMA)) == []
    assert list(beyond({"any": {"thing": [1.0, float("inf")]}}, {}, {})) == [".any.thing.1 is inf"]
