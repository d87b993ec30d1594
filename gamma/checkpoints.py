"""Checkpoints by name: where they lie, and which of the installed kinds each is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gamma import plugins
from gamma.complaints import did_you_mean
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import Market
from gamma.ports import Checkpoints, EventPolicy, Policy, SizePicker


def folders(configured: str) -> tuple[Path, ...]:
    """Where to look, by `[paths] models`; empty stands for those that ship.

    Raises: ConfigInvalid when it is no folder.
    """
    if configured and not Path(configured).is_dir():
        raise ConfigInvalid(f"[paths] models = {configured!r}: is no folder; make it, or leave it empty")
    return (Path(configured),) if configured else ()


def lying(where: Sequence[Path]) -> Iterator[tuple[Checkpoints, Path]]:
    """Every checkpoint in these folders, or of those that ship, once."""
    seen: set[Path] = set()
    for plugin in plugins.find(plugins.CHECKPOINTS).values():
        shelf: Checkpoints = plugin.load()()
        for folder in where or (shelf.shipped,):
            for one in shelf.found(folder):
                if one.resolve() not in seen:
                    seen.add(one.resolve())
                    yield shelf, one


def named(name: str, where: Sequence[Path]) -> tuple[Checkpoints, Path]:
    """The checkpoint of this name in these folders, or the folder itself where it is one.

    Raises: InputInvalid when there is none; the message lists those there are.
    """
    if Path(name).is_dir():
        found = list(lying([Path(name)]))
        if [one for _, one in found] == [Path(name)]:
            return found[0]
    known = {one.name: (shelf, one) for shelf, one in lying(where)}
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise InputInvalid(f"no checkpoint {name!r}; {did_you_mean(name, known)}known: {there}; or give its folder")
    return known[name]


def policy(name: str, sha256: str, market: Market, where: Sequence[Path]) -> Policy:
    """The policy of a checkpoint, verified; it has the pinned hash, or none is given.

    Raises: ConfigInvalid.
    """
    found = _opened(name, sha256, market, where)
    if not isinstance(found, Policy):
        raise ConfigInvalid(f"checkpoint {name} {_what(found)}, and no policy for signals on bars")
    return found


def event_policy(name: str, sha256: str, market: Market, where: Sequence[Path]) -> EventPolicy:
    """The policy for event contracts of a checkpoint, verified; it has the pinned hash, or none is given.

    Raises: ConfigInvalid.
    """
    found = _opened(name, sha256, market, where)
    if not isinstance(found, EventPolicy):
        raise ConfigInvalid(f"checkpoint {name} {_what(found)}, and no policy for event contracts")
    return found


def picker(name: str, sha256: str, market: Market, where: Sequence[Path]) -> SizePicker:
    """The size picker of a checkpoint, verified; it has the pinned hash, or none is given.

    Raises: ConfigInvalid.
    """
    found = _opened(name, sha256, market, where)
    if not isinstance(found, SizePicker):
        raise ConfigInvalid(f"checkpoint {name} {_what(found)}, and picks no sizes")
    return found


def _what(found: Policy | SizePicker | EventPolicy) -> str:
    """What a checkpoint is, and who asks it."""
    if isinstance(found, SizePicker):
        return "picks sizes, for a sizer to ask"
    if isinstance(found, EventPolicy):
        return 'trades event contracts, by signal = { use = "event_policy" }'
    return 'is a policy, for signal = { use = "policy" }'


def _opened(name: str, sha256: str, market: Market, where: Sequence[Path]) -> Policy | SizePicker | EventPolicy:
    try:
        shelf, folder = named(name, where)
    except InputInvalid as error:
        raise ConfigInvalid(str(error)) from None
    return shelf.open(folder, market=market, pinned_sha256=sha256)
