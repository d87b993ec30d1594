"""Notices: what a person should be told, worded here once, and sent by `gamma.alerts`.

Pure values. A CRITICAL notice asks for a person and is repeated until acknowledged, so only what stays
as it is until somebody acts is CRITICAL; a WARNING is sent at once, INFO is gathered into digests.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gamma.reasons import Fact

UNKNOWN = "unknown"
"""How a number that is not known stands in a notice: JSON and SQL have no NaN."""

_BARS = "▁▂▃▄▅▆▇█"
_LATCHES = {"halt", "flatten_and_halt", "reducing", "strategy_off"}
_CONSEQUENCES = {
    "pause": "No entries for now; lifts by itself.",
    "reducing": "No new risk on the account until a person resumes; exits go on working.",
    "strategy_off": "No new risk by this strategy until a person resumes; exits go on working.",
    "lock_market": "No new risk in this market until a person resumes or the cause is gone.",
    "cancel_entries": "Working entries are cancelled.",
    "flatten": "Working orders are cancelled and positions closed.",
    "flatten_and_halt": "Working orders are cancelled, positions closed, and no new risk is taken.",
    "halt": "No new risk until a person resumes; open positions stay managed.",
}


class Severity(StrEnum):
    """How much a notice wants of a person."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for INFO, 1 for WARNING, 2 for CRITICAL."""
        return ("info", "warning", "critical").index(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell; notices with the same `key` say the same thing and may be sent as one with a count.

    `facts` are kept as plain numbers and words, one that is not finite as "unknown"; units stand last
    in their names.
    """

    key: str
    severity: Severity
    title: str
    text: str
    ts_event_utc_ns: int
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", {name: _plain(value) for name, value in self.facts.items()})


def started(ts_event_utc_ns: int, *, version: str, config_hash: str) -> Notice:
    """The daemon has recovered, reconciled and trades."""
    facts: dict[str, Fact] = {"version": version, "config_hash": config_hash[:12]}
    return _info(ts_event_utc_ns, "started", "Started", "Recovered, reconciled and trading.", facts)


def started_safe(ts_event_utc_ns: int, *, cause: str) -> Notice:
    """The daemon came up after repeated crashes and takes no new risk."""
    text = "Working entries are cancelled; exits go on working. No new risk until a person has seen why, and resumes."
    return _critical(ts_event_utc_ns, "started_safe", "Started SAFE", text, {"cause": cause})


def stopped(ts_event_utc_ns: int, *, cause: str, clean: bool) -> Notice:
    """The daemon stops; `clean` when it drained and closed as asked."""
    if clean:
        return _info(ts_event_utc_ns, "stopped", "Stopped", f"Stopped cleanly: {cause}.")
    return _warning(ts_event_utc_ns, "stopped_unclean", "Stopped", f"Stopped without draining: {cause}.")


def unrecorded(ts_event_utc_ns: int, *, cause: str) -> Notice:
    """The daemon stops because nothing can be recorded, this notice neither: it goes past the outbox."""
    return _critical(ts_event_utc_ns, "unrecorded", "Ledger failed", f"Stopped, for nothing can be recorded: {cause}.")


def service_failed(ts_event_utc_ns: int, *, unit: str, result: str, exit_status: str) -> Notice:
    """A unit of the service manager ended in failure; `result` and `exit_status` as it tells them."""
    facts: dict[str, Fact] = {"unit": unit, "result": result, "exit_status": exit_status}
    text = f"Look at it with: systemctl status {unit}, and: journalctl -u {unit} -n 50"
    return _critical(ts_event_utc_ns, f"service_failed:{unit}", "Service failed", text, facts)


def armed(ts_event_utc_ns: int, *, loss_max_usd: float, until_utc_ns: int) -> Notice:
    """A person armed live trading for this session."""
    facts: dict[str, Fact] = {"loss_max_usd": loss_max_usd, "until_utc_ns": until_utc_ns}
    return _warning(ts_event_utc_ns, "armed", "Armed", "Live trading is armed for this session.", facts)


def resumed(ts_event_utc_ns: int, *, scope: str, actor: str, reason: str) -> Notice:
    """A person lifted a halt; `scope` names the account, strategy or market, `reason` the halt's reason."""
    facts: dict[str, Fact] = {"scope": scope, "by": actor, "halted_for": reason}
    return _warning(ts_event_utc_ns, f"resumed:{scope}", "Resumed", f"The halt of {scope} was lifted.", facts)


def halted(ts_event_utc_ns: int, *, scope: str, actor: str, reason: str) -> Notice:
    """A person, or the daemon itself, halted the account, a strategy or a market."""
    facts: dict[str, Fact] = {"scope": scope, "by": actor, "reason": reason}
    text = f"No new risk on {scope} until a person resumes; exits go on working."
    return _critical(ts_event_utc_ns, f"halted:{scope}:{reason}", "Halted", text, facts)


def safety_halt(
    ts_event_utc_ns: int, *, balance_usd: float, starting_capital_usd: float, halt_frac: float = 0.5
) -> Notice:
    """The balance fell below `halt_frac` [1] of the starting capital."""
    facts: dict[str, Fact] = {
        "balance_usd": balance_usd,
        "starting_capital_usd": starting_capital_usd,
        "halt_below_usd": starting_capital_usd * halt_frac,
        "left_frac": balance_usd / starting_capital_usd if starting_capital_usd > 0 else math.nan,
    }
    text = f"Account below {halt_frac * 100:g}% of starting capital (safety halt)"
    return _critical(ts_event_utc_ns, "safety_halt", "Safety halt", text, facts)


def drawdown_halt(ts_event_utc_ns: int, *, equity_usd: float, peak_equity_usd: float, halt_frac: float = 0.2) -> Notice:
    """Equity fell `halt_frac` [1] or more from its peak."""
    facts: dict[str, Fact] = {
        "equity_usd": equity_usd,
        "peak_equity_usd": peak_equity_usd,
        "drawdown_usd": peak_equity_usd - equity_usd,
        "drawdown_frac": 1 - equity_usd / peak_equity_usd if peak_equity_usd > 0 else math.nan,
    }
    text = f"Drawdown from the peak reached {halt_frac * 100:g}% (safety halt)"
    return _critical(ts_event_utc_ns, "drawdown_halt", "Safety halt", text, facts)


def guard_tripped(
    ts_event_utc_ns: int, *, guard: str, action: str, reason: str, facts: Mapping[str, Fact] | None = None
) -> Notice:
    """A guard asked for `action`; those that latch until a person resumes are CRITICAL.

    `facts` may name `strategy` and `market`; they part the dedupe keys. With `until_utc_ns` in them the halt
    lifts by itself then: nobody has to act, and it is a WARNING.
    """
    facts = dict(facts or {})
    lifts = bool(facts.get("until_utc_ns"))
    where = ":".join(str(facts.get(name, "")) for name in ("strategy", "market"))
    make = _critical if action in _LATCHES and not lifts else _warning
    text = _CONSEQUENCES.get(action, f"Asked for: {action}.")
    if lifts:
        text = text.replace("until a person resumes", "until then").replace(
            ", and no new risk is taken", ", and no new risk is taken until then"
        )
    title = f"{_words(guard)}: {_words(action).lower()}"
    return make(ts_event_utc_ns, f"guard:{guard}:{action}:{where}", title, text, {"reason": reason, **facts})


def strategy_faulted(ts_event_utc_ns: int, *, strategy: str, fault: str) -> Notice:
    """A sizer or guard raised; its strategy trades 0 lots until a person looks."""
    facts: dict[str, Fact] = {"strategy": strategy, "fault": fault}
    text = "A sizer or guard failed: 0 lots, and the strategy is halted until a person resumes."
    return _critical(ts_event_utc_ns, f"fault:{strategy}", "Strategy halted by a fault", text, facts)


def invariant_broken(ts_event_utc_ns: int, *, invariant: str, detail: str) -> Notice:
    """Something that must always hold does not; the daemon halts and exits 70."""
    text = f"{detail}. The daemon has stopped, and nothing is traded before a person resumes."
    return _critical(
        ts_event_utc_ns, f"invariant:{invariant}", f"Invariant {invariant} broken", text, {"invariant": invariant}
    )


def order_unknown(ts_event_utc_ns: int, *, client_order_id: str, market: str, lots: int, cause: str) -> Notice:
    """An order was sent and no answer came; `lots` signed."""
    facts = _order(client_order_id, market, lots) | {"cause": cause}
    text = "Sent, and no answer. Nothing new in this market until the broker has told what became of it."
    return _warning(ts_event_utc_ns, f"order_unknown:{client_order_id}", "Order unknown", text, facts)


def order_quarantined(ts_event_utc_ns: int, *, client_order_id: str, market: str, lots: int) -> Notice:
    """The broker could not tell in time what became of an order; `lots` signed."""
    facts = _order(client_order_id, market, lots)
    text = (
        "Its fate could not be proved. The account is frozen. Look at the broker's own page, then: "
        f"gamma resolve {client_order_id} --as filled|absent"
    )
    return _critical(ts_event_utc_ns, f"order_quarantined:{client_order_id}", "Order quarantined", text, facts)


def order_late(ts_event_utc_ns: int, *, client_order_id: str, market: str, lots: int) -> Notice:
    """An order that was taken for absent turned up; it was adopted and is being cancelled; `lots` signed."""
    facts = _order(client_order_id, market, lots)
    text = "Taken for absent, it turned up at the broker: adopted, and being cancelled."
    return _warning(ts_event_utc_ns, f"order_late:{client_order_id}", "Late order", text, facts)


def order_unlisted(ts_event_utc_ns: int, *, client_order_id: str, market: str, lots: int) -> Notice:
    """An order that works is neither on the broker's lists nor known there by its own id; `lots` signed."""
    facts = _order(client_order_id, market, lots)
    text = (
        "It should work, and the broker does not tell of it any more. It counts as working. Look at the broker's own "
        f"page; when it is over: gamma resolve {client_order_id} --as absent"
    )
    return _warning(ts_event_utc_ns, f"order_unlisted:{client_order_id}", "Order not listed", text, facts)


def order_foreign(
    ts_event_utc_ns: int,
    *,
    client_order_id: str,
    market: str,
    lots: int,
    ours: bool,
    again: bool = False,
    dead_mans: bool = False,
) -> Notice:
    """An order that this ledger did not issue works or was filled at the broker; `lots` signed.

    `ours` when its id has our form, `dead_mans` when it is that of the account's dead-man. `again` when a halt for such
    orders stands already: it is one more of them.
    """
    make = _warning if again else _critical
    facts = _order(client_order_id, market, lots)
    text = "Somebody traded on this account beside us. Look at the broker's own page."
    if ours:
        text = (
            "An order of our form that this ledger did not issue. Everything is halted. Does a second gamma trade this "
            "account? Then stop it. Is this ledger a backup that was put back? Then run gamma flatten, which cancels "
            "such orders, and see docs/faq.md: How do I put a backup back?"
        )
    if dead_mans:
        text = "The dead-man traded while the daemon was silent. See docs/deadman.md: What then?"
    return make(ts_event_utc_ns, f"order_foreign:{client_order_id}", "Order not ours", text, facts)


def taken_over(ts_event_utc_ns: int, *, switch: str) -> Notice:
    """The dead-man has thrown the kill switch: the daemon sends nothing, exits neither."""
    text = (
        "The dead-man took the account while the daemon was silent, and has it still: nothing is sent, exits neither. "
        "Look at the account, remove the kill switch, then resume."
    )
    return _critical(ts_event_utc_ns, "halted:the account:dead_man", "Halted", text, {"kill_switch": switch})


def order_rejected(ts_event_utc_ns: int, *, client_order_id: str, market: str, code: str, cause: str) -> Notice:
    """The broker refused an order."""
    facts: dict[str, Fact] = {"order": client_order_id, "market": market, "code": code, "cause": cause}
    return _warning(
        ts_event_utc_ns, f"order_rejected:{market}:{code}", "Order rejected", "Refused by the broker.", facts
    )


def position_mismatch(
    ts_event_utc_ns: int, *, market: str, book_lots: int, broker_lots: int, in_a_row: int = 1
) -> Notice:
    """The broker's position is not the book's; from the second reading in a row the account is halted."""
    facts: dict[str, Fact] = {"market": market, "book_lots": book_lots, "broker_lots": broker_lots}
    if in_a_row < 2:
        text = "The broker's position is not the book's. The market is locked until they agree."
        return _warning(ts_event_utc_ns, f"position_mismatch:{market}", "Position mismatch", text, facts)
    text = "The broker's position is not the book's, again. No new risk until a person resumes."
    return _critical(ts_event_utc_ns, f"position_mismatch_halt:{market}", "Position mismatch", text, facts)


def balance_mismatch(ts_event_utc_ns: int, *, book_usd: float, broker_usd: float) -> Notice:
    """The broker's balance is not start plus P&L, fees and transfers."""
    facts: dict[str, Fact] = {"book_usd": book_usd, "broker_usd": broker_usd, "gap_usd": broker_usd - book_usd}
    text = "The broker's balance is not what the ledger adds up to."
    return _warning(ts_event_utc_ns, "balance_mismatch", "Balance mismatch", text, facts)


def tick_missed(ts_event_utc_ns: int, *, strategy: str, slot_utc_ns: int, cause: str) -> Notice:
    """A decision that was due was not made."""
    facts: dict[str, Fact] = {"strategy": strategy, "due_utc_ns": slot_utc_ns, "cause": cause}
    return _warning(
        ts_event_utc_ns, f"tick_missed:{strategy}", "Tick missed", "A decision that was due was not made.", facts
    )


def job_missed(ts_event_utc_ns: int, *, job: str, cause: str) -> Notice:
    """A job of the schedule failed, or was not run in time."""
    facts: dict[str, Fact] = {"job": job, "cause": cause}
    text = "A job of the schedule was missed; it comes again."
    return _warning(ts_event_utc_ns, f"job_missed:{job}", "Job missed", text, facts)


def clock_off(ts_event_utc_ns: int, *, offset_s: float, entries_stopped: bool) -> Notice:
    """The wall clock left the monotonic one or the broker's."""
    text = "The wall clock was set, or runs wrong; deadlines are reckoned without it. "
    text += "No new orders: put the clock right, or restart gamma." if entries_stopped else "Trading goes on."
    return _warning(ts_event_utc_ns, "clock_off", "Clock off", text, {"offset_s": offset_s})


def connection_lost(ts_event_utc_ns: int, *, source: str, cause: str) -> Notice:
    """A broker or feed went away."""
    facts: dict[str, Fact] = {"source": source, "cause": cause}
    text = f"Nothing heard from {source}; no new risk that needs it."
    return _warning(ts_event_utc_ns, f"connection_lost:{source}", "Connection lost", text, facts)


def connection_back(ts_event_utc_ns: int, *, source: str, away_s: float) -> Notice:
    """A broker or feed is heard again."""
    facts: dict[str, Fact] = {"source": source, "away_s": away_s}
    return _info(ts_event_utc_ns, f"connection_back:{source}", "Connection back", f"{source} is heard again.", facts)


def model_refused(ts_event_utc_ns: int, *, strategy: str, checkpoint: str, cause: str) -> Notice:
    """A checkpoint failed its checks or gave an illegal action; its strategy stays off."""
    facts: dict[str, Fact] = {"strategy": strategy, "checkpoint": checkpoint, "cause": cause}
    text = "The model is not trusted; its strategy makes no new trades."
    return _critical(ts_event_utc_ns, f"model_refused:{strategy}", "Model refused", text, facts)


def drifted(ts_event_utc_ns: int, *, strategy: str, figure: str, value: float, limit: float) -> Notice:
    """A strategy's live figure left the band that validation set for it."""
    facts: dict[str, Fact] = {"strategy": strategy, "figure": figure, "value": value, "limit": limit}
    text = "Live results have left the band that validation set."
    return _warning(ts_event_utc_ns, f"drift:{strategy}:{figure}", "Drift", text, facts)


def filled(
    ts_event_utc_ns: int, *, execution_id: str, market: str, lots: int, price_points: float, settled: bool = False
) -> Notice:
    """An order was filled, wholly or in part, or what was held has settled; `lots` signed."""
    facts: dict[str, Fact] = {"market": market, "lots": lots, "price_points": price_points}
    verb = "Settled" if settled else "Bought" if lots > 0 else "Sold"
    return _info(
        ts_event_utc_ns,
        f"fill:{execution_id}",
        f"{'Settled' if settled else 'Filled'}: {market}",
        f"{verb} {abs(lots)} at {price_points:,.10g}.",
        facts,
    )


def day_summary(
    ts_event_utc_ns: int, *, session: str, facts: Mapping[str, Fact], equity_usd: Sequence[float] = ()
) -> Notice:
    """How the session went; `facts` as equity_usd, pnl_usd, trades; `equity_usd` over the session is drawn."""
    drawn = sparkline(equity_usd)
    text = "The session has ended; the numbers follow." + (f"\n{drawn}" if drawn else "")
    return _info(ts_event_utc_ns, f"day_summary:{session}", f"Summary of {session}", text, facts)


def sparkline(values: Sequence[float], width_max: int = 32) -> str:
    """A curve in one line of text: lowest as the lowest bar, highest as the highest; what is not finite is left out.

    Of more than `width_max` values it shows evenly spaced ones, the first and the last among them.
    """
    known = [value for value in values if math.isfinite(value)]
    if len(known) > width_max:
        known = [known[round(i * (len(known) - 1) / (width_max - 1))] for i in range(width_max)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low == high:
        return _BARS[3] * len(known)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in known)


def _order(client_order_id: str, market: str, lots: int) -> dict[str, Fact]:
    return {"order": client_order_id, "market": market, "lots": lots}


def _info(ts: int, key: str, title: str, text: str, facts: Mapping[str, Fact] | None = None) -> Notice:
    return Notice(key=key, severity=Severity.INFO, title=title, text=text, ts_event_utc_ns=ts, facts=facts or {})


def _warning(ts: int, key: str, title: str, text: str, facts: Mapping[str, Fact] | None = None) -> Notice:
    return Notice(key=key, severity=Severity.WARNING, title=title, text=text, ts_event_utc_ns=ts, facts=facts or {})


def _critical(ts: int, key: str, title: str, text: str, facts: Mapping[str, Fact] | None = None) -> Notice:
    return Notice(key=key, severity=Severity.CRITICAL, title=title, text=text, ts_event_utc_ns=ts, facts=facts or {})


def _words(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _plain(value: object) -> Fact:
    """A NumPy scalar becomes the Python number it stands for."""
    if not isinstance(value, (bool, int, float, str)) and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else UNKNOWN
    if isinstance(value, (bool, int)):
        return value
    return str(value)
