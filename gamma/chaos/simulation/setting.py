"""What the daemon of a schedule trades by: four strategies in three markets, at one broker of a known kind."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from gamma.assembly import rules_of, setup_of
from gamma.book import Setup
from gamma.chaos.broker.quirks import Quirks
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.config import Config
from gamma.markets import MICRO
from gamma.ports import Capabilities
from gamma.rules import Rules
from gamma.sizing import Sizer

ACCOUNT: Final = "chaos"
HOOK: Final = "https://alerts.example/hook"
START_MICROUSD: Final = 1_000_000 * MICRO
LOTS: Final = 2
QUOTE_AGE_MAX_S: Final = 15.0
SPREAD: Final = "XSP"
REJECT_FRAC: Final = 0.15
CANCEL_S: Final = 8.0  # long enough for the market to move before a cancel takes effect
PAGE_SIZE: Final = 3
HEARTBEAT_S: Final = 7.0
_GUARDS: Final = [
    "kill_switch", "stale_data", "order_sanity", "order_size", "position_limit", "order_rate", "safety_halt",
    "position_match",
]  # fmt: skip
_SESSIONS: Final = ["session_hours", "flat_by"]
_BRACKET: Final = {"break_even_r": 0.5, "trail_from_r": 1.0, "time_bars": 4}


def markets(capabilities: Capabilities) -> tuple[str, ...]:
    """What is traded; option spreads where the broker takes orders of several legs."""
    return ("MES", "MNQ", SPREAD) if capabilities.multi_leg else ("MES", "MNQ")


def config(folder: Path, capabilities: Capabilities, *, sessions: bool = False) -> Config:
    """The configuration, with its files in the folder; with `sessions` every position is closed before the day is."""
    made = _config(capabilities.multi_leg, sessions)
    return made.model_copy(
        update={
            "gamma": made.gamma.model_copy(update={"database": f"sqlite:///{folder}/gamma.db"}),
            "paths": made.paths.model_copy(update={"kill_switch": f"{folder}/gamma.kill"}),
        }
    )


@lru_cache(maxsize=8)
def trading(capabilities: Capabilities, *, sessions: bool = False) -> tuple[Setup, Rules]:
    """The account and its rules at a broker that can do this."""
    made = _config(capabilities.multi_leg, sessions)
    return setup_of(made), rules_of(made, capabilities)


@lru_cache(maxsize=4)
def _config(multi_leg: bool, sessions: bool) -> Config:
    guards = [*_GUARDS, *(_SESSIONS if sessions else ())]
    strategies = [
        _strategy("swing", "MNQ", exits=_BRACKET),
        _strategy("scalp", "MNQ", exits={"time_bars": 2}),
        _strategy("index", "MES", exits=_BRACKET),
    ]
    if multi_leg:
        strategies.append(_strategy("credit", SPREAD, exits={"time_bars": 3}))
    schedule = (
        {"heartbeat_s": 60, "listen_s": 30} if sessions else {"reconcile_s": 20, "heartbeat_s": 30, "listen_s": 15}
    )
    return Config.model_validate(
        {
            "account": {"name": ACCOUNT, "starting_capital_usd": START_MICROUSD // MICRO},
            "alerts": {"paper": {"discord_critical": HOOK, "discord_routine": HOOK}},
            "schedule": schedule,
            "brokers": {"chaos": {}},
            "strategies": [strategy | {"guards": guards} for strategy in strategies],
            "sizers": {"fixed": {"lots": LOTS}},
            "guards": _LIMITS,
        }
    )


def with_sizer(rules: Rules, name: str, sizer: Sizer) -> Rules:
    """The rules with one more sizer at the end of each chain."""
    strategies = {who: replace(s, sizers=(*s.sizers, (name, sizer))) for who, s in rules.strategies.items()}
    return replace(rules, strategies=strategies)


def caps(rules: Rules) -> dict[str, int]:
    """The most lots that all strategies of a market may hold together."""
    held: dict[str, int] = {}
    for strategy in rules.strategies.values():
        held[strategy.market.symbol] = held.get(strategy.market.symbol, 0) + LOTS
    return held


def _strategy(name: str, market: str, exits: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "market": market,
        "broker": "chaos",
        "signal": {"use": "chaos"},
        "sizers": ["fixed"],
        "exits": exits,
    }


_LIMITS: Final[dict[str, Any]] = {
    "kill_switch": {"flatten": False},
    "stale_data": {"quote_age_max_s": QUOTE_AGE_MAX_S, "bar_age_max_bars": 3, "clock_offset_max_s": 1},
    "order_size": {"lots_max": {"micro": 12, "option_spread": 3}},
    "position_limit": {"lots_max": {"micro": 12, "option_spread": 3}, "minis_max": 9.0},
    "order_rate": {"minute_max": 20, "day_max": 600, "exits_minute_max": 60, "exits_day_max": 1_800, "cancels_max": 60},
    "safety_halt": {"halt_frac": 0.5, "drawdown_half_frac": 0.3, "drawdown_halt_frac": 0.4},
    "position_match": {"mismatches_halt": 2},
    "session_hours": {"open_quiet_s": 300, "close_quiet_s": 1200},
    "flat_by": {"cancel_before_s": 900, "flat_before_s": 600, "verify_before_s": 60},
}


def paged(quirks: Quirks, plan: Plan) -> Quirks:
    """The broker's lists, in pages as long as they are in this schedule."""
    return replace(quirks, page_size=PAGE_SIZE) if Fault.SLUGGISH in plan.faults else quirks


def asking(config: Config, plan: Plan) -> Config:
    """A sluggish broker is asked for fills often: so one is seen that shows before an older one does."""
    often = config.schedule.model_copy(update={"heartbeat_s": HEARTBEAT_S})
    return config.model_copy(update={"schedule": often}) if Fault.SLUGGISH in plan.faults else config


def worse(quirks: Quirks, plan: Plan) -> Quirks:
    """The broker as it is while things go wrong."""
    parts = Fault.FILLS in plan.faults
    return replace(
        quirks,
        reject_frac=REJECT_FRAC if Fault.REJECTS in plan.faults else 0.0,
        partial_frac=0.5 if parts else 0.0,
        fills_repeat=quirks.fills_repeat or parts,
        cancel_s=CANCEL_S if Fault.SLUGGISH in plan.faults else quirks.cancel_s,
    )
