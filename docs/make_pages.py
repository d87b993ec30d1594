"""Make the pages of sizers, guards, reasons and invariants from the code, so that they cannot say anything else.

python docs/make_pages.py
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from gamma import plugins, reasons
from gamma.complaints import toml
from gamma.invariants import INVARIANTS
from gamma.plugins import GUARDS, OURS, SIZERS
from gamma.reasons import Reason

DOCS: Final = Path(__file__).parent
MADE: Final = "<!-- Made from the code by `python docs/make_pages.py`; do not edit. -->"
PART: Final = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
CAPS: Final = ("_cap", "_buffer")
LEFT_OUT: Final = ("Shapes:", "Raises:")
BOUNDS: Final = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))
TYPES: Final = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}

SIZERS_SAY: Final = """
A chain is a list of sizers: `sizers = [...]` of a strategy. The first proposes lots; of each later one the smaller of
its answer and what came in is taken. Lots are floored once, at the end, and are never below 0. Any sizer may stand
anywhere. A parameter that is left out of `[sizers.NAME]` has its default; to use one sizer twice, give the second
section a name of its own and say `use = "NAME"` in it.
"""
GUARDS_SAY: Final = """
A guard looks at one order and may let through fewer lots, never more; some also look at the account between orders.
Every guard of a strategy looks, even after one has said 0. Guards of scope `entries` see orders that take new risk;
those of scope `all` see exits too. A limit has no default: what is not written under `[guards.NAME]` is no limit, and
gamma does not start without it. What a guard needs and does not know lets no entry through; at start-up every
configured guard must prove that it sees what it needs.
"""
LATCHES_SAY: Final = """
A finding that could be a bad reading cuts new risk at once, and latches when a second reading in a row agrees; money
that is really gone latches at once. See [concepts](concepts.md#halts) for what latches mean.
"""
REASONS_SAY: Final = """
Every step of a decision, and every halt, names one of these. They stand in the trace (`gamma decisions ID`), in the
ledger, in `--json` and in alerts.
"""


def pages() -> dict[str, str]:
    """Every made page by its name, as it should be."""
    return {
        "sizers.md": _sizers(),
        "guards.md": _guards(),
        "reasons.md": _reasons(),
        "recommended.md": _with_part("recommended.md", _limits()),
        "reliability.md": _with_part("reliability.md", _invariants()),
    }


def _with_part(name: str, made: str) -> str:
    """A page that is written by hand but for one part."""
    written = (DOCS / name).read_text(encoding="utf-8")
    return PART.sub(lambda part: f"{part[1]}\n{made}\n{part[3]}", written)


def _invariants() -> str:
    rows = [f"| {i.name} | {i.holds} | {i.checked_by} |" for i in INVARIANTS]
    return "\n".join(["| | what must hold | where that is looked at |", "|---|---|---|", *rows, ""])


def main() -> None:
    """Write the pages that are not as they should be, and say which."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/{name}\n")


def _ours(group: str) -> dict[str, Any]:
    """Our own plugins of a group, loaded; a stranger's that is installed here is no part of these pages."""
    return {name: plugin.load() for name, plugin in plugins.find(group).items() if plugin.distribution == OURS}


def _sizers() -> str:
    found = _ours(SIZERS)
    caps = {name for name in found if name.endswith(CAPS)}
    lines = [
        "# Sizers",
        MADE,
        SIZERS_SAY,
        "What is unknown is NaN, and NaN gives 0 lots.",
    ]
    for title, names in (("Proposers", sorted(set(found) - caps)), ("Caps", sorted(caps))):
        rows = [(f"[{name}](#{name})", _summary(found[name])) for name in names]
        lines += [f"## {title}", _table(("sizer", "in short"), rows)]
    for name in (*sorted(set(found) - caps), *sorted(caps)):
        lines += [f"## {name}", *_prose(found[name]), _parameters(found[name])]
    return _joined(lines)


def _guards() -> str:
    found = dict(sorted(_ours(GUARDS).items(), key=lambda item: int(item[1].id.removeprefix("G"))))
    rows = [(g.id, f"[{name}](#{name})", _summary(g), str(g.scope), g.latches) for name, g in found.items()]
    lines = [
        "# Guards",
        MADE,
        GUARDS_SAY,
        LATCHES_SAY,
        _table(("id", "guard", "in short", "scope", "latches"), rows),
    ]
    for name, guard in found.items():
        facts = [
            ("id", guard.id),
            ("scope", f"`{guard.scope}`"),
            ("measures", guard.measures),
            ("resets", guard.resets),
            ("latches", guard.latches),
            ("needs", ", ".join(f"`{need}`" for need in guard.needs) or "nothing"),
            ("reasons", ", ".join(f"[{code}](reasons.md)" for code in _codes(guard))),
        ]
        lines += [f"## {name}", *_prose(guard), _table(("", ""), facts), _parameters(guard)]
        if guard.example:
            lines.append("\n".join(["```toml", f"[guards.{name}]", *_settings(guard.example), "```"]))
    return _joined(lines)


