"""`gamma config`: what is in effect, where it came from, and whether it can be traded with."""

from typing import TYPE_CHECKING, Any

from gamma.cli.chosen import configuration, wanted_accounts
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json, working
from gamma.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

app = group("Show and check the configuration.")


@app.callback()
def _config() -> None:
    """Show and check the configuration."""


@app.command()
def show(path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print every value in effect with where it came from; secrets are masked. Of several accounts, each.

    Example: GAMMA__FEED__SEED=7 gamma config show
    """
    from gamma.config import config_hash, settings

    configs = {name: configuration(path, account=name) for name in wanted_accounts(path)}
    if as_json:
        told = {
            name: {"config_hash": config_hash(one), "settings": _rows(settings(one))} for name, one in configs.items()
        }
        print_json(told if len(told) > 1 else next(iter(told.values())))
        return
    for name, config in configs.items():
        if len(configs) > 1:
            console().print(f"\n[bold]account {name}[/]\n")
        _print_settings(settings(config))
        console().print(f"\n[dim]config hash[/] {config_hash(config)}")


def _rows(values: "Mapping[str, tuple[object, str]]") -> list[dict[str, object]]:
    return [{"name": name, "value": value, "origin": origin} for name, (value, origin) in values.items()]


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

    Of several accounts each is checked. The exit code is 78 where one cannot be traded with.

    Example: gamma config check --config config.toml
    """
    checked: list[dict[str, Any]] = []
    wrong: list[str] = []
    for name in wanted_accounts(path):
        try:
            checked.append(_checked(path, name))
        except ConfigInvalid as error:
            wrong.append(str(error))
    if as_json and not wrong:
        print_json({"ok": True, "accounts": checked} if len(checked) > 1 else {"ok": True, **checked[0]})
        return
    for told in () if as_json else checked:
        count = len(told["strategies"])
        console().print(
            f"[green]✓[/] {path} is fine: {told['mode']} account [bold]{told['account']}[/], "
            f"{count} {'strategy' if count == 1 else 'strategies'}, {told['feed']} feed of {told['bar_s']} s bars"
        )
    if wrong:
        raise ConfigInvalid("\n".join(wrong))


def _checked(path: "Path", account: str) -> dict[str, Any]:
    """What a start would find in an account's configuration.

    Raises: ConfigInvalid, which names the account where there are several.
    """
    from gamma.assembly import assemble
    from gamma.config import config_hash
    from gamma.plugins import check as check_plugins

    try:
        config = configuration(path, account=account)
        check_plugins(config)
        with working("reading the feed"):
            bar_s = assemble(config, state_path=None).feed.bar_s
    except ConfigInvalid as error:
        raise ConfigInvalid(f"account {account}: {error}" if account else str(error)) from None
    return {
        "account": config.account.name,
        "mode": config.gamma.mode,
        "strategies": [strategy.name for strategy in config.strategies],
        "config_hash": config_hash(config),
        "feed": config.feed.use,
        "bar_s": bar_s,
    }
