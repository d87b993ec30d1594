"""An event policy of the tests, and the configuration that it trades by: on paper, on simulated questions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from gamma.actions import NAMES, SIZES_LOTS
from gamma.books import EventBook
from gamma.markets import Market
from gamma.ports import Act, EventPolicy, Trained
from gamma.views import Situation

HASH = "c0" * 32
SERIES = "KXBTC15M"
SIZERS = (
    "encoded_size", "liquidity_cap", "impact_cap", "order_value_cap", "position_cap", "concentration_cap",
    "cash_buffer",
)  # fmt: skip
GUARDS = (
    "kill_switch", "stale_data", "order_sanity", "order_size", "position_limit", "gross_risk", "concentration",
    "cash_buffer", "price_collar", "spread_width", "duplicate", "order_rate", "repeat_execution", "session_hours",
    "self_match", "daily_loss", "safety_halt", "model_sanity", "position_match", "balance_match",
)  # fmt: skip
LIMITS = """
[guards.kill_switch]
flatten = true
[guards.stale_data]
quote_age_max_s = 4
bar_age_max_bars = 2
clock_offset_max_s = 1
[guards.order_size]
lots_max = { event = 100 }
[guards.position_limit]
lots_max = { event = 500 }
minis_max = 1.2
[guards.gross_risk]
equity_frac = 0.5
[guards.concentration]
portfolio_frac = 0.20
[guards.cash_buffer]
cash_min_usd = 50.0
margin_frac_max = 0.50
[guards.price_collar]
ticks_max = 20
mid_frac_max = 0.005
credit_frac_max = 0.15
cents_max = 10
[guards.spread_width]
medians_max = 5
[guards.duplicate]
window_s = 4
[guards.order_rate]
minute_max = 60
day_max = 40_000
exits_minute_max = 120
exits_day_max = 80_000
cancels_max = 20
[guards.repeat_execution]
executions_max = 50
window_s = 60
[guards.session_hours]
open_quiet_s = 0
close_quiet_s = 0
[guards.daily_loss]
soft_frac = 0.3
hard_frac = 0.4
[guards.safety_halt]
halt_frac = 0.5
drawdown_half_frac = 0.4
drawdown_halt_frac = 0.45
[guards.model_sanity]
actions = 21
age_max_days = 36500
[guards.position_match]
mismatches_halt = 2
[guards.balance_match]
gap_max_usd = 0.01
"""


@final
@dataclass(kw_only=True)
class Guesser:
    """A policy that takes any legal action by chance, and waits for two looks of each question.

    What it holds a minute before the close, it holds to the end.
    """

    seed: int = 1
    markets: tuple[str, ...] = (SERIES,)
    paper_only: bool = True
    look_s: float = 5.0
    sizes_lots: Sequence[int] = SIZES_LOTS
    looks_needed: int = 2
    looks_seen: int = 0
    actions: Sequence[str] = NAMES
    asked: list[tuple[Situation, tuple[bool, ...]]] = field(default_factory=list)
    ts_close_utc_ns: int = -1

    @property
    def trained(self) -> Trained:
        return Trained(
            sha256=HASH,
            kind="event",
            markets=self.markets,
            created="2026-11-01T00:00:00Z",
            ts_created_utc_ns=1_793_000_000_000_000_000,
            steps=1,
            paper_only=self.paper_only,
            card={},
        )

    def see(self, book: EventBook) -> None:
        if book.ts_close_utc_ns != self.ts_close_utc_ns:
            self.ts_close_utc_ns, self.looks_seen = book.ts_close_utc_ns, 0
        self.looks_seen += 1

    def act(self, situation: Situation, legal: Sequence[bool]) -> Act:
        self.asked.append((situation, tuple(legal)))
        rng = np.random.default_rng([self.seed, situation.ts_event_utc_ns % 2**32])
        logits = rng.standard_normal(len(self.actions))
        late = bool(situation.lots) and self.ts_close_utc_ns - situation.ts_event_utc_ns < 60 * 10**9
        action = 0 if late else int(np.argmax(np.where(legal, logits, -np.inf)))
        return Act(action=action, logits=tuple(map(float, logits)), legal=tuple(legal), novelty=1.0)


def opener(policy: EventPolicy) -> Any:
    """What opens the checkpoint of a strategy, in place of a shelf of them."""

    def opened(name: str, sha256: str, market: Market, where: Sequence[Path]) -> EventPolicy:  # noqa: ARG001
        return policy

    return opened


def config_text(market: str = SERIES, *, feed: str = 'use = "sim"', head: str = "", strategy: str = "") -> str:
    """The configuration of one strategy that trades by the policy."""
    return f"""
{head}
[account]
starting_capital_usd = 1_000

[feed]
{feed}

[[strategies]]
name = "event"
market = "{market}"
adds = true
signal = {{ use = "event_policy", checkpoint = "guesser", sha256 = "{HASH}" }}
sizers = {list(SIZERS)}
guards = {list(GUARDS)}
{strategy}
{LIMITS}
"""
