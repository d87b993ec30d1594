"""What the daemon of a schedule trades by: four strategies in three markets, at one broker of a known kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from gamma.assembly import rules_of, setup_of
from gamma.book import Setup
from gamma.chaos.drill import ACCOUNT, ALERTS_HOST, CAPITAL_USD
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.chaos.simulation.world import Traded
from gamma.config import Config
from gamma.markets import Kind
from gamma.markets import market as known
from gamma.ports import Capabilities
from gamma.rules import Rules
from gamma.sizing import Sizer

HOOK: Final = f"https://{ALERTS_HOST}/hook"
LOTS: Final = 2
EVENT_LOTS: Final = 12
QUOTE_AGE_MAX_S: Final = 15.0
INDEX, CREDIT = "index", "credit"
HEARTBEAT_S: Final = 7.0
_GUARDS: Final = [
    "kill_switch", "stale_data", "order_sanity", "order_size", "position_limit", "order_rate", "safety_halt",
    "position_match",
]  # fmt: skip
_SESSIONS: Final = ["session_hours", "flat_by"]
_BRACKET: Final = {"break_even_r": 0.5, "trail_from_r": 1.0, "time_bars": 4}


def config(folder: Path, markets: Sequence[Traded], *, sessions: bool = False) -> Config:
    """The configuration, with its files in the folder; with `sessions` every position is closed before the day is."""
    made = _config(tuple(markets), sessions)
    return made.model_copy(
        update={
            "gamma": made.gamma.model_copy(update={"database": f"sqlite:///{folder}/gamma.db"}),
            "paths": made.paths.model_copy(update={"kill_switch": f"{folder}/gamma.kill"}),
        }
    )


def trading(capabilities: Capabilities, markets: Sequence[Traded], *, sessions: bool = False) -> tuple[Setup, Rules]:
    """The account and its rules at a broker that can do this."""
    return _trading(capabilities, tuple(markets), sessions)


@lru_cache(maxsize=8)
def _trading(capabilities: Capabilities, markets: tuple[Traded, ...], sessions: bool) -> tuple[Setup, Rules]:
    made = _config(markets, sessions)
    return setup_of(made), rules_of(made, capabilities)


@lru_cache(maxsize=8)
def _config(markets: tuple[Traded, ...], sessions: bool) -> Config:
    guards = [*_GUARDS, *(_SESSIONS if sessions else ())]
    schedule = (
        {"heartbeat_s": 60, "listen_s": 30} if sessions else {"reconcile_s": 20, "heartbeat_s": 30, "listen_s": 15}
    )
    return Config.model_validate(
        {
            "account": {"name": ACCOUNT, "starting_capital_usd": CAPITAL_USD},
            "alerts": {"paper": {"discord_critical": HOOK, "discord_routine": HOOK}},
            "schedule": schedule,
            "brokers": {"chaos": {}},
            "strategies": [strategy | {"guards": guards} for strategy in _strategies(markets)],
            "sizers": {"fixed": {"lots": LOTS}},
            "guards": _LIMITS,
        }
    )


def _strategies(markets: Sequence[Traded]) -> Iterator[dict[str, Any]]:
    """Two in the first market without legs, perhaps against one another; one in each other market.

    In event contracts they add to what they hold.
    """
    spreads = [traded.symbol for traded in markets if traded.legs]
    first, *others = [traded.symbol for traded in reversed(markets) if not traded.legs] or [""]
    if first:
        yield _strategy("swing", first, exits=_BRACKET)
        yield _strategy("scalp", first, exits={"time_bars": 2})
    for n, symbol in enumerate(others):
        yield _strategy(f"{INDEX}{n or ''}", symbol, exits=_BRACKET)
    for n, symbol in enumerate(spreads):
        yield _strategy(f"{CREDIT}{n or ''}", symbol, exits={"time_bars": 3})


def with_sizer(rules: Rules, name: str, sizer: Sizer) -> Rules:
    """The rules with one more sizer at the end of each chain."""
    strategies = {who: replace(s, sizers=(*s.sizers, (name, sizer))) for who, s in rules.strategies.items()}
    return replace(rules, strategies=strategies)


def caps(rules: Rules) -> dict[str, int]:
    """The most lots that all strategies of a market may hold together."""
    held: dict[str, int] = {}
    for strategy in rules.strategies.values():
        lots = held.get(strategy.market.symbol, 0) + LOTS
        held[strategy.market.symbol] = EVENT_LOTS if strategy.adds else lots
    return held


def _strategy(name: str, market: str, exits: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "market": market,
        "broker": "chaos",
        "signal": {"use": "chaos"},
        "sizers": ["fixed"],
        "exits": exits,
        "adds": known(market).kind is Kind.EVENT,
    }


_LIMITS: Final[dict[str, Any]] = {
    "kill_switch": {"flatten": False},
    "stale_data": {"quote_age_max_s": QUOTE_AGE_MAX_S, "bar_age_max_bars": 3, "clock_offset_max_s": 1},
    "order_size": {"lots_max": {"micro": 12, "spot": 30, "option_spread": 3, "event": 12}},
    "position_limit": {
        "lots_max": {"micro": 12, "spot": 30, "option_spread": 3, "event": EVENT_LOTS},
        "minis_max": 9.0,
    },
    "order_rate": {"minute_max": 20, "day_max": 600, "exits_minute_max": 60, "exits_day_max": 1_800, "cancels_max": 60},
    "safety_halt": {"halt_frac": 0.5, "drawdown_half_frac": 0.3, "drawdown_halt_frac": 0.4},
    "position_match": {"mismatches_halt": 2},
    "session_hours": {"open_quiet_s": 300, "close_quiet_s": 1200},
    "flat_by": {"cancel_before_s": 900, "flat_before_s": 600, "verify_before_s": 60},
}


def asking(config: Config, plan: Plan) -> Config:
    """A sluggish broker is asked for fills often: so one is seen that shows before an older one does."""
    often = config.schedule.model_copy(update={"heartbeat_s": HEARTBEAT_S})
    return config.model_copy(update={"schedule": often}) if Fault.SLUGGISH in plan.faults else config
