"""How runs for event contracts are shown: rows of the live table, and the policy beside its rivals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gamma.cli.output import console

if TYPE_CHECKING:
    from gamma.ports import TrainingRival

# Okabe and Ito's colours, which people with any kind of colour blindness tell apart.
COLOURS: Final = {
    "hold": "#999999",
    "buy_yes": "#0072B2",
    "sell_yes": "#56B4E9",
    "buy_no": "#E69F00",
    "sell_no": "#CC79A7",
}
ROWS: Final = (
    ("return", "return_usd", "{:+,.2f} usd a market"),
    ("fees", "fees_usd", "{:,.2f} usd a market"),
    ("orders", "orders", "{:,.1f} a market"),
    ("size", "lots_per_order", "{:.1f} contracts an order"),
    ("filled, of what was ordered", "filled_frac", "{:.1%}"),
    ("won, of sales", "win_frac", "{:.1%}"),
    ("entropy", "entropy", "{:.3f} nats"),
    ("divergence", "divergence", "{:.1e} nats"),
    ("value loss", "value_loss", "{:.4f}"),
)


def print_rivals(rivals: "Sequence[TrainingRival]", of: str) -> None:
    """The policy beside what needs no learning, in the same held-out markets."""
    from rich.text import Text

    from gamma.cli.tables import table

    out = console()
    title = f"in {rivals[0].sessions:,} held-out markets" + (f", {of}" if of else "")
    out.print(Text(f"\n{title}", style="bold"))
    titles = ("", ">P&L a market", ">95 % interval", ">orders", ">contracts", ">filled", ">fees", ">worst")
    out.print(table(titles, [_rival(one) for one in rivals], out.width))
    out.print(Text("P&L, fees and the worst market in usd; orders a market, contracts an order\n", "dim"))


def _rival(one: "TrainingRival") -> tuple[str, ...]:
    told = one.figures
    if not told["orders"]:
        return (one.name, f"{told['pnl_usd_per_session']:+,.2f}", *("-",) * 6)
    return (
        one.name,
        f"{told['pnl_usd_per_session']:+,.2f}",
        f"{told['low_usd_per_session']:+,.2f} to {told['high_usd_per_session']:+,.2f}",
        f"{told['orders']:,.1f}",
        f"{told['lots_per_order']:,.1f}",
        f"{told['filled_frac']:.0%}",
        f"{told['fees_usd']:,.2f}",
        f"{told['worst_usd']:+,.0f}",
    )
