"""How many lots were decided on over time, and which step of the chain or which guard set the number."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gamma.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, styled
from gamma.report.drawing import DAY_NS, MANY, by_date
from gamma.report.form import Picture, Section, Table
from gamma.report.subject import Sized, Subject
from gamma.report.wording import counted, percent, said

COLOURS = (BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK)
MARKS = ("o", "^", "s", "v", "D", "P", "X")
OTHERS = "others"
STANDING = "standing"


def section(subject: Subject) -> Section:
    """The picture and two tables; only a ledger knows of decisions."""
    title = "Sizing"
    if subject.sized is None:
        return Section(name="sizing", title=title, words=["A file of trades does not tell how they were sized."])
    if not subject.sized:
        return Section(name="sizing", title=title, words=["No signal was sized."])
    refused = sum(one.lots == 0 for one in subject.sized)
    words = [
        f"{counted(len(subject.sized), 'signal')}; {refused:,} came to 0 lots.",
        "The step that bound is the last that made the number of whole lots smaller, or the one that proposed it.",
        "Standing is what let no order out at all, such as a position or a halt; it is not drawn.",
    ]
    judged = [one for one in subject.sized if one.bound_by != STANDING]
    tables = [_steps(subject), *([_reasons(subject.sized)] if refused else [])]
    return Section(name="sizing", title=title, words=words, pictures=[_drawn(judged)] if judged else [], tables=tables)


def _drawn(judged: Sequence[Sized]) -> Picture:
    return Picture(
        name="sizing",
        figure=picture(judged),
        caption="Lots of each decision, by the step that bound; how often it did stands behind its name.",
        alt="Lots over time. "
        + " ".join(f"{said(name)} bound {times:,} times." for name, times in bound(judged)[: len(COLOURS)]),
        height_in=3.4,
    )


def bound(sized: Sequence[Sized]) -> list[tuple[str, int]]:
    """Which steps bound, the most frequent first."""
    times = Counter(one.bound_by for one in sized)
    return sorted(times.items(), key=lambda item: (-item[1], item[0]))


def picture(sized: Sequence[Sized]) -> Figure:
    """Lots by day, a colour and a mark for each step that bound."""
    ranked = bound(sized)
    shown = [name for name, _ in ranked[: len(COLOURS) - (len(ranked) > len(COLOURS))]]
    names = [one.bound_by if one.bound_by in shown else OTHERS for one in sized]
    days = np.array([one.ts_utc_ns for one in sized]) / DAY_NS
    lots = np.array([one.lots for one in sized])
    with styled():
        figure = Figure()
        axes = figure.subplots()
        for place, name in enumerate([*shown, *([OTHERS] if OTHERS in names else [])]):
            own = np.array([one == name for one in names])
            colour = GREY if name == OTHERS else COLOURS[place]
            axes.scatter(
                days[own], lots[own], s=14, marker=MARKS[place], facecolors="none", edgecolors=colour, linewidths=0.9,
                label=f"{said(name)} ({int(own.sum()):,})", rasterized=len(sized) > MANY,
            )  # fmt: skip
        axes.set_ylabel("lots")
        axes.set_ylim(bottom=-0.04 * max(1, int(lots.max())))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        by_date(axes)
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def _steps(subject: Subject) -> Table:
    sized = subject.sized or ()
    rows = []
    for name, times in bound(sized):
        own = [one.lots for one in sized if one.bound_by == name]
        kind = subject.kinds.get(name, "")
        share, mean = percent(times / len(sized)), f"{sum(own) / len(own):,.2f}"
        rows.append((said(name), kind, f"{times:,}", share, mean, f"{own.count(0):,}"))
    columns = ("step", "kind", "bound", "share", "mean lots", "of them 0 lots")
    return Table(caption="Which step bound", columns=columns, rows=rows, numbers=(2, 3, 4, 5))


def _reasons(sized: Sequence[Sized]) -> Table:
    times = Counter((one.reason, one.bound_by) for one in sized if one.lots == 0)
    ranked = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    rows = [(said(reason), said(step), f"{count:,}") for (reason, step), count in ranked]
    return Table(caption="Why it was 0 lots", columns=("reason", "step", "times"), rows=rows, numbers=(2,))
