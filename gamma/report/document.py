"""The report as a PDF: the same sections, on A4, with the fonts in it."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

import matplotlib as mpl
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TableCellFillMode
from fpdf.fonts import FontFace

from gamma import pictures
from gamma.report.form import Picture, Section, Table
from gamma.report.subject import Subject
from gamma.report.wording import is_hash

DOTS_PER_INCH: Final = 220
FAMILY: Final = "DejaVu"
_MM_PER_INCH: Final = 25.4
_MARGIN_MM: Final = 15.0
_TABLE_PT: Final = 8.0
_HASH_PT: Final = 6.5


@final
class _Pages(FPDF):
    """Pages with their number and the report's title at the foot."""

    foot: str = ""

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(FAMILY, size=7.5)
        self.set_text_color(90)
        self.cell(0, 5, self.foot)
        self.set_x(self.l_margin)
        self.cell(0, 5, f"{self.page_no()} of {{nb}}", align="R")
        self.set_text_color(0)


def document(subject: Subject, told: Sequence[Section]) -> bytes:
    """The whole PDF; its date is the last moment of the history, so that the same report is the same bytes."""
    pdf = _Pages(format="A4")
    pdf.set_title(subject.title)
    pdf.set_lang("en")
    pdf.set_creator("gamma")
    pdf.set_creation_date(_last_moment(subject))
    pdf.set_margins(_MARGIN_MM, _MARGIN_MM)
    pdf.set_auto_page_break(auto=True, margin=18)
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    pdf.add_font(FAMILY, "", fonts / "DejaVuSans.ttf")
    pdf.add_font(FAMILY, "B", fonts / "DejaVuSans-Bold.ttf")
    pdf.foot = _known(pdf, subject.title)
    pdf.add_page()
    pdf.set_font(FAMILY, "B", 16)
    pdf.multi_cell(0, 8, pdf.foot, new_x="LMARGIN", new_y="NEXT")
    _words(pdf, subject.source)
    for one in told:
        _section(pdf, one)
    return bytes(pdf.output())


def _last_moment(subject: Subject) -> datetime:
    ends = subject.history.ts_session_close_utc_ns
    return datetime.fromtimestamp(int(ends[-1]) // 10**9 if len(ends) else 0, UTC)


def _section(pdf: FPDF, one: Section) -> None:
    first_mm = one.pictures[0].height_in * _MM_PER_INCH if one.pictures else 30.0
    if pdf.will_page_break(first_mm + 22.0):
        pdf.add_page()
    pdf.ln(5)
    pdf.set_font(FAMILY, "B", 12)
    pdf.start_section(one.title)
    pdf.multi_cell(0, 7, one.title, new_x="LMARGIN", new_y="NEXT")
    for text in one.words:
        _words(pdf, text)
    for drawn in one.pictures:
        _picture(pdf, drawn)
    for table in one.tables:
        _table(pdf, table)


def _known(pdf: FPDF, text: str) -> str:
    """The text with a question mark for each letter that the font does not have."""
    letters = pdf.fonts[FAMILY.lower()].cmap  # type: ignore[union-attr]
    return "".join(letter if ord(letter) in letters else "?" for letter in text)


def _words(pdf: FPDF, text: str, grey: int = 0) -> None:
    pdf.set_font(FAMILY, size=8.5)
    pdf.set_text_color(grey)
    pdf.multi_cell(0, 4.6, _known(pdf, text), align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)


def _picture(pdf: FPDF, drawn: Picture) -> None:
    height_mm = drawn.height_in * _MM_PER_INCH * pdf.epw / (drawn.wide_in[0] * _MM_PER_INCH)
    if pdf.will_page_break(height_mm + 8):
        pdf.add_page()
    pdf.ln(1)
    file = io.BytesIO(pictures.png(drawn.figure, drawn.wide_in, DOTS_PER_INCH))
    pdf.image(file, w=pdf.epw, alt_text=drawn.alt)
    _words(pdf, drawn.caption, grey=80)


def _table(pdf: FPDF, table: Table) -> None:
    if pdf.will_page_break(30):
        pdf.add_page()
    pdf.ln(2)
    _words(pdf, table.caption, grey=80)
    pdf.set_font(FAMILY, size=_TABLE_PT)
    pdf.set_draw_color(205)
    align = ["RIGHT" if i in table.numbers else "LEFT" for i in range(len(table.columns))]
    with pdf.table(
        col_widths=_widths(pdf, table),
        text_align=align,
        align="LEFT",
        width=sum(_widths(pdf, table)),
        line_height=4.6,
        padding=(0.4, 1.5),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        cell_fill_mode=TableCellFillMode.NONE,
        headings_style=FontFace(emphasis="BOLD"),
    ) as grid:
        for cells in (table.columns, *table.rows):
            row = grid.row()
            for text in cells:
                row.cell(_known(pdf, text), style=FontFace(size_pt=_HASH_PT) if is_hash(text) else None)


def _width(pdf: FPDF, text: str) -> float:
    """How wide a text may be in bold; a hash is written smaller [mm]."""
    return pdf.get_string_width(text) * (_HASH_PT / _TABLE_PT if is_hash(text) else 1.12)


def _widths(pdf: FPDF, table: Table) -> tuple[float, ...]:
    """As wide as the widest text in each column [mm]; together at most the page."""
    columns = list(zip(table.columns, *table.rows, strict=True))
    wanted = [max(_width(pdf, text) for text in cells) + 5.0 for cells in columns]
    total = sum(wanted)
    if total <= pdf.epw:
        return tuple(wanted)
    most = pdf.epw / len(wanted)
    spare = pdf.epw - sum(min(one, most) for one in wanted)
    over = sum(one - most for one in wanted if one > most)
    return tuple(one if one <= most else most + spare * (one - most) / over for one in wanted)
