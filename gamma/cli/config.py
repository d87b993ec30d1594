"""`gamma config`: what is in effect, where it came from, and whether it can be traded with."""

import os

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json

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


def _print_settings(values: dict[str, tuple[object, str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from gamma.complaints import toml

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("key", "value", "from"):
        table.add_column(title, overflow="fold")
    section = ""
    for name, (value, origin) in values.items():
        here, _, key = name.rpartition(".")
        if here != section:
            table.add_row(f"[bold cyan]{escape('[' + here + ']')}[/]")
            section = here
        text = "[dim]not set[/]" if value is None or value == "" else escape(toml(value))
        table.add_row(f"  {key}", text, f"[dim]{origin}[/]" if origin == "default" else escape(origin))
    console().print(table)


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors and for checks.

    Example: gamma config schema > config.schema.json
    """
    from gamma.plugins import config_schema

    print_json(config_schema())


@app.command()
def check(path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check the configuration, every sizer, guard and signal in it; exit code 78 where it cannot be traded with.

    Example: gamma config check --config config.toml
    """
    from gamma.config import config_hash, load
    from gamma.plugins import check as check_plugins

    config = load(path, os.environ)
    check_plugins(config)
    if as_json:
        names = [strategy.name for strategy in config.strategies]
        print_json({"ok": True, "mode": config.gamma.mode, "strategies": names, "config_hash": config_hash(config)})
        return
    count = len(config.strategies)
    console().print(
        f"[green]✓[/] {path} is fine: {config.gamma.mode} account [bold]{config.account.name}[/], "
        f"{count} {'strategy' if count == 1 else 'strategies'}"
    )
