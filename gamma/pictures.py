"""How gamma's pictures look, and how they are written: the same picture is the same bytes."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any kind of colour blindness tell apart. In grey some are alike: a second
# sign (a marker's shape, a hatch, a dash, a word) stands beside them where it matters which is which.
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999", "#000000",
)  # fmt: skip

_STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.unicode_minus": False,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "path",
}
_NO_DATE: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextmanager
def styled() -> Iterator[None]:
    """What is drawn and written within looks like gamma's pictures, whatever matplotlib's own settings are."""
    plain: dict[Any, Any] = {key: rcParamsDefault[key] for key in rcParamsDefault if not key.startswith("backend")}
    with rc_context(plain | _STYLE):
        yield


def svg(figure: Figure, size_in: tuple[float, float], name: str) -> str:
    """The picture as an SVG element of this size [inches] that scales with its place; `name` begins every id in it."""
    file = io.BytesIO()
    with styled(), rc_context({"svg.hashsalt": name}):
        figure.set_size_inches(*size_in)
        FigureCanvasSVG(figure).print_svg(file, metadata=_NO_DATE)  # type: ignore[no-untyped-call]
    text = file.getvalue().decode("utf-8")
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?) ?width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?) ?height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)


def png(figure: Figure, size_in: tuple[float, float], dots_per_inch: int) -> bytes:
    """The picture as a PNG of this size [inches]."""
    file = io.BytesIO()
    with styled():
        figure.set_size_inches(*size_in)
        figure.set_dpi(dots_per_inch)
        FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return file.getvalue()
