"""What was halted, when, and until when."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from gamma.report.form import Section, Table
from gamma.report.subject import Stop, Subject
from gamma.report.wording import counted, moment, said

SHOWN: Final = 25
ACCOUNT: Final = "account"


def section(subject: Subject) -> Section:
    """Halts as a table; only a ledger knows of them."""
    title = "Halts"
    if subject.stops is None:
        return Section(name="halts", title=title, words=["A file of trades does not tell of halts."])
    if not subject.stops:
        return Section(name="halts", title=title, words=["Nothing was halted."])
    words = [f"{counted(len(subject.stops), 'halt')}; times are New York's."]
    tables = []
    if len(subject.stops) > SHOWN:
        words.append(f"Listed are the last {SHOWN} of those of the whole account, or still standing.")
        tables.append(_counts(subject))
    rows = [_row(one) for one in _shown(subject.stops)]
    columns = ("from", "until", "what", "level", "reason", "by")
    if rows:
        tables.append(Table(caption="Halts, oldest first", columns=columns, rows=rows))
    return Section(name="halts", title=title, words=words, tables=tables)


def _shown(stops: Sequence[Stop]) -> Sequence[Stop]:
    """All, where they are few; else those that weigh most."""
    if len(stops) <= SHOWN:
        return stops
    return [one for one in stops if one.scope == ACCOUNT or not one.ts_lifted_utc_ns][-SHOWN:]


def _row(one: Stop) -> tuple[str, ...]:
    until = moment(one.ts_lifted_utc_ns) if one.ts_lifted_utc_ns else "still standing"
    what = f"{one.scope} {one.target}".strip()
    return moment(one.ts_utc_ns), until, what, one.level.lower(), said(one.reason), said(one.actor)


def _counts(subject: Subject) -> Table:
    times = Counter((said(one.reason), one.scope) for one in subject.stops or ())
    ranked = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    rows = [(reason, scope, f"{count:,}") for (reason, scope), count in ranked]
    return Table(caption="How often", columns=("reason", "scope", "times"), rows=rows, numbers=(2,))
