"""`gamma evaluate sizers`: what each sizer would have made of the same trades."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli import stream_options as options
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working

if TYPE_CHECKING:
    from gamma.cli.streams import Case
    from gamma.montecarlo.comparison import Comparison, Row
    from gamma.montecarlo.simulation import Ask


def sizers(  # noqa: PLR0913 - each option is a parameter
    context: typer.Context,
    *,
    trades: options.Trades = None,
    ledger: options.Ledger = "",
    strategy: options.OfStrategy = "",
    market: options.OfMarket = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--sizer", help="Only these; all that are installed, by default.", metavar="NAME"),
    ] = None,
    against: Annotated[
        str, typer.Option(help="Hold the others against this one: the configured chain, or fixed.", metavar="NAME")
    ] = "",
    alone: Annotated[bool, typer.Option("--alone", help="Without contract_cap after each.")] = False,
    start_usd: options.StartUsd = None,
    risk: options.RiskUsd = None,
    paths: Annotated[int, typer.Option(help="How many paths.", min=1)] = 500,
    block: options.Block = 0.0,
    slippage_ticks: options.SlippageTicks = 0.0,
    seed: options.Seed = 0,
    picture: Annotated[Path | None, typer.Option(help="Draw the comparison.", metavar="FILE.png")] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Run the same trades, drawn the same way, through each installed sizer.

    Each stands first, with its configured or default parameters, followed by contract_cap. Differences are taken path
    by path; an interval is what 95 % of paths lie between, each a resample of the trades.

    Example: gamma evaluate sizers --trades docs/examples/round_trips.csv --sizer half_kelly --sizer fixed --paths 200
    """
    from gamma.cli import streams
    from gamma.montecarlo.simulation import Ask

    case = streams.case_of(
        streams.Wanted(
            path=path,
            path_named=options.named(context),
            trades=trades,
            ledger=ledger,
            strategy=strategy,
            market=market,
            start_usd=start_usd,
            risk_usd=risk,
            slippage_ticks=slippage_ticks,
            chain_wanted=False,
        )
    )
    count = len(case.stream)
    ask = Ask(paths=paths, trades=count, seed=seed, block=options.mean_block(block, count))
    with working("compiling and drawing, sizer by sizer ..."):
        found = _compared(case, ask, only, against, alone=alone)
    if picture:
        from gamma.montecarlo.comparison_picture import draw

        draw(_title(case, ask), found, picture)
    if as_json:
        print_json(_shape(case, ask, found))
        return
    _show(_title(case, ask), case, found)
    if picture:
        console().print(f"[green]✓[/] {picture}")


def _compared(case: "Case", ask: "Ask", only: list[str] | None, against: str, *, alone: bool) -> "Comparison":
    from gamma import plugins
    from gamma.montecarlo.comparison import OWN, candidates, compare

    sections = case.config.sizers if case.config else {}
    after = () if alone else (("contract_cap", plugins.section(plugins.SIZERS, sections, "contract_cap")),)
    for name in only or ():
        plugins.named(plugins.SIZERS, name)
    able, unable = candidates(case.stream, case.account, sections, after)
    base = against or (OWN if case.chain else "fixed")
    kept = {name: chain for name, chain in able.items() if not only or name in {*only, base}}
    if case.chain:
        from gamma.montecarlo.sources import unsizable

        if why := unsizable(case.stream, case.account, case.chain):
            unable[OWN] = why
            base = against or "fixed"
            kept = kept | {base: able[base]} if base in able else kept
        else:
            kept = {OWN: case.chain, **kept}
    found = compare(case.stream, case.account, kept, ask, base)
    unable |= found.unable
    return replace(found, unable={name: why for name, why in unable.items() if not only or name in {*only, OWN}})


def _title(case: "Case", ask: "Ask") -> str:
    return f"{case.title}: {ask.trades:,} trades, {ask.paths:,} paths in blocks of {ask.block:g}"


def _shape(case: "Case", ask: "Ask", found: "Comparison") -> dict[str, Any]:
    floor = case.account.floor
    return {
        "market": case.stream.market.symbol,
        "trades": ask.trades,
        "paths": ask.paths,
        "block": ask.block,
        "seed": ask.seed,
        "start_usd": case.account.start_usd,
        "floor_drawdown_usd": floor.drawdown_microusd / 1e6 if floor else None,
        "chain": [name for name, _ in case.chain],
        "against": found.against,
        "sizers": [asdict(row) for row in found.rows],
        "better_prob": found.better_prob,
        "unable": found.unable,
    }


def _show(title: str, case: "Case", found: "Comparison") -> None:
    from gamma.cli.tables import table

    out = console()
    out.print(f"[bold]{title}[/]\n", soft_wrap=True)
    titles = ["sizer", ">lots", "?>as it came", ">median", ">growth", ">ahead of it", ">better", ">fall", ">floor"]
    out.print(table(titles, [_cells(row, found.against) for row in found.rows], out.width))
    chain = f" ({', '.join(name for name, _ in case.chain)})" if case.chain else ""
    out.print(
        "\nlots: of a trade made, in the mean; as it came, median: final balance, usd; growth: of the balance a trade,"
        f" 0.01 %; ahead of it: growth less that of {found.against}{chain}, and what 95 % of paths lie between;"
        " better: how often it ended with more; fall: deepest drawdown of the peak, 95th percentile;"
        " floor: how often it was touched, or all was lost"
    )
    if found.unable:
        out.print("\nnot compared:")
        out.print(table(["sizer", "why"], sorted(found.unable.items()), out.width))


def _cells(row: "Row", against: str) -> list[str]:
    same = row.name == against
    return [
        row.name,
        f"{row.lots_mean:.1f}",
        f"{row.realised_usd:,.0f}",
        f"{row.final_median_usd:,.0f}",
        f"{row.growth.mean * 1e4:+.1f}",
        "" if same else f"{row.ahead.mean * 1e4:+.1f} ({row.ahead.low * 1e4:+.1f} to {row.ahead.high * 1e4:+.1f})",
        "" if same else f"{row.better.prob:.0%}",
        f"{row.drawdown_frac.p95:.1%}",
        f"{row.ruin.prob:.1%}",
    ]
