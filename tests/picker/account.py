"""An account that trades gold on simulated hours, sized by a picker."""

from pathlib import Path
from typing import Final

CONFIG: Final = """
[account]
starting_capital_usd = 1_000

[feed]
seed = 1
bar_s = 3600
start = "2026-03-02"
speed = "max"

[[strategies]]
name = "gold"
market = "{market}"
signal = {{ use = "breakout", entry_bars = 8, stop_atr = 3.0, target_r = 2.0 }}
sizers = [{sizers}]
guards = ["safety_halt"]
adds = {adds}

[sizers.{sizer}]
checkpoint = "{checkpoint}"
sha256 = "{sha256}"
{params}

[guards.safety_halt]
halt_frac = 0.1
drawdown_half_frac = 0.97
drawdown_halt_frac = 0.98

[paths]
models = "{models}"
"""


def write_config(
    folder: Path,
    sha256: str,
    *,
    sizer: str = "size_picker",
    sizers: str = "",
    market: str = "XAU_USD",
    params: str = "",
    adds: bool = False,
    more: str = "",
) -> Path:
    """Write the configuration of a daemon that runs in this folder; its picker is `models/oracle` there."""
    path = folder / "config.toml"
    text = CONFIG.format(
        market=market,
        sizers=sizers or f'"{sizer}"',
        sizer=sizer,
        checkpoint="oracle",
        sha256=sha256,
        params=params,
        adds=str(adds).lower(),
        models=folder / "models",
    )
    path.write_text(text + more)
    return path
