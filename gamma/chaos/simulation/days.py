"""The trading days of a soak: when markets open and close, when all is calm, and what goes wrong on which day."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from gamma.bars import Session
from gamma.calendar import sessions
from gamma.clock import NS

# Thirty trading days with early closes and a change of the clocks in them: in autumn, in spring.
AUTUMN: Final = date(2025, 10, 20)
SPRING: Final = date(2026, 2, 9)
BAR_S: Final = 300
DAY_S: Final = 86_400
CALM_BEFORE_S: Final = 1_800
LOOKED_AT_AFTER_S: Final = 120
RESTS_BY_S: Final = 3_000
CALM_AFTER_S: Final = 3_300


class Event(StrEnum):
    """What may come to pass at some moment of a day."""

    CRASH = "crash"
    STOP = "clean stop"
    DISK = "disk full"
    CLOCK = "clock jump"
    CLOCK_RIGHT = "clock set right"
    PERSON = "a person's act"
    ALERTS = "alerts fail"
    OUTAGE = "outage"


# How often each comes on an ordinary day; on a quiet one the process lives on whatever comes.
_CHANCES: Final[Mapping[Event, float]] = {
    Event.CRASH: 0.5,
    Event.STOP: 0.2,
    Event.DISK: 0.15,
    Event.CLOCK: 0.2,
    Event.PERSON: 0.5,
    Event.ALERTS: 0.2,
    Event.OUTAGE: 0.2,
}
_ENDING: Final = (Event.CRASH, Event.STOP, Event.DISK, Event.CLOCK)
WEEKEND_OFF: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One trading day: faults stop before its first market closes, and come again before the next day opens."""

    number: int
    date: str
    ts_open_utc_ns: int
    ts_calm_utc_ns: int
    ts_close_utc_ns: int
    events: Sequence[tuple[int, Event]]
    quiet: bool
    weekend_off: bool = False

    @property
    def ts_look_utc_ns(self) -> int:
        """From when on everything should be at rest."""
        return self.ts_close_utc_ns + LOOKED_AT_AFTER_S * NS

    @property
    def ts_rest_utc_ns(self) -> int:
        """By when everything must be at rest."""
        return self.ts_close_utc_ns + RESTS_BY_S * NS

    @property
    def ts_stormy_utc_ns(self) -> int:
        """From when on things go wrong again."""
        return self.ts_close_utc_ns + CALM_AFTER_S * NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """Trading days of several markets: their sessions, when their bars close [ns], and what is to happen.

    The bars go on for a day more, so that the feed does not end with the last day.
    """

    hours: Mapping[str, Sequence[Session]]
    closes: Mapping[str, Sequence[int]]
    days: Sequence[Day]


def timetable(seed: int, symbols: Sequence[str], count: int, open_max_s: int = DAY_S) -> Timetable:
    """So many trading days of these markets, open so long at most: from autumn for an odd seed, from spring else."""
    first = AUTUMN if seed % 2 else SPRING
    hours = {symbol: _cut(of, open_max_s) for symbol, of in traded(symbols, first, count).items()}
    longer = {symbol: _cut(of, open_max_s) for symbol, of in traded(symbols, first, count + 1).items()}
    return Timetable(hours=hours, closes=bar_closes(longer), days=days(seed, hours))


def _cut(sessions: Sequence[Session], open_max_s: int) -> list[Session]:
    return [replace(s, ts_open_utc_ns=max(s.ts_open_utc_ns, s.ts_close_utc_ns - open_max_s * NS)) for s in sessions]


def traded(symbols: Sequence[str], first: date, count: int) -> dict[str, list[Session]]:
    """The sessions of each market on so many trading days of the first of them."""
    days = sessions(symbols[0], first, first + timedelta(days=2 * count + 10))[:count]
    return {symbol: sessions(symbol, first, days[-1].date) for symbol in symbols}


def days(seed: int, hours: Mapping[str, Sequence[Session]]) -> list[Day]:
    """The trading days, and what goes wrong on each; in the middle of many the daemon is left alive."""
    longest = next(iter(hours.values()))
    closes = {s.date: min(o.ts_close_utc_ns for of in hours.values() for o in of if o.date == s.date) for s in longest}
    count, made = len(longest), []
    for number, session in enumerate(longest, 1):
        rng = random.Random(f"day {seed} {number}")
        quiet = count >= 10 and count // 3 < number <= 4 * count // 5
        calm = closes[session.date] - CALM_BEFORE_S * NS
        last = number == count or date.fromisoformat(longest[number].date) - date.fromisoformat(session.date) > _NIGHT
        made.append(
            Day(
                number=number,
                date=session.date,
                ts_open_utc_ns=session.ts_open_utc_ns,
                ts_calm_utc_ns=calm,
                ts_close_utc_ns=session.ts_close_utc_ns,
                events=sorted(_events(rng, session.ts_open_utc_ns + BAR_S * NS, calm, quiet=quiet, first=number <= 2)),
                quiet=quiet,
                weekend_off=last and not quiet and rng.random() < WEEKEND_OFF,
            )
        )
    return made


_NIGHT: Final = timedelta(days=1)


def _events(
    rng: random.Random, begin_utc_ns: int, end_utc_ns: int, *, quiet: bool, first: bool
) -> Iterator[tuple[int, Event]]:
    """On the first days everything happens that ends a process, so that a short soak shows it too."""
    for event, chance in _CHANCES.items():
        drawn = rng.random() < (1.0 if first and event in _ENDING else chance)
        ts = rng.randrange(begin_utc_ns, end_utc_ns)
        if drawn and not (quiet and event in _ENDING):
            yield ts, event
            if event is Event.CLOCK:
                yield min(end_utc_ns, ts + rng.randrange(600, 3_600) * NS), Event.CLOCK_RIGHT


def bar_closes(hours: Mapping[str, Sequence[Session]]) -> dict[str, list[int]]:
    """When the bars of each market close [ns], over all sessions."""
    bar_ns = BAR_S * NS
    return {
        symbol: [ts for s in of for ts in range(s.ts_open_utc_ns + bar_ns, s.ts_close_utc_ns + 1, bar_ns)]
        for symbol, of in hours.items()
    }
