"""Thousands of spoiled checkpoints: each is refused in a sentence of ours, and none loads.

`GAMMA_MUTATIONS=1000000 pytest tests/models/test_checkpoint_mutations.py` spoils more of them.
"""

import json
import os
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import safetensors.numpy

from gamma.errors import ConfigInvalid
from models.checkpoints import CARD, POLICY, SUMS, load, save
from tests.models.checkpoint_case import REPORT, card, files_of, lay, summed, tensors

MUTATIONS = int(os.environ.get("GAMMA_MUTATIONS", "2600"))
Files = dict[str, bytes]
# Values that no field of a card can have.
JUNK = ("", "{}", "nan", "-inf", '""', "[]", "[{}]", "[[]]", "0x", '"\\u0000"', '"' + "a" * 300 + '"', "1" * 5_000)


class Spoiled(NamedTuple):
    """Files of a checkpoint that must not load, pinned or not."""

    files: Files
    pinned: bool = False


class Originals(NamedTuple):
    """A checkpoint, one of the same shapes, and one of others."""

    own: Files
    twin: Files
    other: Files


def flipped(draw: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for at in draw.sample(range(len(content)), draw.randint(1, 8)):
        changed[at] ^= draw.randint(1, 255)
    return bytes(changed)


def some_bytes_differ(draw: random.Random, of: Originals) -> Spoiled:
    name = draw.choice((CARD, POLICY, SUMS))
    return Spoiled(of.own | {name: flipped(draw, of.own[name])})


def some_bytes_differ_and_the_sums_are_right(draw: random.Random, of: Originals) -> Spoiled:
    name = draw.choice((CARD, POLICY))
    return Spoiled(summed(of.own | {name: flipped(draw, of.own[name])}), pinned=True)


def the_end_is_missing(draw: random.Random, of: Originals) -> Spoiled:
    name = draw.choice((CARD, POLICY, SUMS))
    return Spoiled(of.own | {name: of.own[name][: draw.randrange(len(of.own[name]))]})


def the_weights_end_is_missing_and_the_sums_are_right(draw: random.Random, of: Originals) -> Spoiled:
    return Spoiled(summed(of.own | {POLICY: of.own[POLICY][: draw.randrange(len(of.own[POLICY]))]}))


def there_is_more(draw: random.Random, of: Originals) -> Spoiled:
    name, more = draw.choice((CARD, POLICY, SUMS)), draw.randbytes(draw.randint(1, 200))
    longer = {name: draw.choice((of.own[name] + more, more + of.own[name], of.own[name] * 2))}
    if name == POLICY and draw.random() < 0.5:
        return Spoiled(summed(of.own | longer))
    return Spoiled(of.own | longer)


def files_are_of_two_checkpoints(draw: random.Random, of: Originals) -> Spoiled:
    name = draw.choice((CARD, POLICY, SUMS))
    return Spoiled(of.own | {name: draw.choice((of.twin, of.other))[name]})


def a_file_of_another_and_the_sums_are_right(draw: random.Random, of: Originals) -> Spoiled:
    name = draw.choice((CARD, POLICY))
    if draw.random() < 0.5:
        return Spoiled(summed(of.own | {name: of.twin[name]}), pinned=True)
    return Spoiled(summed(of.own | {name: of.other[name]}))


def it_is_another_checkpoint(draw: random.Random, of: Originals) -> Spoiled:
    return Spoiled(draw.choice((of.twin, of.other)), pinned=True)


def the_header_lies(draw: random.Random, of: Originals) -> Spoiled:
    """About type, shape, place, name or length; or it is other JSON, or none."""
    content = of.own[POLICY]
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    name = draw.choice(list(header))
    lie = draw.randrange(8)
    if lie == 0:
        header[name]["dtype"] = draw.choice(("F64", "F16", "BF16", "I32", "U8", "BOOL", "F8_E4M3", "C64", "x", 1, None))
    elif lie == 1:
        header[name]["shape"] = draw.choice(([], [0], [-1], [2**62, 4], [1, *header[name]["shape"]], "x", None, [1.5]))
    elif lie == 2:
        first, last = header[name]["data_offsets"]
        off = draw.choice((-4, 4, 400, 2**40))
        header[name]["data_offsets"] = draw.choice(([first + off, last + off], [first, last + off], [last, first], []))
    elif lie == 3:
        header[name + "x"] = header.pop(name)
    elif lie == 4:
        header |= {"more": {"dtype": "F32", "shape": [0], "data_offsets": header[name]["data_offsets"][:1] * 2}}
    elif lie == 5:
        del header[name]
    elif lie == 6:
        return Spoiled(
            summed(of.own | {POLICY: struct.pack("<Q", draw.getrandbits(draw.randint(1, 64))) + content[8:]})
        )
    text = (
        json.dumps(header).encode()
        if lie < 7
        else draw.choice((b"[]", b"{}", b"null", b"[" * 9_000, draw.randbytes(64)))
    )
    return Spoiled(summed(of.own | {POLICY: struct.pack("<Q", len(text)) + text + content[8 + length :]}))


def a_weight_is_no_number(draw: random.Random, of: Originals) -> Spoiled:
    """NaN or infinite anywhere; or a variance below 0."""
    found = {name: tensor.copy() for name, tensor in safetensors.numpy.load(of.own[POLICY]).items()}
    name = draw.choice(list(found))
    value = draw.choice((np.nan, np.inf, -np.inf))
    if draw.random() < 0.2:
        name, value = "scale.variance", draw.choice((-1e-30, -1.0))
    found[name].flat[draw.randrange(found[name].size)] = value
    return Spoiled(summed(of.own | {POLICY: safetensors.numpy.save(found)}))


def a_line_of_the_card_differs(draw: random.Random, of: Originals) -> Spoiled:
    """It is gone, twice there, an unknown key, no TOML, no text, or has a value that no field can have."""
    lines = of.own[CARD].splitlines()
    at = draw.choice([n for n, line in enumerate(lines) if line])
    keys = [n for n, line in enumerate(lines) if b" = " in line]
    change = draw.randrange(5)
    if change == 0:
        del lines[at]
    elif change == 1:
        at = draw.choice(keys)
        lines.insert(at, lines[at])
    elif change == 2:
        lines.insert(draw.choice(keys), draw.choice((b"more = 1", b"promise = true", b'pickle = "x"', b"a.b = 1")))
    elif change == 3:
        lines.insert(at, draw.choice((b"\xff\xfe", b"=", b"[", b"a = " + b"[" * 3_000, b"[[seen]]", b"\x00")))
    else:
        at = draw.choice(keys)
        lines[at] = lines[at].partition(b" = ")[0] + b" = " + draw.choice(JUNK).encode()
    return Spoiled(summed(of.own | {CARD: b"\n".join(lines)}))


def the_card_says_something_else(draw: random.Random, of: Originals) -> Spoiled:
    """All of it could be true; the pinned hash alone tells."""
    old, new = draw.choice(
        (
            (b"seed = 7", b"seed = %d" % draw.randint(8, 10**6)),
            (b'"MNQ"', b'"NQ"'),
            (b"low = -4120.0", b"low = -%d.5" % draw.randint(1_000, 4_000)),
            (b"value = -812.5", b"value = %d.25" % draw.randint(1, 10**6)),
            (b"6680bd0", b"%040x" % draw.getrandbits(160)),
        )
    )
    assert old in of.own[CARD]
    return Spoiled(summed(of.own | {CARD: of.own[CARD].replace(old, new)}), pinned=True)


def a_file_is_missing_or_too_many(draw: random.Random, of: Originals) -> Spoiled:
    if draw.random() < 0.5:
        gone = draw.choice((CARD, POLICY, SUMS))
        return Spoiled({name: content for name, content in of.own.items() if name != gone})
    return Spoiled(of.own | {f"{draw.choice(('policy.pkl', '.x', 'card.toml~'))}{draw.randrange(99)}": b""})


KINDS: tuple[Callable[[random.Random, Originals], Spoiled], ...] = (
    some_bytes_differ,
    some_bytes_differ_and_the_sums_are_right,
    the_end_is_missing,
    the_weights_end_is_missing_and_the_sums_are_right,
    there_is_more,
    files_are_of_two_checkpoints,
    a_file_of_another_and_the_sums_are_right,
    it_is_another_checkpoint,
    the_header_lies,
    a_weight_is_no_number,
    a_line_of_the_card_differs,
    the_card_says_something_else,
    a_file_is_missing_or_too_many,
)


@pytest.mark.slow
def test_spoiled_checkpoints_are_each_refused_in_a_sentence_and_none_loads(tmp_path: Path) -> None:
    told = card(evaluations=(REPORT,))
    pinned = save(tmp_path / "own", tensors(told), told)
    save(tmp_path / "twin", tensors(told, seed=2), card(seed=8))
    save(tmp_path / "other", tensors(card(phase=1)), card(phase=1))
    of = Originals(*(files_of(tmp_path / name) for name in Originals._fields))
    refused: Counter[str] = Counter()
    for n in range(MUTATIONS):
        kind = KINDS[n % len(KINDS)]
        spoiled = kind(random.Random(n), of)
        assert spoiled.files != of.own, (n, kind.__name__)
        folder = lay(tmp_path / "spoiled", spoiled.files)
        with pytest.raises(ConfigInvalid) as refusal:
            load(folder, pinned_sha256=pinned if spoiled.pinned else None)
        sentence = str(refusal.value)
        assert str(folder) in sentence, (n, kind.__name__, sentence)
        assert all(line.isprintable() for line in sentence.splitlines()), (n, kind.__name__, sentence)
        assert len(sentence) < 4_000, (n, kind.__name__, sentence)
        refused[kind.__name__] += 1
    assert refused.total() == MUTATIONS
    assert len(refused) == min(len(KINDS), MUTATIONS)
    assert load(lay(tmp_path / "spoiled", of.own), pinned_sha256=pinned).card == told
