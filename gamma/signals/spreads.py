"""Credit spreads by a rule: when to look, what the structure brings, and when what was sold is bought back.

What the rules share; a rule says which options to sell. All that is decided from is the chain that is known at the
close of a bar, and how the strategy stands.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, final
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AfterValidator, BaseModel, Field

from gamma.bars import Bar
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.events import Leg, Manage, ManageWanted, SignalMade
from gamma.exits import CreditRule, credit_exit, credit_kept_frac
from gamma.gex import Reading
from gamma.markets import Kind, Market
from gamma.options import Chain, Option, settles_utc_ns
from gamma.ports import KnownChains, Surroundings
from gamma.reasons import Fact
from gamma.structures import CreditStructure, Right, Wing
from gamma.views import Situation

NS: Final = 10**9
DAY_S: Final = 86_400
_NEW_YORK: Final = ZoneInfo("America/New_York")


def _times(times: tuple[str, ...]) -> tuple[str, ...]:
    for text in times:
        try:
            datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - a time of any day
        except ValueError:
            raise ValueError(f"{text!r} is no time; write it as 09:36") from None
    return tuple(sorted(times))


@final
class Selling(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What all rules that sell spreads share.

    `entry_times`: once after each, New York time, a trade is looked for. `days_max`: of the options that settle within
    so many days the first are sold. `credit_min_frac`: the least credit, as a share of the width. `concession_frac`:
    how far the limit lies from the mid (0) to what is bid (1). `entry_bars`: an entry that has not filled after so many
    bars is taken back. A chain older than `chain_age_max_s` is not traded on. `reading`: how exposure is reckoned.
    """

    entry_times: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_times)] = (
        *("09:36", "10:00", "10:30", "11:00", "11:30", "12:00", "12:30"),
    )
    days_max: Annotated[float, Field(gt=0, le=60)] = 1.0
    credit_min_frac: Annotated[float, Field(gt=0, lt=1)] = 0.1
    concession_frac: Annotated[float, Field(ge=0, le=1)] = 1.0
    entry_bars: Annotated[int, Field(ge=1)] = 2
    chain_age_max_s: Annotated[float, Field(gt=0)] = 900.0
    reading: Reading = Reading(days_max=1.0)
    exits: CreditRule = CreditRule()


