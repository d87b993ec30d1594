"""What can be wrong with a text of TOML: mutations drawn by a seeded generator, and odd values."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

_KEY: Final = re.compile(r"^([\w.\"-]+)(\s*=\s*)(.*)$")
_HEADER: Final = re.compile(r"^\[+([^\[\]]+)\]+$")

# As they stand in TOML; some are no TOML at all.
VALUES: Final = (
    *("0", "-0", "1", "-1", "7", "0.0", "-0.0", "0.5", "1.0", "1e-9", "-0.001", "1.0000001", "100.0"),
    *("1e308", "1e400", "-1e400", "1e-400", "nan", "-nan", "inf", "-inf", "9007199254740993", "-9223372036854775809"),
    *("18446744073709551616", "1_000_000_000_000", "0xffffffffffffffffffff", "0o17", "0b1", "01", "1__0", "+5"),
    *("true", "false", "True", "null", "None", "", "''", '""', '"0"', '"1"', '"true"', '"nan"', '"none"', '" "'),
    *('"MNQ"', '"mnq"', '"KX"', '"KXBTC-1"', '"paper"', '"max"', '"sim"', '"file"', '"live"', '"webhook"'),
    *('"half_kelly"', '"Half_Kelly"', '"daily_loss"', '"no_floor"', '"apex_legacy_50k"', '"16:59"', '"25:61"'),
    *("2026-03-02", "1979-05-27T07:32:00Z", "07:32:00", "0001-01-01", '"2026-03-02"', '"0001-01-01"', '"9999-12-31"'),
    *('"2026-02-30"', '"2031-06-01"', '"20260302"', '"2026-W10-1"', '"2026-03-02T00:00"'),
    *("[]", "[[]]", "[1]", "[true]", '["a"]', '["paper", "paper"]', '["fixed", 3]', "[nan]", "[{}]", "{}", "{ a = 1 }"),
    *('{ use = "breakout" }', "{ use = 1 }", '{ use = "" }', '{ use = "fixed", lots = -1 }', "{ a = { b = { } } }"),
    *('{ path = "x.csv", market = "MNQ" }', '[{ path = "x.csv", market = "MNQ" }]', '[{ path = "x.csv" }]'),
    *('"\\u0000"', '"\\u202e"', '"\\U0001F4A5"', '"\\u001b[31mred"', '"e\\u0301"', '"\\ud800"', '"\\uff2d"'),
    "'''a\nb'''",
    *('"../../etc/passwd"', '"/dev/null"', '"a\\nb"', '"{0}"', '"%s"', '"[bold]x[/]"', '"; drop table events"'),
    *('"sqlite://"', '"sqlite:///:memory:"', '"oracle://x"', '"postgresql://"', '"://"', '"http://a:b@c/d"'),
    '"sqlite:////nowhere/at/all.db"',
)  # fmt: skip
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz_0123456789"
_ODD: Final = (
    "\x00",
    "\x1b",
    "\x7f",
    "\u00e9",
    "\u202e",
    "\U0001f4a5",
    "\ufeff",
    "\u2028",
    "'",
    '"',
    "\\",
    "#",
    "=",
    "[",
    "]",
    "{",
    "}",
)

Lines = list[str]


def value(rng: random.Random) -> str:
    """An odd value: one of the list, or a number, text or nesting of an odd size."""
    drawn = rng.random()
    if drawn < 0.80:
        return rng.choice(VALUES)
    if drawn < 0.90:
        return repr(rng.choice((1, -1)) * rng.random() * 10.0 ** rng.randint(-12, 12))
    if drawn < 0.97:
        return str(rng.choice((1, -1)) * rng.getrandbits(rng.choice((4, 16, 33, 64, 130))))
    return _vast(rng)


def _vast(rng: random.Random) -> str:
    """Much of something: digits, letters, or brackets in brackets."""
    count = rng.choice((100, 500, 5_000))
    made = (
        lambda: "9" * count,
        lambda: "0x" + "f" * count,
        lambda: f'"{"x" * count}"',
        lambda: "[" * count + "]" * count,
        lambda: "{ a = " * min(count, 500) + "1" + " }" * min(count, 500),
        lambda: "[" + "1, " * count + "]",
        lambda: f'["{rng.choice(_LETTERS)}"' + ', "x"' * count + "]",
    )
    return rng.choice(made)()


def _keys(lines: Lines) -> list[int]:
    return [at for at, line in enumerate(lines) if _KEY.match(line)]


def _other_value(rng: random.Random, lines: Lines) -> None:
    at = rng.choice(_keys(lines) or [0])
    if found := _KEY.match(lines[at]):
        lines[at] = f"{found[1]}{found[2]}{value(rng)}"


def _other_number(rng: random.Random, lines: Lines) -> None:
    """A number of the line becomes another."""
    at = rng.choice(_keys(lines) or [0])
    numbers = list(re.finditer(r"\d[\d_.]*", lines[at].partition("=")[2]))
    if numbers:
        offset, found = lines[at].index("=") + 1, rng.choice(numbers)
        lines[at] = lines[at][: offset + found.start()] + value(rng) + lines[at][offset + found.end() :]


def _exchanged_values(rng: random.Random, lines: Lines) -> None:
    keys = _keys(lines)
    if len(keys) > 1:
        one, two = rng.sample(keys, 2)
        first, second = _KEY.match(lines[one]), _KEY.match(lines[two])
        if first and second:
            lines[one], lines[two] = first[1] + first[2] + second[3], second[1] + second[2] + first[3]


def _misspelt(rng: random.Random, lines: Lines) -> None:
    """A letter of a key or a section too few, too many, or another."""
    at = rng.randrange(len(lines))
    found = _KEY.match(lines[at]) or _HEADER.match(lines[at])
    if found:
        here = rng.randrange(found.start(1), found.end(1))
        letter = rng.choice(("", rng.choice(_LETTERS), rng.choice(_LETTERS) + lines[at][here], lines[at][here].upper()))
        lines[at] = lines[at][:here] + letter + lines[at][here + 1 :]


def _unknown_key(rng: random.Random, lines: Lines) -> None:
    name = "".join(rng.choices(_LETTERS, k=rng.randint(1, 12)))
    lines.insert(rng.randint(0, len(lines)), f"{name} = {value(rng)}")


def _unknown_section(rng: random.Random, lines: Lines) -> None:
    heads = [line for line in lines if _HEADER.match(line)] or ["[gamma]"]
    name = rng.choice((rng.choice(heads).strip("[]"), "".join(rng.choices(_LETTERS, k=rng.randint(1, 40)))))
    depth = rng.choice((1, 1, 2))
    tail = rng.choice(("", "", ".x", '.""', f".{'a.' * 20}b"))
    at = rng.randint(0, len(lines))
    lines[at:at] = ["[" * depth + name + tail + "]" * depth, *([f"x = {value(rng)}"] if rng.random() < 0.5 else [])]


def _less(rng: random.Random, lines: Lines) -> None:
    if len(lines) > 1:
        del lines[rng.randrange(len(lines))]


def _twice(rng: random.Random, lines: Lines) -> None:
    at = rng.randrange(len(lines))
    lines.insert(rng.randint(0, len(lines)), lines[at])


def _elsewhere(rng: random.Random, lines: Lines) -> None:
    line = lines.pop(rng.randrange(len(lines)))
    lines.insert(rng.randint(0, len(lines)), line)


def _odd_character(rng: random.Random, lines: Lines) -> None:
    at = rng.randrange(len(lines))
    here = rng.randint(0, len(lines[at]))
    lines[at] = lines[at][:here] + rng.choice(_ODD) + lines[at][here:]


_OF_LINES: Final[Sequence[Callable[[random.Random, Lines], None]]] = (
    *(_other_value,) * 5,
    *(_other_number,) * 4,
    *(_misspelt,) * 2,
    _exchanged_values,
    _unknown_key,
    _unknown_section,
    _less,
    _twice,
    _elsewhere,
    _odd_character,
)


def mutated(rng: random.Random, lines: Sequence[str]) -> bytes:
    """The lines with one mutation or a few, as bytes; some of those are flipped, cut off or put in."""
    changed = list(lines)
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 3, 6))):
        rng.choice(_OF_LINES)(rng, changed)
        changed = changed or [""]
    text = bytearray("\n".join(changed).encode("utf-8", "surrogatepass"))
    if rng.random() < 0.12:
        _battered(rng, text)
    return bytes(text)


def _battered(rng: random.Random, text: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(text) or 1)
        drawn = rng.random()
        if drawn < 0.6 and text:
            text[at] ^= 1 << rng.randrange(8)
        elif drawn < 0.8:
            text[at:at] = rng.randbytes(rng.choice((1, 1, 2, 8)))
        elif drawn < 0.9:
            del text[at:]
        else:
            del text[at : at + rng.randint(1, 64)]
