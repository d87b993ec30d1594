"""`gamma markets`: what can be traded, exact in ticks and dollars."""

from typing import TYPE_CHECKING

import typer

from gamma.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from gamma.markets import Market


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("markets")(markets)


def markets(as_json: AsJson = False) -> None:
    """List the markets that gamma knows: tick, worth of a tick, costs, most lots.

    Kalshi tickers (KX...) are event contracts that pay $1, and need no row here.

    Example: gamma markets --json
    """
    from rich.table import Table

    from gamma.markets import TABLE

    rows = [_row(m) for m in TABLE.values()]
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, numeric in (
        ("market", False),
        ("kind", False),
        ("venue", False),
        ("$/pt", True),
        ("tick", True),
        ("$/tick", True),
        ("fee/side", True),
        ("slip", True),
        ("lots", True),
        ("minis", True),
    ):
        table.add_column(title, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        commission = f"${row['commission_usd']:,.2f}" if row["commission_usd"] else "spread"
        table.add_row(
            f"[bold]{row['name']}[/]",
            str(row["kind"]).replace("_", " "),
            str(row["exchange"]),
            f"{row['multiplier_usd_per_point']:,g}",
            f"{row['tick_points']:g}",
            _cents(row["tick_value_usd"]),
            commission,
            str(row["slippage_ticks"]),
            str(row["lots_max"]),
            f"{row['mini_equivalent']:g}" if row["mini_equivalent"] else "",
        )
    console().print(table)
    console().print(
        "\n[dim]Fees are per lot and side, slip in ticks a side, lots the most of a position; 12 micros are 1.2 minis."
        "\nChange costs and caps in \\[markets.SYMBOL].[/]"
    )


def _cents(usd: object) -> str:
    """Whole cents where it is whole cents."""
    value = float(str(usd))
    return f"{value:,.2f}" if round(value * 100, 6).is_integer() else f"{value:g}"


def _row(market: "Market") -> dict[str, object]:
    from gamma.markets import MICRO

    return {
        "name": market.symbol,
        "kind": market.kind.name.lower(),
        "exchange": market.exchange,
        "multiplier_usd_per_point": market.multiplier_usd_per_point,
        "tick_points": float(market.tick_points),
        "tick_value_usd": market.tick_value_microusd / MICRO,
        "commission_usd": market.commission_microusd / MICRO,
        "slippage_ticks": market.slippage_ticks,
        "lots_max": market.lots_max,
        "lot_units": float(market.lot_units),
        "mini_equivalent": market.mini_equivalent,
        "margin_usd_per_lot": market.margin_microusd_per_lot / MICRO,
        "family": market.family,
        "calendar": market.calendar,
    }
