"""What a chain looks at of a record, found by calling it with arrays: sums are cheap to keep, single trades not."""

from collections.abc import Sequence
from typing import Final, final

import numpy as np

from gamma.book.trading import TRADES_KEPT
from gamma.errors import InputInvalid
from gamma.kelly import Record, Rolling
from gamma.montecarlo.paths import Setting
from gamma.montecarlo.rules import Account
from gamma.montecarlo.stream import Stream, at
from gamma.sizing import Sizer, chain_lots
from gamma.views import AccountView, TrackView

Chain = Sequence[tuple[str, Sizer]]

MEND: Final = (
    "it must take arrays, so let it choose by gamma.numeric's where, minimum and maximum; or leave it out with --sizer"
)
_LOOKS: Final = ((False, False), (False, True), (True, False), (True, True))
_PATHS: Final = 2


@final
class _Asked(dict[int, Record]):
    """Notes for which windows a record is asked."""

    def __missing__(self, window: int) -> Record:
        none = np.zeros(_PATHS)
        self[window] = Record(trades=none, wins=none, losses=none, total_usd=none, win_total_usd=none, sound=True)
        return self[window]


def setting_of(stream: Stream, account: Account, chain: Chain, *, uncertain: bool = False) -> Setting:
    """What a simulation needs to know of a chain.

    Raises: InputInvalid where there is none, or one of its sizers cannot be called with arrays.
    """
    if not chain:
        raise InputInvalid("no sizer to simulate; name one with --sizer, or a strategy of the configuration")
    needs = [_needs(stream, account, name, sizer) for name, sizer in chain]
    return Setting(
        stream=stream,
        account=account,
        sizers=tuple(sizer for _, sizer in chain),
        windows=tuple(sorted({window for windows, _ in needs for window in windows})),
        looks_at=(any(looks[0] for _, looks in needs), any(looks[1] for _, looks in needs)),
        uncertain=uncertain,
    )


def _needs(stream: Stream, account: Account, name: str, sizer: Sizer) -> tuple[set[int], tuple[bool, bool]]:
    fault = ""
    for looks_at in _LOOKS:
        asked = _Asked()
        try:
            _called(stream, account, sizer, looks_at, asked)
        except Exception as error:  # noqa: BLE001 - whatever a third party's sizer raises
            fault = f"{type(error).__name__}: {error}"
        else:
            return set(asked), looks_at
    raise InputInvalid(f"sizer {name} cannot be simulated ({fault}): {MEND}")


def _called(stream: Stream, account: Account, sizer: Sizer, looks_at: tuple[bool, bool], asked: _Asked) -> None:
    usd, trades = np.full(_PATHS, account.start_usd), np.zeros((_PATHS, TRADES_KEPT))
    view = at(
        stream.scene,
        {path: np.full(_PATHS, values[0]) for path, values in stream.seen.items()},
        AccountView(
            balance_usd=usd,
            equity_usd=usd,
            starting_capital_usd=account.capital_usd,
            peak_equity_usd=usd,
            floor_usd=0.5 * usd,
            floor_room_start_usd=account.start_usd,
            cash_usd=usd,
        ),
        TrackView(
            pnl_usd_per_lot=trades if looks_at[0] else Rolling(records=asked),
            r_multiples=trades if looks_at[1] else Rolling(records={}),
            trades=np.full(_PATHS, TRADES_KEPT),
        ),
    )
    with np.errstate(all="ignore"):
        chain_lots([sizer], view)
