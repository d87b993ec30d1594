"""Checkpoints of event policies are verified before they are used, as those of futures are."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import market
from models import card_text
from models.events import cards
from models.events.checkpoints import load, save
from models.events.shelf import EventShelf
from models.futures import features as futures_features
from tests.models.events.test_serving import card_of, drawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "btc", drawn(card_of()).tensors, card_of())
    return tmp_path / "btc"


def sealed_anew(folder: Path) -> None:
    """Sums that are right, as whoever changes a file could write them."""
    names = ("card.toml", "events.safetensors")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_what_is_written_comes_back_and_is_never_overwritten(folder: Path) -> None:
    found = load(folder, pinned_sha256=None)
    assert found.card == card_of()
    assert found.sha256 == hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    assert all(np.array_equal(found.tensors[name], tensor) for name, tensor in drawn(card_of()).tensors.items())
    with pytest.raises(InputInvalid, match="is not overwritten"):
        save(folder, found.tensors, found.card)


@pytest.mark.parametrize("name", ["card.toml", "events.safetensors", "SHA256SUMS"])
def test_a_file_that_is_damaged_or_missing_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigInvalid, match=r"SHA-256|SHA256SUMS"):
        load(folder, pinned_sha256=None)
    (folder / name).unlink()
    with pytest.raises(ConfigInvalid, match=f"{name} is missing"):
        load(folder, pinned_sha256=None)


def test_another_hash_than_the_pinned_one_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match="it is another checkpoint"):
        EventShelf().open(folder, market=market("KXBTC15M"), pinned_sha256="0" * 64)
    pinned = load(folder, pinned_sha256=None).sha256
    assert EventShelf().open(folder, market=market("KXBTC15M"), pinned_sha256=pinned).look_s == 5.0
    with pytest.raises(ConfigInvalid, match="MNQ is none"):
        EventShelf().open(folder, market=market("MNQ"), pinned_sha256=pinned)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("paper_only = true", "paper_only = false", "paper_only"),
        ("sizes_lots = [5, 10,", "sizes_lots = [5, 11,", "should be some of 5, 10, 20, 50, 100"),
        ('"BUY_YES_5", "BUY_YES_10"', '"BUY_YES_10", "BUY_YES_5"', "actions should be"),
        ('"middle", "left"', '"left", "middle"', r"\[seen\] names is not what this version shows"),
        ("hidden = [16]", "hidden = [17]", "by the card should be of shape"),
        ('kind = "event"', 'kind = "futures"', "kind"),
    ],
)
def test_a_card_that_says_otherwise_is_refused(folder: Path, old: str, new: str, said: str) -> None:
    text = (folder / "card.toml").read_text()
    assert old in text
    (folder / "card.toml").write_text(text.replace(old, new))
    sealed_anew(folder)
    with pytest.raises(ConfigInvalid, match=said):
        load(folder, pinned_sha256=None)


def test_one_that_was_shown_something_else_is_not_written(tmp_path: Path) -> None:
    other = cards.Seen(names=futures_features.MOVES, schema_sha256="0" * 64)
    with pytest.raises(InputInvalid, match="was not written"):
        save(tmp_path / "btc", drawn(card_of(seen=other)).tensors, card_of(seen=other))


def test_an_evaluation_in_markets_it_was_trained_on_is_not_called_out_of_sample() -> None:
    learned = card_of().training.learned[0]
    told = {
        "name": "held out",
        "out_of_sample": True,
        "served": "greedy",
        "figures": [{"name": "pnl_usd", "value": 1.0}],
    }
    whole = card_of().model_dump(mode="json") | {"evaluations": [told | {"markets": learned.model_dump()}]}
    with pytest.raises(ConfigInvalid, match="was trained on those markets"):
        card_text.made(cards.Card, whole, "the card")
