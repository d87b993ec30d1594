"""Sets of trades on disk: NumPy files of so many trades each, and a manifest with what they are and their hashes."""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gamma.errors import InputInvalid
from models.size_picker.broker import Terms, ruin_frac
from models.size_picker.form import OZ_PER_LOT, SIZES, Ints, Trades

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
FILE_TRADES: Final = 50_000
CLASSES: Final = ("small", "mid", "big")
# The most lots of a small best size, and of a mid one: 1.5 and 3.0 oz.
EDGES_LOTS: Final = (round(1.5 / OZ_PER_LOT), round(3.0 / OZ_PER_LOT))
# What is reckoned from the rest when it is read; a floor is kept where there is one.
DERIVED: Final = ("ruin_frac", "weights", "ounces_per_lot")
FLOOR: Final = "floor_usd"
GOLD: Final = "XAU_USD"


def best_lots(returns: Any) -> Ints:
    """The lots with the largest return in hindsight among those that leverage allows, ties to the smaller.

    Shapes: [N, 31] to [N].
    """
    found: Ints = np.argmax(np.where(np.isnan(returns), -np.inf, returns), axis=-1)
    return found


def classes(returns: Any) -> Ints:
    """0 where the best size is small, 1 where it is mid, 2 where it is big. Shapes: [N, 31] to [N]."""
    found: Ints = np.searchsorted(np.array(EDGES_LOTS), best_lots(returns), side="left")
    return found


def joined(parts: Sequence[Trades]) -> Trades:
    """All of these trades, in their order."""
    columns: dict[str, Any] = {
        each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Trades)
    }
    return Trades(**columns)


def weighed(trades: Trades, natural_shares: Mapping[str, float]) -> Trades:
    """The trades with weights of mean 1 that give each class the share that it has as trades come."""
    of = classes(trades.returns)
    counts = np.bincount(of, minlength=len(CLASSES))
    there = counts > 0
    wanted = np.array([natural_shares[name] for name in CLASSES]) * there
    weights = np.divide(wanted / wanted.sum() * len(trades), counts, out=np.zeros(len(CLASSES)), where=there)
    return replace(trades, weights=weights[of])


def write(folder: Path, parts: Mapping[str, Trades], told: Mapping[str, Any]) -> None:
    """Write parts, each in files of its own, and the manifest with `told` in it."""
    files: dict[str, list[dict[str, Any]]] = {}
    for part, trades in parts.items():
        files[part] = []
        for first in range(0, len(trades), FILE_TRADES):
            name = f"{part}-{first // FILE_TRADES:02}.npz"
            rows = trades.of(slice(first, first + FILE_TRADES))
            left_out = DERIVED if rows.floor_usd.any() else (*DERIVED, FLOOR)
            columns: dict[str, Any] = {key: each for key, each in rows.arrays().items() if key not in left_out}
            np.savez(folder / name, **columns)
            files[part].append({"name": name, "trades": len(rows), "sha256": _sha256(folder / name)})
    manifest: dict[str, Any] = {
        "format": FORMAT,
        **told,
        "parts": {
            part: {
                "trades": len(trades),
                "classes": np.bincount(classes(trades.returns), minlength=len(CLASSES)).tolist(),
                "files": files[part],
            }
            for part, trades in parts.items()
        },
    }
    manifest["sha256"] = _of_text(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def manifest_of(folder: Path) -> dict[str, Any]:
    """What a folder's manifest says, once its own hash is verified.

    Raises: InputInvalid, which names what is wrong.
    """
    path = folder / MANIFEST
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        claimed, found = told["sha256"], _of_text({key: each for key, each in told.items() if key != "sha256"})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputInvalid(
            f"{folder}: holds no set of trades ({MANIFEST}: {error}); make one with gamma size-picker generate"
        ) from None
    if claimed != found:
        raise InputInvalid(f"{path}: was changed since it was made: its hash is {found[:12]}, it says {claimed[:12]}")
    if told.get("format") != FORMAT:
        raise InputInvalid(f"{path}: format is {told.get('format')!r}, this gamma reads {FORMAT}; make the set again")
    return told


def verified(folder: Path) -> dict[str, Any]:
    """The manifest, once the hash of every file is verified too.

    Raises: InputInvalid, which names the file.
    """
    told = manifest_of(folder)
    for part in told["parts"].values():
        for one in part["files"]:
            _verify(folder / one["name"], one["sha256"])
    return told


def symbol_of(folder: Path) -> str:
    """The market that a folder's trades are of.

    Raises: InputInvalid, which names what is wrong.
    """
    return str(manifest_of(folder).get("symbol", GOLD))


def load(folder: Path, part: str = "") -> Trades:
    """The trades of a part, verified; weighed so that each part has the natural mix.

    `part` is a name in the manifest: "balanced", "remainder", "left" (what neither has), "natural"; or "all": the
    three that were sorted by their best size. Without one it is all of those where there are any, else natural.

    Raises: InputInvalid, which names what is wrong.
    """
    told = manifest_of(folder)
    sorted_parts = [name for name in told["parts"] if name != "natural"]
    wanted = part or ("all" if sorted_parts else "natural")
    names = sorted_parts if wanted == "all" else [wanted]
    if not names or not set(names) <= set(told["parts"]):
        known = ", ".join([*told["parts"], *(["all"] if sorted_parts else [])])
        raise InputInvalid(f"{folder}: has no part {wanted!r}; it has {known}")
    terms = Terms.model_validate(told["terms"])
    files = [one for name in names for one in told["parts"][name]["files"]]
    if not files:
        raise InputInvalid(f"{folder}: part {wanted!r} has no trades; make the set again with some")
    trades = joined([_read(folder / one["name"], one["sha256"], terms) for one in files])
    return trades if wanted == "natural" else weighed(trades, told["natural_shares"])


def _read(path: Path, sha256: str, terms: Terms) -> Trades:
    _verify(path, sha256)
    try:
        with np.load(path, allow_pickle=False) as held:
            columns = {name: held[name] for name in held.files}
        columns.setdefault(FLOOR, np.zeros(len(columns["equity_usd"])))
        found = ruin_frac(columns["equity_usd"], columns["price_usd"], terms, columns[FLOOR])
        ones = np.ones(len(found))
        trades = Trades(**columns, ruin_frac=found, weights=ones, ounces_per_lot=terms.ounces_per_lot * ones)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputInvalid(f"{path}: cannot be read as trades ({error}); make the set again") from None
    if trades.returns.shape[1:] != (SIZES,):
        raise InputInvalid(f"{path}: has returns at {trades.returns.shape[1:]} sizes, not {SIZES}; make the set again")
    return trades


def _verify(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise InputInvalid(f"{path}: is in the manifest, and not in the folder; make the set again")
    if (found := _sha256(path)) != sha256:
        raise InputInvalid(
            f"{path}: is not what was made: its hash is {found[:12]}, the manifest says {sha256[:12]}; make it again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_text(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
