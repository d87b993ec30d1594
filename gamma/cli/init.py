"""`gamma init`: write a configuration."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from gamma.cli import examples
from gamma.cli.output import DEFAULT_CONFIG, AsJson, console, print_json
from gamma.errors import InputInvalid


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing; paper trading on the simulator.")] = False,
    feed: Annotated[
        str, typer.Option("--feed", help="Bars as this broker tells them; else the simulator's.", metavar="BROKER")
    ] = "",
    of: Annotated[str, typer.Option("--example", help="An example of another kind, as gold.", metavar="NAME")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a config.toml that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write config.toml into this folder; it is never overwritten without --force.

    Example: gamma init --defaults
    """
    if DEFAULT_CONFIG.exists() and not force:
        raise InputInvalid(f"{DEFAULT_CONFIG} is here already; use --force to overwrite it")
    text = _text(defaults, of)
    text = with_feed(text, feed) if feed else text
    write(DEFAULT_CONFIG, text)
    if as_json:
        print_json({"written": str(DEFAULT_CONFIG)})
        return
    console().print(f"[green]✓[/] wrote {DEFAULT_CONFIG}. Next: [bold]gamma run[/]")


def _text(defaults: bool, of: str) -> str:
    """What is written: another example as it is, the first as it is or with a person's answers in it."""
    if of:
        return examples.named(of).read_text(encoding="utf-8")
    return example() if defaults else asked(example())


def asked(text: str) -> str:
    """The example with the answers of a person in it."""
    from gamma.markets import TABLE

    capital = typer.prompt("Starting capital in usd", default=50_000.0)
    if not 0 < capital < float("inf"):
        raise InputInvalid(f"starting capital is {capital}; give an amount in usd above 0")
    symbols = [s.strip() for s in typer.prompt("Markets, with commas between", default="MNQ, MES").split(",")]
    unknown = [symbol for symbol in symbols if symbol not in TABLE]
    if unknown or len(set(symbols)) != len(symbols):
        raise InputInvalid(f"unknown or repeated market in {', '.join(symbols)}; known: {', '.join(TABLE)}")
    head, shown, tail = _parted(text)
    blocks = [shown.get(symbol) or _of(symbol, shown["MES"]) for symbol in symbols]
    for key, value_usd in _money(capital).items():
        head = re.sub(rf"(?m)^{key} = \S+", f"{key} = {value_usd:_.2f}", head)
    return head + "".join(blocks) + tail


def with_feed(text: str, broker: str) -> str:
    """The same with a broker's bars, and its section, which a person fills in.

    Raises: ConfigInvalid when no such broker is installed.
    """
    from gamma import plugins

    plugins.named(plugins.BROKERS, broker, "feed")
    text = re.sub(
        r'(?m)^use = "sim".*$', f'use = "broker"                    # docs/bars.md\nbroker = "{broker}"', text
    )
    text = re.sub(r"(?m)^(seed|speed) = .*\n", "", text)
    section = f"# Its account and key: docs/brokers.md tells what belongs here.\n[brokers.{broker}]\n"
    return text if f"[brokers.{broker}]" in text else text.replace("[brokers.paper]", f"{section}\n[brokers.paper]", 1)


def _money(capital_usd: float) -> dict[str, float]:
    """The account's amounts; its floor lies a fifth below where it starts."""
    return {
        "starting_capital_usd": capital_usd,
        "start_balance_usd": capital_usd,
        "drawdown_usd": round(0.2 * capital_usd, 2),
    }


def _of(symbol: str, block: str) -> str:
    """The strategy of another market, in this one."""
    return block.replace('"mes"', f'"{symbol.lower()}"').replace('"MES"', f'"{symbol}"')


def _parted(text: str) -> tuple[str, dict[str, str], str]:
    """What stands before the strategies, each of them by its market, and what stands after the last."""
    starts = [match.start() for match in re.finditer(r"(?m)^\[\[strategies\]\]", text)]
    after = re.compile(r"(?m)^(?=\[(?!strategies)|# )").search(text, starts[-1] + 1)
    end = after.start() if after else len(text)
    blocks = [text[a:b] for a, b in pairwise([*starts, end])]
    return text[: starts[0]], {tomllib.loads(one)["strategies"][0]["market"]: one for one in blocks}, text[end:]


def example() -> str:
    """The example configuration."""
    return examples.first().read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    """Write the file so that it is whole or not there, and readable by its owner alone: secrets may follow."""
    draft = path.with_name(f".{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
