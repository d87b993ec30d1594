"""The view as a JAX pytree: what is declared `Num` is a leaf, text and everything else is static.

Importing this module registers the records; a sizer is then traced, compiled and mapped like any function
of arrays. Static fields must be equal for two views to share one compilation.
"""

from dataclasses import fields
from typing import Any, Final, get_type_hints

import jax

from gamma.views import (
    AccountView,
    ActivityView,
    ClockView,
    ControlView,
    CurveView,
    LiquidityView,
    MarketView,
    PositionView,
    SignalView,
    TrackView,
    View,
)

PARTS: Final = (
    AccountView,
    ActivityView,
    ClockView,
    ControlView,
    CurveView,
    LiquidityView,
    MarketView,
    PositionView,
    SignalView,
    TrackView,
)


def _register(record: type) -> None:
    hints = get_type_hints(record)
    leaves = [f.name for f in fields(record) if hints[f.name] in {Any, *PARTS, CurveView | None}]
    jax.tree_util.register_dataclass(
        record, data_fields=leaves, meta_fields=[f.name for f in fields(record) if f.name not in leaves]
    )


for _record in (*PARTS, View):
    _register(_record)
