"""Rules about what came of the trades: target, days of trading, consistency, costs. Pure."""

from collections import defaultdict

from gamma import calendar
from gamma.compliance.conduct import NOWHERE, Conduct, Where
from gamma.compliance.findings import Case, Finding, Outcome
from gamma.events import Trade
from gamma.markets import MICRO, Kind
from gamma.profiles import passes_consistency


def target(case: Case) -> Finding:
    """In an evaluation the profit that ends it."""
    goal, history = case.profile.target_usd.value, case.conduct.history
    made = history.end_usd - history.start_usd
    found = f"made {made:,.2f} usd"
    if isinstance(goal, str) or case.profile.phase == "funded":
        asked = "no target" if isinstance(goal, str) else "no target once funded"
        return Finding(rule="target", outcome=Outcome.PASS, asked=asked, found=found, fields=("target_usd",))
    reached = round(made * MICRO) >= round(goal * MICRO)
    return Finding(
        rule="target",
        outcome=Outcome.PASS if reached else Outcome.FAIL,
        asked=f"a profit of {goal:,.0f} usd",
        found=found,
        where=NOWHERE if reached else case.conduct.end,
        fields=("target_usd",),
        margin=f"{abs(goal - made):,.2f} usd {'over' if reached else 'to go'}",
    )


def trading_days(case: Case) -> Finding:
    """Sessions in which a trade was opened or closed; an account that never traded shows nothing."""
    least, trades = case.profile.trading_days_min.value, case.conduct.history.trades
    days = {_day(trade, ts) for trade in trades for ts in (trade.ts_open_utc_ns, trade.ts_close_utc_ns)}
    enough = Outcome.PASS if len(days) >= least else Outcome.FAIL
    return Finding(
        rule="trading_days",
        outcome=enough if days else Outcome.NOT_EVALUABLE,
        asked=f"trading on at least {least} days" if least else "no least number of days",
        found=f"traded on {len(days)} days" if days else "no trade at all: there is nothing to judge",
        where=case.conduct.end if days and enough is Outcome.FAIL else NOWHERE,
        fields=("trading_days_min",),
        margin=f"{least - len(days)} days to go" if len(days) < least else "",
    )


def consistency(case: Case) -> Finding:
    """No day may bring more than a share of the whole profit, in the phase in which the firm asks for it."""
    limit, at = case.profile.best_day_max_frac, case.profile.consistency_at.value
    fields = ("consistency_frac", "consistency_at")
    if limit == float("inf"):
        asked = "no share is asked for" if at == "none" else f"asked for at {at} only"
        return Finding(rule="consistency", outcome=Outcome.PASS, asked=asked, found="not asked for", fields=fields)
    by_day: dict[str, int] = defaultdict(int)
    last: dict[str, Trade] = {}
    for trade in case.conduct.history.trades:
        day = _day(trade, trade.ts_close_utc_ns)
        by_day[day] += trade.pnl_microusd
        last[day] = trade
    best, total = max(by_day, key=by_day.__getitem__, default=""), sum(by_day.values())
    kept = passes_consistency(by_day.get(best, 0), total, limit)
    share = by_day.get(best, 0) / total if total > 0 else 0.0
    told = f"the best day, {best}, brought {by_day.get(best, 0) / MICRO:,.2f} of {total / MICRO:,.2f} usd"
    return Finding(
        rule="consistency",
        outcome=Outcome.PASS if kept else Outcome.FAIL,
        asked=f"the best day at most {limit:.0%} of the profit",
        found=told if best else "no day brought anything",
        where=NOWHERE if kept else _closing(last[best]) if best else case.conduct.end,
        fields=fields,
        margin=f"{100 * abs(limit - share):,.1f} % of the profit{'' if kept else ' too much'}" if share else "",
    )


def costs(case: Case) -> Finding:
    """Every trade in a market with a commission paid some."""
    conduct, trades = case.conduct, case.conduct.history.trades
    asked = "results net of commissions and fees"
    if trades and not conduct.fees_told:
        found = "nothing tells of fees: give a column fees_usd"
        return Finding(rule="costs", outcome=Outcome.NOT_EVALUABLE, asked=asked, found=found)
    free = next((t for t in trades if t.fees_microusd <= 0 and _costs_something(conduct, t)), None)
    if free is None:
        paid = sum(t.fees_microusd for t in trades) / MICRO
        return Finding(rule="costs", outcome=Outcome.PASS, asked=asked, found=f"{paid:,.2f} usd of fees were paid")
    found = f"a trade in {free.market} paid no fee"
    return Finding(rule="costs", outcome=Outcome.FAIL, asked=asked, found=found, where=_closing(free))


def _closing(trade: Trade) -> Where:
    return Where(ts_utc_ns=trade.ts_close_utc_ns, row=f"trade {trade.trade_id}")


def _day(trade: Trade, ts_utc_ns: int) -> str:
    return calendar.last_session(trade.market, ts_utc_ns).date


def _costs_something(conduct: Conduct, trade: Trade) -> bool:
    market = conduct.market(trade.market)
    return market.kind is Kind.EVENT or market.commission_microusd > 0
