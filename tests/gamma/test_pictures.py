"""A picture is the same bytes wherever it is drawn, and fits where it is put."""

import re

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from gamma.pictures import BLUE, png, styled, svg


def drawn() -> Figure:
    with styled():
        figure = Figure()
        axes = figure.subplots()
        axes.plot([0, 1, 2], [-3, 1, 2], color=BLUE, label="line")
        axes.set_ylabel("P&L [usd]")
        axes.legend()
    return figure


def test_it_is_the_same_whatever_matplotlib_is_set_to() -> None:
    before = svg(drawn(), (6.0, 3.0), "it"), png(drawn(), (6.0, 3.0), 100)
    with mpl.rc_context({"font.size": 20.0, "axes.facecolor": "red", "svg.fonttype": "none", "savefig.dpi": 40}):
        assert (svg(drawn(), (6.0, 3.0), "it"), png(drawn(), (6.0, 3.0), 100)) == before


def test_it_may_be_written_in_several_sizes() -> None:
    figure = drawn()
    wide = svg(figure, (6.0, 3.0), "it")
    assert 'viewBox="0 0 432 216"' in wide
    assert 'viewBox="0 0 216 216"' in svg(figure, (3.0, 3.0), "it")


def test_it_is_as_large_as_its_place_and_every_id_begins_with_its_name() -> None:
    text = svg(drawn(), (6.0, 3.0), "it")
    root = text[: text.index(">")]
    assert "width=" not in root
    assert "height=" not in root
    assert all(one.startswith("it-") for one in re.findall(r'\bid="([^"]+)"', text))


@pytest.mark.parametrize("dots", [100, 220])
def test_a_png_has_the_dots_that_were_asked_for_and_no_date(dots: int) -> None:
    content = png(drawn(), (6.0, 3.0), dots)
    width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    assert (width, height) == (6 * dots, 3 * dots)
    assert b"tEXt" not in content
