"""Whether the dead-man acts, and what people are told: from what is seen, and nothing else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gamma.clock import NS
from gamma.deadman.watch import Cause, Silence

_WORDS: Final = {
    Cause.STOPPED: "a person stopped the daemon",
    Cause.FAILED: "the daemon ended by itself",
    Cause.GONE: "the daemon's process is gone",
    Cause.SUSPENDED: "the daemon's process stands still (SIGSTOP)",
    Cause.ILL: "the daemon cannot reach its broker",
    Cause.HUNG: "the daemon hangs",
    Cause.UNKNOWN: "no daemon has left a sign of life",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What stands open in a market: lots held, how many orders of ours work, and by when it is to be flat [ns].

    `flat_by_utc_ns` is 0 where nothing asks for that, or the market is shut.
    """

    lots: int
    orders: int = 0
    flat_by_utc_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the dead-man saw in one look; shares of limits that are used up are None where nobody knows them.

    `switched` where a person has thrown the kill switch.
    """

    silence: Silence
    now_utc_ns: int
    exposures: Mapping[str, Exposure]
    room_used_frac: float | None = None
    day_used_frac: float | None = None
    switched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """In which markets it acts, and why; without any, why it only tells, if it does."""

    markets: tuple[str, ...] = ()
    why: str = ""
    grave: bool = False

    @property
    def acts(self) -> bool:
        """Whether the account is to be taken."""
        return bool(self.markets)


def told(silence: Silence) -> str:
    """What became of the daemon, in words."""
    why = f" ({silence.why})" if silence.why else ""
    return f"{_WORDS[silence.cause]}{why}; no sign of life for {silence.silent_s:,.0f} s"


def judge(seen: Seen, *, silence_s: float, before_close_s: float, limit_frac: float) -> Judgement:
    """What to do: nothing while the daemon lives; under a silent one close what is due, and tell of what is open.

    A daemon that a person stopped is as silent as any: what it left open is told of, and closed before the close.
    """
    if seen.silence.silent_s <= silence_s:
        return Judgement()
    open_ = {market: e for market, e in seen.exposures.items() if e.lots or e.orders}
    cause = told(seen.silence)
    if not open_:
        return Judgement(why="" if seen.silence.cause is Cause.STOPPED else f"{cause}; nothing is open")
    grave = seen.silence.cause is not Cause.STOPPED
    limit = _limit(seen, limit_frac)
    due = sorted(open_) if limit else [m for m, e in sorted(open_.items()) if _is_due(e, seen, before_close_s)]
    if not due:
        return Judgement(why=f"{cause}; open: {_listed(open_)}", grave=grave)
    reason = limit or f"{', '.join(due)} must be flat within {before_close_s:g} s"
    if seen.switched:
        why = f"{cause}, and {reason}; but a person threw the kill switch: it is left to them. Open: {_listed(open_)}"
        return Judgement(why=why, grave=True)
    return Judgement(markets=tuple(due), why=f"{cause}, and {reason}", grave=True)


def _is_due(exposure: Exposure, seen: Seen, before_close_s: float) -> bool:
    return 0 < exposure.flat_by_utc_ns <= seen.now_utc_ns + round(before_close_s * NS)


def _limit(seen: Seen, limit_frac: float) -> str:
    """Which limit is near, in words; "" where none is."""
    used = {"the room to the floor": seen.room_used_frac, "the day's loss limit": seen.day_used_frac}
    near = [
        f"{frac:.0%} of {name} is used up" for name, frac in used.items() if frac is not None and frac >= limit_frac
    ]
    return " and ".join(near)


def _listed(exposures: Mapping[str, Exposure]) -> str:
    return ", ".join(
        f"{e.lots:+d} {market}" + (f" and {e.orders} order(s)" if e.orders else "") for market, e in exposures.items()
    )
