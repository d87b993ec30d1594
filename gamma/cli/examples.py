"""The example configurations that ship: in the wheel, or beside the packages in a working copy."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from gamma.errors import InputInvalid

# Markets that the first example does not trade, and the example that does.
OF_MARKETS: Final = {"XAU_USD": "gold.toml"}


def first() -> Path:
    """The configuration that `gamma init` writes."""
    return _shipped("config.example.toml", "config.example.toml")


def of_market(symbol: str) -> Path | None:
    """The example that trades this market; None where there is none of its own."""
    name = OF_MARKETS.get(symbol)
    return _shipped(f"examples/{name}", f"docs/examples/{name}") if name else None


def named(name: str) -> Path:
    """The example of this name.

    Raises: InputInvalid, which lists those there are.
    """
    known = sorted(path.stem for path in _shipped("examples", "docs/examples").glob("*.toml"))
    if name not in known:
        raise InputInvalid(f"no example is called {name!r}; known: {', '.join(known)}")
    return _shipped(f"examples/{name}.toml", f"docs/examples/{name}.toml")


def _shipped(in_wheel: str, in_copy: str) -> Path:
    inside = Path(str(files("gamma")))
    found = inside / in_wheel
    return found if found.exists() else inside.parent / in_copy
