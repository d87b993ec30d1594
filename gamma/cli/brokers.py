"""`gamma brokers`: the adapters that are installed, and their sandboxes."""

from typing import TYPE_CHECKING

from gamma.cli import brokers_check, brokers_sandbox
from gamma.cli.output import AsJson, console, group, print_json

if TYPE_CHECKING:
    from gamma.plugins import Plugin

app = group("Brokers that gamma can trade with.")
brokers_sandbox.add_to(app)
brokers_check.add_to(app)


@app.callback()
def _brokers() -> None:
    """Brokers that gamma can trade with."""


@app.command("list")
def list_brokers(as_json: AsJson = False) -> None:
    """List the broker adapters that are installed, and who made them.

    Example: gamma brokers list
    """
    from rich.table import Table

    from gamma import plugins

    rows = [_row(plugin) for plugin in plugins.find(plugins.BROKERS).values()]
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("broker", "ready", "from", "what it is"):
        table.add_column(title)
    for row in rows:
        ready = "[green]yes[/]" if row["ready"] else "[red]no[/]"
        table.add_row(f"[bold]{row['name']}[/]", ready, str(row["distribution"]), str(row["summary"] or row["error"]))
    console().print(table)


def _row(plugin: "Plugin") -> dict[str, object]:
    from gamma.errors import ConfigInvalid

    row: dict[str, object] = {"name": plugin.name, "distribution": plugin.distribution}
    try:
        summary = (plugin.load().__doc__ or "").strip().partition("\n")[0]
        return row | {"ready": True, "summary": summary, "error": ""}
    except ConfigInvalid as error:
        return row | {"ready": False, "summary": "", "error": str(error)}
