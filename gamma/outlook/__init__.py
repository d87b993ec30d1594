"""From the book to the view: all that a decision may look at, gathered. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

from gamma.book import Book
from gamma.events import SignalMade
from gamma.outlook import money, parts
from gamma.outlook.money import cash_microusd
from gamma.outlook.scene import Scene, equity_microusd
from gamma.rules import Rules, StrategyRules
from gamma.views import LiquidityView, View

__all__ = ["Outlook", "cash_microusd", "equity_microusd", "glance", "look"]

_PARTS: Final[Mapping[str, Callable[[Scene], Any]]] = {
    "account": money.account,
    "market": parts.market,
    "signal": parts.signal,
    "track": parts.track,
    "liquidity": parts.liquidity,
    "position": money.position,
    "clock": parts.clock,
    "activity": parts.activity,
    "control": parts.control,
    "curve": parts.curve,
}
_OF_THE_SIGNAL: Final = frozenset({"signal", "liquidity", "curve"})


def look(book: Book, rules: Rules, strategy: StrategyRules, signal: SignalMade | None = None) -> View:
    """The view of one strategy now; without a signal its side is 0, as guards see it between orders."""
    scene = Scene(book, rules, strategy, signal)
    made: dict[str, Any] = {name: make(scene) for name, make in _PARTS.items()}
    return View(strategy=strategy.name, validated=strategy.validated, **made)


@final
class Outlook:
    """Views of one strategy at one moment, for one signal after another; what no signal changes is made once."""

    def __init__(self, book: Book, rules: Rules, strategy: StrategyRules) -> None:
        self._book = book
        self._rules = rules
        self._strategy = strategy
        scene = Scene(book, rules, strategy, None)
        self._same: dict[str, Any] = {name: make(scene) for name, make in _PARTS.items() if name not in _OF_THE_SIGNAL}
        self._liquidity: dict[int, LiquidityView] = {}

    def look(self, signal: SignalMade) -> View:
        """What `look` gives with this signal."""
        scene = Scene(self._book, self._rules, self._strategy, signal)
        if signal.side not in self._liquidity:
            self._liquidity[signal.side] = parts.liquidity(scene)
        return View(
            strategy=self._strategy.name,
            validated=self._strategy.validated,
            signal=parts.signal(scene),
            liquidity=self._liquidity[signal.side],
            curve=parts.curve(scene),
            **self._same,
        )


def glance(book: Book, rules: Rules, strategy: StrategyRules) -> View:
    """What `look` gives without a signal, each part of it once it is looked at: of most bars hardly one is."""
    view = object.__new__(_Glance)
    for name, value in (
        ("strategy", strategy.name),
        ("validated", strategy.validated),
        ("_scene", Scene(book, rules, strategy, None)),
    ):
        object.__setattr__(view, name, value)
    return view


@final
class _Glance(View):
    """A view whose parts are made when they are first looked at."""

    __slots__ = ("_scene",)
    _scene: Scene

    def __getattr__(self, name: str) -> Any:
        """Fill a slot that holds nothing yet."""
        make = _PARTS.get(name)
        if make is None:
            raise AttributeError(f"a view has no {name}")
        part = make(self._scene)
        object.__setattr__(self, name, part)
        return part
