"""`gamma config`: what is in effect, where it came from, and whether it can be traded with."""

import os
from typing import TYPE_CHECKING

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json, working

if TYPE_CHECKING:
    from collections.abc import Mapping

app = group("Show and check the configuration.")


@app.callback()
def _config() -> None:
    """Show and check the configuration."""


@app.command()
def show(path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print every value in effect with where it came from; secrets are masked.

    Example: GAMMA__FEED__SEED=7 gamma config show
    """
    from gamma.config import config_hash, load, settings

    config = load(path, os.environ)
    values = settings(config)
    if as_json:
        rows = [{"name": name, "value": value, "origin": origin} for name, (value, origin) in values.items()]
        print_json({"config_hash": config_hash(config), "settings": rows})
        return
    _print_settings(values)
    console().print(f"\n[dim]config hash[/] {config_hash(config)}")


def _print_settings(values: "Mapping[str, tuple[object, str]]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("key", no_wrap=True)
    table.add_column("value", overflow="fold", min_width=24)
    table.add_column("from", no_wrap=True)
    names = {path.removesuffix(".name"): value for path, (value, _) in values.items() if path.endswith(".name")}
    section = ""
    for path, (value, origin) in values.items():
        here, key = _parted(path)
        if here != section:
            head = f"[[strategies]] {names[here]}" if here.startswith("strategies.") else f"[{here}]"
            table.add_row(f"[bold cyan]{escape(head)}[/]")
            section = here
        if here != path:
            table.add_row(f"  {key}", _text(value), f"[dim]{origin}[/]" if origin == "default" else escape(origin))
    console().print(table)


def _parted(path: str) -> tuple[str, str]:
    """Section and key; what a strategy nests is shown under the strategy."""
    parts = path.split(".")
    if len(parts) == 1:
        return path, ""
    depth = 2 if parts[0] == "strategies" else len(parts) - 1
    return ".".join(parts[:depth]), ".".join(parts[depth:])


def _text(value: object) -> str:
    from rich.markup import escape

    from gamma.complaints import toml

    if value is None or value in ("", [], {}):
        return "[dim]none[/]"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return escape(toml(value))


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors and for checks.

    Example: gamma config schema > config.schema.json
    """
    from gamma.plugins import config_schema

    print_json(config_schema())


@app.command()
def check(path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check the configuration, and every sizer, guard, signal, broker and feed in it, as a start would.

    The exit code is 78 where it cannot be traded with.

    Example: gamma config check --config config.toml
    """
    from gamma.assembly import assemble
    from gamma.config import config_hash, load
    from gamma.plugins import check as check_plugins

    config = load(path, os.environ)
    check_plugins(config)
    with working("reading the feed"):
        bar_s = assemble(config, state_path=None).feed.bar_s
    if as_json:
        names = [strategy.name for strategy in config.strategies]
        print_json({"ok": True, "mode": config.gamma.mode, "strategies": names, "config_hash": config_hash(config)})
        return
    count = len(config.strategies)
    console().print(
        f"[green]✓[/] {path} is fine: {config.gamma.mode} account [bold]{config.account.name}[/], "
        f"{count} {'strategy' if count == 1 else 'strategies'}, {config.feed.use} feed of {bar_s} s bars"
    )
