"""The config as `gamma run` wants it: the file, with what the command line says on top."""

import math
from collections.abc import Sequence
from pathlib import Path

from gamma.cli.chosen import configuration
from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.params import revealed


def configured(
    path: Path, *, mode: str = "", feed: Sequence[str] = (), speed: str = "", skip_bad: bool = False
) -> Config:
    """Read the configuration, with the options of `gamma run` above all that the file says.

    A FILE without a market is traded as the market of the first strategy; strategies whose market has
    no file are left out, and a feed for a market that no strategy trades is refused.

    Raises: ConfigInvalid, InputInvalid.
    """
    given: dict[str, object] = {}
    if mode:
        given["gamma.mode"] = mode
    if speed:
        given["feed.speed"] = speed if speed == "max" else _times(speed)
    if skip_bad:
        given["feed.skip_bad"] = True
    if not feed:
        return configuration(path, given)
    config = configuration(path)
    files = dict(_file(config, one) for one in feed)
    strategies = [s for s in config.strategies if s.market in files]
    if unknown := sorted(set(files) - {s.market for s in strategies}):
        traded = ", ".join(sorted({s.market for s in config.strategies}))
        raise InputInvalid(f"--feed gives bars of {', '.join(unknown)}, which no strategy trades; traded: {traded}")
    given["feed.use"] = "file"
    given["feed.files"] = [{"market": market, "path": file} for market, file in files.items()]
    given["strategies"] = [revealed(s.model_dump(exclude_unset=True)) for s in strategies]
    return configuration(path, given)


def _file(config: Config, text: str) -> tuple[str, str]:
    """MARKET=FILE, or FILE alone."""
    market, equals, file = text.partition("=")
    if equals:
        return market, file
    return config.strategies[0].market, text


def _times(text: str) -> float:
    try:
        times = float(text)
    except ValueError:
        times = 0.0
    if not 0 < times < math.inf:
        raise InputInvalid(f"--speed {text!r} is neither a number above 0 nor max")
    return times
