"""The report as one HTML page: no script, nothing from elsewhere, pictures within it."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Final

from gamma import pictures
from gamma.report.form import Picture, Section, Table
from gamma.report.subject import Subject
from gamma.report.wording import is_hash

# Nothing is loaded, nothing runs and nothing is sent, whatever stands in the page.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def page(subject: Subject, told: Sequence[Section]) -> str:
    """The whole page."""
    links = "".join(f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in told)
    body = "\n".join(_section(one) for one in told)
    title = escape(subject.title)
    style = files("gamma.report").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{escape(subject.source)}</p>
</header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main>
{body}
</main>
</body>
</html>
"""


def _section(one: Section) -> str:
    parts = [f"<p>{escape(text)}</p>" for text in one.words]
    parts += [_picture(drawn) for drawn in one.pictures]
    if one.tables:
        parts.append('<div class="tables">\n' + "\n".join(_table(table) for table in one.tables) + "\n</div>")
    inner = "\n".join(parts)
    return f'<section aria-labelledby="{one.name}">\n<h2 id="{one.name}">{escape(one.title)}</h2>\n{inner}\n</section>'


def _picture(drawn: Picture) -> str:
    wide = _labelled(pictures.svg(drawn.figure, drawn.wide_in, f"{drawn.name}-w"), drawn.alt)
    narrow = _labelled(pictures.svg(drawn.figure, drawn.narrow_in, f"{drawn.name}-n"), drawn.alt)
    return (
        f'<figure><div class="paper"><div class="wide">{wide}</div><div class="narrow">{narrow}</div></div>'
        f"<figcaption>{escape(drawn.caption)}</figcaption></figure>"
    )


def _labelled(element: str, alt: str) -> str:
    return element.replace("<svg ", f'<svg role="img" aria-label="{escape(alt, quote=True)}" ', 1)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col"{_kind(table, i)}>{escape(name)}</th>' for i, name in enumerate(table.columns))
    rows = "\n".join(_row(table, row) for row in table.rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.caption, quote=True)}"><table>'
        f"<caption>{escape(table.caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(table: Table, row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join(f"<td{_kind(table, i, text)}>{escape(text)}</td>" for i, text in enumerate(others, start=1))
    return f'<tr><th scope="row"{_kind(table, 0)}>{escape(first)}</th>{cells}</tr>'


def _kind(table: Table, column: int, text: str = "") -> str:
    if column in table.numbers:
        return ' class="number"'
    return ' class="hash"' if is_hash(text) else ""
