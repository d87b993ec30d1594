"""What may be expected of a fake broker with certain quirks, and the markets in its own terms."""

from collections.abc import Mapping
from typing import Final

from gamma.chaos.broker.quirks import Contract, Quirks
from gamma.markets import Market
from gamma.ports import Capabilities, Dedupe

# The latest that a request was ever seen to arrive after it was sent, with some to spare [s].
ARRIVES_S: Final = 40.0


def capabilities(quirks: Quirks) -> Capabilities:
    """What a broker with these quirks can do, and how long it may take to tell what became of an order.

    Absence is never one look's finding: a request may be on its way for longer than we waited for its answer.
    """
    dedupes = {"forever": Dedupe.FOREVER, "open_only": Dedupe.OPEN_ONLY}
    direct = quirks.lookup == "direct"
    return Capabilities(
        name=f"chaos ({quirks.name})",
        dedupe=dedupes.get(quirks.dedupe, Dedupe.NONE),
        direct_lookup=direct,
        bracket=quirks.bracket,
        multi_leg=quirks.multi_leg,
        replace=quirks.replace,
        reduce_only=quirks.reduce_only,
        order_stream=False,
        client_id_max_len=quirks.client_id_max,
        absence_listings=2 if direct else 3,
        absence_spacing_s=10.0 if direct else 20.0,
        quiet_window_s=ARRIVES_S + 2 * quirks.lag_s + quirks.decides_s,
    )


def contracts_of(markets: Mapping[str, Market]) -> dict[str, Contract]:
    """The markets as the fake broker knows them."""
    return {
        symbol: Contract(
            ticks_per_point=market.ticks_per_point,
            tick_value_microusd=market.tick_value_microusd,
            commission_microusd=market.commission_microusd,
        )
        for symbol, market in markets.items()
    }
