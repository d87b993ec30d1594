"""PyPI's oandapyV20 for the tests: it needs two functions of `six`, and does not say so."""

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def _stand_in() -> ModuleType:
    def add_metaclass(meta: type) -> Callable[[type], Any]:
        def made(cls: type) -> Any:
            own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
            return meta(cls.__name__, cls.__bases__, own)

        return made

    def iteritems(mapping: dict[Any, Any]) -> Iterator[Any]:
        return iter(mapping.items())

    module = ModuleType("six")
    module.add_metaclass, module.iteritems = add_metaclass, iteritems  # type: ignore[attr-defined]
    return module


@contextmanager
def speaking_to(url: str, token: str) -> Iterator[Any]:
    """A client of it for a sandbox; the addresses are in its module."""
    with importing():
        import oandapyV20
        from oandapyV20.oandapyV20 import TRADING_ENVIRONMENTS

    before = TRADING_ENVIRONMENTS["practice"]
    TRADING_ENVIRONMENTS["practice"] = {"api": url, "stream": url}
    try:
        yield oandapyV20.API(access_token=token, environment="practice")
    finally:
        TRADING_ENVIRONMENTS["practice"] = before


@contextmanager
def importing() -> Iterator[None]:
    """While it is imported: it was written for older Pythons, and a newer one warns of it."""
    missing = "six" not in sys.modules and importlib.util.find_spec("six") is None
    if missing:
        sys.modules["six"] = _stand_in()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", SyntaxWarning)
            yield
    finally:
        if missing:
            sys.modules.pop("six", None)
