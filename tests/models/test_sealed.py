"""What every kind of sealed folder has in common; policies and size pickers have tests of their own."""

from pathlib import Path

import numpy as np
import pytest

from gamma.errors import ConfigInvalid, InputInvalid
from models import checkpoints, sealed
from models.sealed import PICKER, POLICY, Kind
from models.shelf import Shelf
from tests.models.checkpoint_case import card, tensors

WEIGHTS = {"a": np.array([1.0, 2.0], np.float32)}


def written(folder: Path, kind: Kind) -> str:
    return sealed.write(folder, kind, "told = 1\n", WEIGHTS, lambda beside, sha256: sealed.read(beside, kind, sha256))


@pytest.mark.parametrize("kind", [POLICY, PICKER])
def test_a_folder_comes_back_as_it_was_written(kind: Kind, tmp_path: Path) -> None:
    sha256 = written(tmp_path / "one", kind)
    found = sealed.read(tmp_path / "one", kind, sha256)
    assert (found.card, found.sha256) == ("told = 1\n", sha256)
    assert sealed.parsed(tmp_path / "one" / kind.weights, found.weights)["a"].tolist() == [1.0, 2.0]
    assert list(sealed.lying(tmp_path, kind)) == [tmp_path / "one"]
    assert list(sealed.lying(tmp_path / "one", kind)) == [tmp_path / "one"]


@pytest.mark.parametrize(("kind", "other"), [(POLICY, PICKER), (PICKER, POLICY)])
def test_a_folder_of_one_kind_is_not_opened_as_another(kind: Kind, other: Kind, tmp_path: Path) -> None:
    sha256 = written(tmp_path / "one", kind)
    assert list(sealed.lying(tmp_path, other)) == []
    with pytest.raises(ConfigInvalid, match=rf"one is a {kind.noun}, and a {other.noun} is wanted"):
        sealed.read(tmp_path / "one", other, sha256)


def test_a_folder_with_weights_of_two_kinds_is_refused(tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "one", tensors(card()), card())
    (tmp_path / "one" / PICKER.weights).write_bytes(b"")
    with pytest.raises(ConfigInvalid, match=r"picker\.safetensors is no part of a checkpoint"):
        checkpoints.load(tmp_path / "one", pinned_sha256=None)
    assert list(Shelf().found(tmp_path)) == [tmp_path / "one"]


def test_what_cannot_be_read_back_is_not_left_behind(tmp_path: Path) -> None:
    def refuse(beside: Path, sha256: str) -> None:
        raise InputInvalid(f"{beside} {sha256}")

    with pytest.raises(InputInvalid):
        sealed.write(tmp_path / "one", PICKER, "", WEIGHTS, refuse)
    assert list(tmp_path.iterdir()) == []
