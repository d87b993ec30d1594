"""`coin`: a strategy that trades often, and on nothing but chance; each bar has a throw of its own.

It is no plugin of gamma's: the kill test installs it beside the daemon, as a stranger's, and takes it away again.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, final

from pydantic import BaseModel, Field

from gamma.bars import Bar
from gamma.events import SignalMade
from gamma.markets import Market
from gamma.params import parse


@final
class CoinParams(BaseModel, frozen=True, extra="forbid"):
    """How often it signals [share of bars], and how far stop and target are away [ticks], 0 for none.

    With `limit` it asks for the price of its bar, give or take a few ticks; else it trades at market.
    """

    seed: int = 1
    often_frac: Annotated[float, Field(gt=0, le=1)] = 0.6
    stop_ticks: Annotated[int, Field(ge=0)] = 0
    target_ticks: Annotated[int, Field(ge=0)] = 0
    limit: bool = False


@final
class Coin:
    """Throws a coin on each bar: long, short, or nothing."""

    Params: ClassVar = CoinParams
    bars_needed: ClassVar = 1

    def __init__(self, params: CoinParams, *, strategy: str, market: Market) -> None:
        self._params = params
        self._strategy = strategy
        self._market = market

    @classmethod
    def open(cls, params: Mapping[str, Any], *, strategy: str, market: Market) -> Self:
        """Open it from its table in the configuration.

        Raises: ConfigInvalid when a parameter is wrong.
        """
        return cls(parse(CoinParams, params, f"strategies.{strategy}.signal"), strategy=strategy, market=market)

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Nothing to remember."""

    def on_bar(self, bar: Bar) -> SignalMade | None:
        """The throw of this bar."""
        given, ts = self._params, bar.ts_close_utc_ns
        rng = random.Random(f"coin {given.seed} {self._strategy} {ts}")
        if rng.random() >= given.often_frac:
            return None
        side = rng.choice((-1, 1))
        close = self._market.ticks(bar.close_points)
        return SignalMade(
            strategy=self._strategy,
            market=bar.market,
            signal_id=f"{self._strategy}@{ts}",
            slot_utc_ns=ts,
            side=side,
            stop_ticks=given.stop_ticks,
            target_ticks=given.target_ticks,
            ts_event_utc_ns=ts,
            price_ticks=close - side * rng.randint(-2, 3) if given.limit else 0,
        )
