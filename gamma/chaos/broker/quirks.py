"""What a fake broker is like: how it knows orders again, what it lists and when, and how it says no."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

# Our word for each state of an order; a broker has words of its own.
PLAIN: Final = {
    "pending": "pending",
    "open": "open",
    "held": "held",
    "partial": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}
ODD: Final = ("calculated", "under_review")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a broker must know of a market to trade it; the margin is not looked at."""

    ticks_per_point: int
    tick_value_microusd: int
    commission_microusd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """The ways of one broker.

    `dedupe`: among which orders it knows a client order id again (never: each is a new order), and
    `duplicate` what it then answers. `receipt`: placing answers "received", and the order is decided on up to
    `decides_s` later. `refusal`: a refusal is a status of 4xx, a 200 with an error in it, or a 201 whose order is
    cancelled in the same answer. `children_told`: the answer names the orders of the bracket.

    `lookup`: whether one order can be asked for by client id. `pages`: fills since a cursor, or by page number,
    newest first. What ended more than `history_s` ago is on no list; what is new shows on lists, positions and
    balance up to `lag_s` late. `single_odd`: a list of one is its item, and an empty list the text "null".
    `fills_repeat`: fills come twice and in any order. `counts`: how an order tells what was filled: by its status
    too, by a number alone, or not at all: then it tells up to when its fills are on the list.

    `cancel_s`: how long a cancel takes, 0 for at once; `too_late` what is answered when it comes too late.

    The fractions are chances: of a market order to fill at once, of a fill to be partial, of an order to be
    refused, of an answer to show a status that nobody knows.
    """

    name: str
    dedupe: Literal["forever", "open_only", "pending_only", "never"]
    duplicate: Literal["refused", "same"] = "refused"
    receipt: bool = False
    decides_s: float = 0.0
    refusal: Literal["status", "in_200", "canceled_in_201"] = "status"
    children_told: bool = True
    lookup: Literal["direct", "scan"] = "direct"
    pages: Literal["cursor", "number"] = "cursor"
    page_size: int = 50
    history_s: float = math.inf
    lag_s: float = 0.0
    single_odd: bool = False
    fills_repeat: bool = False
    fills_carry_client_id: bool = True
    counts: Literal["native", "number", "none"] = "native"
    cancel_s: float = 0.0
    too_late: Literal["404", "422", "400_text", "200"] = "404"
    bracket: bool = True
    replace: bool = True
    multi_leg: bool = True
    reduce_only: bool = False
    client_id_max: int = 40
    words: Mapping[str, str] = field(default_factory=lambda: PLAIN)
    at_once_frac: float = 0.5
    partial_frac: float = 0.3
    reject_frac: float = 0.0
    odd_status_frac: float = 0.0


FOREVER: Final = Quirks(
    name="forever",
    dedupe="forever",
    too_late="422",
    cancel_s=0.5,
    words=PLAIN | {"pending": "pending_new", "open": "new"},
)
OPEN_ONLY: Final = Quirks(
    name="open_only",
    dedupe="open_only",
    duplicate="same",
    lookup="scan",
    page_size=20,
    history_s=4 * 3600.0,
    counts="number",
    reduce_only=True,
    words=PLAIN | {"open": "resting", "held": "resting", "filled": "executed", "expired": "canceled"},
)
PENDING_ONLY: Final = Quirks(
    name="pending_only",
    dedupe="pending_only",
    refusal="canceled_in_201",
    history_s=3600.0,
    lag_s=0.5,
    page_size=20,
    counts="number",
    reduce_only=True,
    words=PLAIN | {"open": "PENDING", "held": "PENDING", "filled": "FILLED", "canceled": "CANCELLED"},
)
NEVER_SCAN: Final = Quirks(
    name="never_scan",
    dedupe="never",
    receipt=True,
    refusal="in_200",
    children_told=False,
    lookup="scan",
    pages="number",
    page_size=8,
    history_s=2 * 3600.0,
    lag_s=10.0,
    single_odd=True,
    fills_repeat=True,
    cancel_s=1.0,
    too_late="400_text",
    odd_status_frac=0.01,
)
NEVER_RECEIPT: Final = Quirks(
    name="never_receipt",
    dedupe="never",
    receipt=True,
    decides_s=3.0,
    refusal="in_200",
    lookup="scan",
    pages="number",
    page_size=10,
    history_s=3600.0,
    lag_s=5.0,
    fills_repeat=True,
    fills_carry_client_id=False,
    counts="none",
    cancel_s=1.0,
    too_late="200",
    words=PLAIN | {"pending": "PendingNew", "open": "Working", "held": "Suspended", "filled": "Completed"},
)

SETS: Final = {q.name: q for q in (FOREVER, OPEN_ONLY, PENDING_ONLY, NEVER_SCAN, NEVER_RECEIPT)}