def _reasons() -> str:
    said = _said(reasons)
    rows = [(f"`{code}`", said.get(code.name, "Nothing stood against it.")) for code in Reason]
    return _joined(["# Reasons", MADE, REASONS_SAY, _table(("code", "meaning"), rows)])


def _limits() -> str:
    """Every guard with the limits that it comes with in its example."""
    found = sorted(_ours(GUARDS).items(), key=lambda item: int(item[1].id.removeprefix("G")))
    rows = [
        (g.id, f"[{name}](guards.md#{name})", "<br>".join(f"`{s}`" for s in _settings(g.example)) or "-", g.latches)
        for name, g in found
    ]
    return _table(("id", "guard", "limits", "latches"), rows) + "\n"


def _settings(example: Mapping[str, object]) -> list[str]:
    return [f"{key} = {toml(value)}" for key, value in example.items()]


def _summary(target: type) -> str:
    return _paragraphs(target)[0].replace("\n", " ").strip()


def _paragraphs(target: type) -> list[str]:
    return re.split(r"\n\s*\n", inspect.cleandoc(target.__doc__ or ""))


def _prose(target: type) -> Iterator[str]:
    """The docstring: formulas as they stand, prose in one line each, its source at the end."""
    for paragraph in _paragraphs(target):
        kept = [line for line in paragraph.splitlines() if not line.startswith(LEFT_OUT)]
        text = " ".join(line.strip() for line in kept)
        if text and (kept[0].startswith(" ") or not text.endswith((".", ":"))):
            yield "\n".join(["```text", inspect.cleandoc("\n".join(kept)), "```"])
        elif text:
            yield text.replace("Source:", "*Source:*")


def _codes(guard: type) -> list[str]:
    """The reasons that a guard can give, in the order of the enum."""
    named = set(re.findall(r"\bReason\.([A-Z_]+)", inspect.getsource(inspect.getmodule(guard) or guard)))
    return [code.value for code in Reason if code.name in named]


def _said(module: Any) -> dict[str, str]:
    """The string that follows each member of `Reason` in the source."""
    tree = ast.parse(inspect.getsource(module))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Reason")
    said: dict[str, str] = {}
    for member, after in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            target = member.targets[0]
            said[target.id if isinstance(target, ast.Name) else ""] = str(after.value.value)
    return said


def _parameters(target: Any) -> str:
    schema = target.model_json_schema()
    rows = list(_rows(schema, schema.get("$defs", {})))
    return _table(("parameter", "allowed", "default"), rows) if rows else "No parameters."


def _rows(schema: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for key, field in schema["properties"].items():
        needed = key in schema.get("required", ())
        default = "none: must be set" if needed else _default(field.get("default", {}))
        yield f"`{prefix}{key}`", _allowed(field), default
        for option in field.get("anyOf", [field]):
            if "$ref" in option:
                nested = known[option["$ref"].rpartition("/")[2]]
                yield from _rows(nested, known, f"{prefix}{key}.")


def _default(value: object) -> str:
    if value is None:
        return "not set"
    return "empty" if value == {} else f"`{toml(value)}`"


def _allowed(field: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in field:
        return " or ".join(_allowed(option) for option in field["anyOf"] if option.get("type") != "null")
    if "enum" in field or "const" in field:
        return " or ".join(f"`{toml(one)}`" for one in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        return "a table"
    if field["type"] == "array":
        return f"list of: {_allowed(field['items'])}"
    if field["type"] == "object":
        return f"table of: {_allowed(field['additionalProperties'])}"
    bounds = ", ".join(f"{sign} {field[key]:g}" for key, sign in BOUNDS if key in field)
    return f"{TYPES[field['type']]} {bounds}".strip()


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _wrapped(text: str) -> str:
    """Prose in lines of at most 120, code in it whole; tables, blocks and headings stay as they are."""
    if text.startswith(("|", "#", "`" * 3, "<!--")):
        return text
    held = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "\0"), text.strip())
    return textwrap.fill(held, 120, break_long_words=False, break_on_hyphens=False).replace("\0", " ")


def _joined(parts: list[str]) -> str:
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


if __name__ == "__main__":
    main()