# Where a table within is given in part, the rest of it stays as it is here.
SELLING: Final[Mapping[str, Any]] = {"reading": {"days_max": 1.0}, "exits": {}}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which wings to sell, and what that was decided from; without wings nothing is sold."""

    wings: tuple[Wing, ...]
    notes: Mapping[str, Fact]


Rule = Callable[[Chain], Plan]


def opened(surroundings: Surroundings, market: Market, strategy: str) -> KnownChains:
    """The chains that a strategy sells from.

    Raises: ConfigInvalid when there are none, or the market has no option spreads.
    """
    where = f"strategies.{strategy}.signal"
    if market.kind is not Kind.OPTION_SPREAD:
        raise ConfigInvalid(f"[{where}] {market.symbol} has no option spreads; trade SPX or NDX")
    if surroundings.chains is None:
        raise ConfigInvalid(f'[{where}] sells spreads and sees no option chain; name files: [chains] files = ["..."]')
    return surroundings.chains


def wing(right: Right, short_points: float, width_points: float) -> Wing:
    """The option sold, and the one bought that bounds its loss."""
    out = width_points if right is Right.CALL else -width_points
    return Wing(
        right=right,
        short_strike_points=Decimal(str(short_points)),
        long_strike_points=Decimal(str(short_points + out)),
    )


def first_to_settle(chain: Chain, days_max: float) -> Chain:
    """Of the options that settle within so many days, those that settle first; maybe none."""
    years = chain.years
    left = np.where((years > 0) & (years * 365 <= days_max), years, math.inf)
    return chain.rows(np.isfinite(left) & (left == left.min(initial=math.inf)))


@final
class SpreadSeller:
    """One strategy that sells spreads in one market, once after each of its times; it holds one structure at a time."""

    def __init__(self, strategy: str, market: Market, chains: KnownChains, terms: Selling, rule: Rule) -> None:
        self._strategy = strategy
        self._market = market
        self._chains = chains
        self._terms = terms
        self._rule = rule
        self._ts_utc_ns = 0
        self._best_frac = -math.inf
        self._waited = 0
        self._why_none = ""
        self._past: tuple[int, ...] = ()

    @property
    def why_none(self) -> str:
        """Why nothing was looked for when it was time: `no_chain`, or `stale_chain`."""
        return self._why_none

    @property
    def bars_needed(self) -> int:
        """One: all that it sees is the chain of the moment."""
        return 1

    @property
    def warm(self) -> bool:
        """Always."""
        return True

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Take history: nothing is looked for on these bars."""
        for bar in bars:
            self._ts_utc_ns = max(self._ts_utc_ns, bar.ts_close_utc_ns)
        self._past = tuple(bar.ts_close_utc_ns for bar in bars)

    def decide(self, bar: Bar, situation: Situation) -> SignalMade | ManageWanted | None:
        """Sell, buy back, or neither; nothing on a bar that is no news."""
        before, now = self._ts_utc_ns, bar.ts_close_utc_ns
        self._why_none = ""
        if bar.market != self._market.symbol or now <= before:
            return None
        self._ts_utc_ns = now
        if situation.lots:
            self._waited = 0
            return None if situation.leaving else self._leave(now, situation)
        if situation.side:
            self._waited += 1
            return self._close(now, "unfilled") if self._waited >= self._terms.entry_bars else None
        self._best_frac, self._waited, self._past = -math.inf, 0, ()
        if not self._due(max(before, bar.ts_open_utc_ns), now):
            return None
        chain = self._chain(now)
        if chain is None:
            known = self._chains.known(self._market.symbol, now)
            self._why_none = "no_chain" if known is None else "stale_chain"
            return None
        return self._sell(chain, now)

    def _chain(self, ts_utc_ns: int) -> Chain | None:
        chain = self._chains.known(self._market.symbol, ts_utc_ns)
        fresh = chain is not None and ts_utc_ns - chain.ts_utc_ns <= self._terms.chain_age_max_s * NS
        return chain if fresh else None

    def _due(self, before_utc_ns: int, now_utc_ns: int) -> bool:
        """Whether one of the times lies after the bar before, up to this one."""
        now = datetime.fromtimestamp(now_utc_ns // NS, UTC).astimezone(_NEW_YORK)
        for text in self._terms.entry_times:
            at = now.replace(hour=int(text[:2]), minute=int(text[3:]), second=0, microsecond=0)
            if before_utc_ns < round(at.timestamp()) * NS <= now_utc_ns:
                return True
        return False

    def _sell(self, chain: Chain, now_utc_ns: int) -> SignalMade | None:
        plan = self._rule(chain)
        if not plan.wings:
            return None
        listed = {(one.right, one.strike_points): one for one in self._listed(chain)}
        legs = _legs(plan.wings, listed)
        if legs is None:
            return None
        mid = sum(side * _mid(option) for option, side in legs)
        bid = sum(side * (option.bid_points if side > 0 else option.ask_points) for option, side in legs)
        limit = mid - self._terms.concession_frac * (mid - bid)
        per_point = self._market.ticks_per_point
        ticks = math.floor(limit * per_point + 1e-6) if math.isfinite(limit) else 0
        width = max(float(one.width_points) for one in plan.wings)
        if ticks <= 0 or ticks < self._terms.credit_min_frac * width * per_point - 1e-6:
            return None
        return self._signal(plan, legs, (ticks, round(mid * per_point)), now_utc_ns)

    def _listed(self, chain: Chain) -> list[Option]:
        near = first_to_settle(chain, self._terms.days_max)
        return [near.option(row) for row in range(len(near))]

    def _signal(
        self, plan: Plan, legs: list[tuple[Option, int]], ticks: tuple[int, int], now_utc_ns: int
    ) -> SignalMade | None:
        market, (price_ticks, mid_ticks) = self._market, ticks
        try:
            structure = CreditStructure(
                market=market, wings=plan.wings, credit_points=Decimal(price_ticks) / market.ticks_per_point
            )
        except InputInvalid:  # a credit as wide as the structure: the quotes are wrong
            return None
        return SignalMade(
            strategy=self._strategy,
            market=market.symbol,
            signal_id=f"{self._strategy}-{now_utc_ns}",
            slot_utc_ns=now_utc_ns,
            side=-1,
            stop_ticks=0,
            target_ticks=0,
            price_ticks=price_ticks,
            credit_ticks=mid_ticks,
            width_ticks=market.exact_ticks(structure.width_points),
            risk_microusd_per_lot=structure.risk_microusd_per_lot(2 * market.fee_microusd(1, price_ticks)),
            # The structure is sold: what it is short of is what its buyer would be long of.
            legs=tuple(Leg(symbol=option.symbol, ratio=side) for option, side in legs),
            ts_event_utc_ns=now_utc_ns,
            notes={**plan.notes, "credit_mid_points": market.points(mid_ticks)},
        )

    def _leave(self, now_utc_ns: int, situation: Situation) -> ManageWanted | None:
        """What was sold is bought back by the rules of exit; an unknown cost leaves it to the time."""
        held_before = max(0, situation.bars_held - 1)
        for ts_utc_ns in self._past[len(self._past) - held_before :]:  # what was made before this start
            self._kept_frac(ts_utc_ns, situation)
        self._past = ()
        kept = self._kept_frac(now_utc_ns, situation)
        left_s = min((settles_utc_ns(symbol) - now_utc_ns for symbol, _ in situation.legs), default=DAY_S * NS) / NS
        if left_s <= 0:  # it settles by itself, and nobody buys it back any more
            return None
        why = credit_exit(self._terms.exits, kept_frac=kept, best_frac=self._best_frac, left_s=left_s)
        return self._close(now_utc_ns, why) if why else None

    def _kept_frac(self, ts_utc_ns: int, situation: Situation) -> float:
        """What of the credit would be kept at that time, and so at best until then; NaN where nobody knows."""
        chain = self._chain(ts_utc_ns)
        cost = math.nan if chain is None else _cost_points(chain, situation.legs)
        kept = float(credit_kept_frac(self._market.points(situation.entry_ticks), cost))
        self._best_frac = max(self._best_frac, kept) if kept == kept else self._best_frac
        return kept

    def _close(self, now_utc_ns: int, why: str) -> ManageWanted:
        return ManageWanted(
            strategy=self._strategy,
            market=self._market.symbol,
            manage=Manage.CLOSE,
            slot_utc_ns=now_utc_ns,
            ts_event_utc_ns=now_utc_ns,
            why=why,
        )


def _legs(wings: Sequence[Wing], listed: Mapping[tuple[Right, float], Option]) -> list[tuple[Option, int]] | None:
    """Each option to sell (1) and to buy (-1); None where one is not listed, or has no price on its side."""
    found: list[tuple[Option, int]] = []
    for one in wings:
        for strike, side in ((one.short_strike_points, 1), (one.long_strike_points, -1)):
            option = listed.get((one.right, float(strike)))
            if option is None:
                return None
            found.append((option, side))
    priced = all(0 < (o.bid_points if side > 0 else o.ask_points) < math.inf for o, side in found)
    return found if priced else None


def _cost_points(chain: Chain, legs: Sequence[tuple[str, int]]) -> float:
    """What a structure costs to buy, at the mids; a bid of 0 counts, and a leg that is not quoted makes it NaN."""
    cost = 0.0
    for symbol, ratio in legs:
        row = chain.row(symbol)
        cost += ratio * _mid(chain.option(row)) if row is not None else math.nan
    return cost if legs else math.nan


def _mid(option: Option) -> float:
    """Halfway between bid and ask; a bid of 0 is one, for what is far out of the money."""
    quoted = 0 <= option.bid_points <= option.ask_points and 0 < option.ask_points < math.inf
    return (option.bid_points + option.ask_points) / 2 if quoted else math.nan


def over(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, over the defaults, table by table: what a table leaves out stays as it was."""
    both = {
        key: over(value, given[key])
        for key, value in defaults.items()
        if isinstance(value, Mapping) and isinstance(given.get(key), Mapping)
    }
    return {**defaults, **given, **both}
