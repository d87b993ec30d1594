"""The size pickers of a configuration: opened by their checkpoints, and refused where they do not fit."""

from collections.abc import Callable, Sequence
from pathlib import Path

from gamma import checkpoints
from gamma.config import Config
from gamma.errors import ConfigInvalid
from gamma.markets import Market
from gamma.picking import Picking
from gamma.picks import Asking
from gamma.rules import Rules


def opened(config: Config, rules: Rules, bar_s: Callable[[], int]) -> dict[str, Picking]:
    """The size picker of each strategy whose chain asks one; where none does, no file is read for the length of bars.

    Raises: ConfigInvalid when it is refused, or not made for this market, for bars of this length, or for live trading.
    """
    found: dict[str, Picking] = {}
    where = checkpoints.folders(config.paths.models)
    for name, strategy in rules.strategies.items():
        asking = [(section, sizer) for section, sizer in strategy.sizers if isinstance(sizer, Asking)]
        if len(asking) > 1:
            both = " and ".join(section for section, _ in asking)
            raise ConfigInvalid(f"[strategies.{name}] {both} would both ask a size picker; leave one in its chain")
        for section, sizer in asking:
            found[name] = _picking(f"sizers.{section}", sizer, strategy.market, where)
            _check_picker(f"sizers.{section}", found[name], config.gamma.mode, bar_s())
    return found


def _picking(section: str, sizer: Asking, market: Market, where: Sequence[Path]) -> Picking:
    if not sizer.sha256:
        raise ConfigInvalid(
            f"[{section}] sha256 is not set: pin the checkpoint, as `gamma models show {sizer.checkpoint}` prints it"
        )
    try:
        picker = checkpoints.picker(sizer.checkpoint, sizer.sha256, market, where)
    except ConfigInvalid as error:
        raise ConfigInvalid(f"[{section}] {error}") from None
    return Picking(picker, sizer, market)


def _check_picker(section: str, picking: Picking, mode: str, bar_s: int) -> None:
    """A picker judges what it was trained on.

    Raises: ConfigInvalid.
    """
    picker, name, symbol = picking.picker, picking.sizer.checkpoint, picking.market.symbol
    if symbol not in picker.trained.markets:
        raise ConfigInvalid(
            f"[{section}] checkpoint {name} was trained for {', '.join(picker.trained.markets)}, and the strategy"
            f" trades {symbol}; name one that was trained for it"
        )
    if bar_s != picker.bar_s:
        raise ConfigInvalid(
            f"[{section}] checkpoint {name} judges sizes from bars of {picker.bar_s} s, and those of the feed are"
            f" {bar_s} s long; set [feed] bar_s = {picker.bar_s}, or bar_length_s of a file feed"
        )
    if mode == "live" and picker.trained.paper_only:
        raise ConfigInvalid(
            f"[{section}] checkpoint {name} is for paper only: it has not qualified in an evaluation out of sample;"
            ' see `gamma models show`, and set mode = "paper"'
        )
