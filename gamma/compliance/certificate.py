"""The certificate: a PDF that says what was judged, by which rules and whose word, and that all were kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace
from matplotlib import get_data_path

from gamma.compliance.findings import Finding, Report
from gamma.errors import InputInvalid

FONT: Final = "DejaVu"
FACES: Final = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
GREY: Final = (110, 110, 110)
LIGHT: Final = (240, 243, 246)
MONO: Final = "DejaVuMono"
NOTE: Final = (
    "Within one bar the order of high and low is unknown. This certificate stands on the pessimistic path: of each bar "
    "the highest equity first, which pulls a trailing floor up, and then the lowest. It says that the record named "
    "kept the rules as they are written here. What the firm decides, and what the market does next, it cannot "
    "say."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was judged, as pairs of a title and a text; `hashes` are of data, configuration, code and model."""

    told: Sequence[tuple[str, str]]
    hashes: Sequence[tuple[str, str]]


def certificate(report: Report, subject: Subject) -> bytes:
    """The PDF; the same report and subject give the same bytes.

    Raises: InputInvalid where a rule does not pass, or the profile is stale: then there is none.
    """
    if not report.passed:
        raise InputInvalid(f"no certificate: {why_not(report)}")
    pdf = _page(report)
    _title(pdf, report)
    _pairs(pdf, subject.told)
    _heading(pdf, "Every rule passes")
    _table(pdf, ("rule", "the profile asks", "found"), (24, 68, 88), list(_rules(report.findings)))
    _heading(pdf, "Hashes (SHA-256)")
    _pairs(pdf, subject.hashes, face=MONO)
    _heading(pdf, "Where the rules come from")
    rows = [_source(name, rule) for name, rule in report.profile.rules.items()]
    _table(pdf, ("rule", "value", "source", "verified", "holds from"), (34, 38, 64, 22, 22), rows)
    pdf.ln(3)
    pdf.set_font(FONT, size=7.5)
    pdf.set_text_color(*GREY)
    pdf.multi_cell(0, 4, NOTE, align="L", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def why_not(report: Report) -> str:
    """What stands in the way of a certificate; "" where nothing does."""
    broken = [one.rule for one in report.findings if one.outcome == "fail" and one.rule != "profile_fresh"]
    unknown = [one.rule for one in report.findings if one.outcome == "not evaluable"]
    parts = [f"{', '.join(broken)} failed"] if broken else []
    parts += [f"{', '.join(unknown)} could not be evaluated"] if unknown else []
    parts += [report.stale] if report.stale else []
    return "; ".join(parts)


class _Paper(FPDF):
    """A4 with the page's number at its foot."""

    told = ""

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(FONT, size=7)
        self.set_text_color(*GREY)
        self.cell(0, 5, f"{self.told}    page {self.page_no()} of {{nb}}", align="C")


def _page(report: Report) -> FPDF:
    fonts = Path(get_data_path()) / "fonts" / "ttf"
    pdf = _Paper(format="A4")
    pdf.told = f"{report.profile.name}, judged as of {report.on_date}"
    # The day that it is judged as of, not the moment of printing: the same input gives the same bytes.
    pdf.set_creation_date(datetime.combine(report.on_date, time(), UTC))
    pdf.set_title(f"Certificate of compliance: {report.profile.title}")
    pdf.set_creator("gamma")
    pdf.set_lang("en")
    for style, file in FACES.items():
        pdf.add_font(FONT, style, fonts / file)
    pdf.add_font(MONO, "", fonts / "DejaVuSansMono.ttf")
    pdf.set_margins(15, 15)
    pdf.set_auto_page_break(auto=True, margin=16)
    pdf.add_page()
    return pdf


def _title(pdf: FPDF, report: Report) -> None:
    pdf.set_font(FONT, "B", 19)
    pdf.cell(0, 10, "Certificate of compliance", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(FONT, size=11)
    profile = report.profile
    pdf.multi_cell(0, 6, f"{profile.title}: {profile.phase} account ({profile.name})", new_x="LMARGIN", new_y="NEXT")
    pdf.set_draw_color(*GREY)
    pdf.line(15, pdf.get_y() + 2, pdf.w - 15, pdf.get_y() + 2)
    pdf.ln(5)


def _heading(pdf: FPDF, text: str) -> None:
    pdf.ln(4)
    pdf.set_font(FONT, "B", 11)
    pdf.cell(0, 7, text, new_x="LMARGIN", new_y="NEXT")


def _pairs(pdf: FPDF, pairs: Sequence[tuple[str, str]], face: str = FONT) -> None:
    for title, text in pairs:
        pdf.set_font(FONT, size=8.5)
        pdf.set_text_color(*GREY)
        pdf.cell(34, 5, title)
        pdf.set_text_color(0)
        pdf.set_font(face, size=8.5 if face == FONT else 7.5)
        pdf.multi_cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")


def _table(pdf: FPDF, titles: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
    pdf.set_font(FONT, size=7.5)
    pdf.set_text_color(0)
    with pdf.table(
        col_widths=tuple(widths),
        line_height=4,
        padding=1,
        text_align="LEFT",
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis=TextEmphasis.B, fill_color=LIGHT),
        repeat_headings=1,
    ) as table:
        for row in (titles, *rows):
            table.row(row)


def _rules(findings: Sequence[Finding]) -> Iterator[tuple[str, str, str]]:
    for one in findings:
        found = one.found
        if one.optimistic is not None:
            found = f"pessimistic: {found}\noptimistic: {one.optimistic_found}"
        yield one.rule.replace("_", " "), one.asked, found


def _source(name: str, rule: object) -> tuple[str, str, str, str, str]:
    told: Mapping[str, object] = rule.model_dump(mode="json")  # type: ignore[attr-defined]
    value = told["value"]
    if isinstance(value, list):
        shown = ", ".join(
            f"{one['minis']:g} e-minis from {one['from_usd']:,.0f}" if isinstance(one, dict) else str(one)
            for one in value
        )
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    else:
        shown = f"{value:,.10g}" if isinstance(value, float) else str(value)
    return name, shown or "any", str(told["source"]), str(told["verified_on"]), str(told["effective_from"])
