"""The sections of a report, in the order in which they are read."""

from gamma.history.figures import Figure, figures
from gamma.report import equity
from gamma.report.form import Section, Table
from gamma.report.subject import Subject
from gamma.report.wording import interval, titled, unit, valued


def sections(subject: Subject) -> list[Section]:
    """All that is to be said of the subject."""
    found = figures([subject.history])
    return [
        equity.section(subject),
        Section(
            name="figures",
            title="Figures",
            words=["Intervals are of 95 %: Wilson's for shares, the stationary bootstrap for the others."],
            tables=[figure_table("All figures, P&L net of fees", found)],
        ),
        provenance(subject),
    ]


def figure_table(caption: str, found: list[Figure]) -> Table:
    """Figures with their units and intervals."""
    rows = [(titled(one.name), unit(one.name), valued(one.name, one.value), interval(one)) for one in found]
    return Table(caption=caption, columns=("figure", "unit", "value", "95 % interval"), rows=rows, numbers=(2, 3))


def provenance(subject: Subject) -> Section:
    """What the report was made from."""
    rows = [("source", subject.source), *subject.hashes.items()]
    return Section(
        name="provenance",
        title="Data, configuration and code",
        words=["The same data and code make the same report, byte for byte."],
        tables=[Table(caption="What this was made from", columns=("what", "name or SHA-256"), rows=rows)],
    )
