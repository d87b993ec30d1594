"""`gamma montecarlo`: how lucky a list of trades was, and how bad it can get."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli import stream_options as options
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamma.cli.streams import Case
    from gamma.montecarlo.outcome import Chance, Outcome
    from gamma.montecarlo.simulation import Ask, Simulated

Paths = Annotated[int, typer.Option(help="How many paths.", min=1)]
Horizon = Annotated[int, typer.Option(help="Trades of a path; as many as there are, by default.", min=0)]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("montecarlo")(montecarlo)


def montecarlo(  # noqa: PLR0913 - each option is a parameter
    context: typer.Context,
    *,
    trades: options.Trades = None,
    ledger: options.Ledger = "",
    strategy: options.OfStrategy = "",
    market: options.OfMarket = "",
    sizer: options.Sizers = None,
    start_usd: options.StartUsd = None,
    risk: options.RiskUsd = None,
    paths: Paths = 10_000,
    horizon: Horizon = 0,
    block: options.Block = 0.0,
    uncertain: Annotated[
        bool, typer.Option("--uncertain", help="Draw each path's win rate from its posterior.")
    ] = False,
    slippage_ticks: options.SlippageTicks = 0.0,
    seed: options.Seed = 0,
    picture: Annotated[Path | None, typer.Option(help="Draw the distributions.", metavar="FILE.png")] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Draw the trades anew, thousands of times, each path sized by the chain as the daemon would size it there.

    Once independently of one another, once in blocks that keep what follows on what. The floor and the safety halt
    of the account hold on each path.

    Example: gamma montecarlo --trades docs/examples/round_trips.csv --sizer half_kelly --risk 250 --paths 1000
    """
    from gamma.cli import streams
    from gamma.montecarlo.outcome import outcome_of
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
            sizers=tuple(sizer or ()),
        )
    )
    count = len(case.stream)
    ask = Ask(paths=paths, trades=horizon or count, seed=seed, uncertain=uncertain)
    mean_block = options.mean_block(block, count)
    with working("compiling and drawing ..."):
        happened, runs = _run(case, ask, mean_block, whole=picture is not None)
    found = [outcome_of(name, one, run, happened) for name, one, run in runs]
    if picture:
        from gamma.montecarlo.picture import draw

        with working("drawing a picture ..."):
            draw(_title(case, ask), [(name, run) for name, _, run in runs], happened, picture)
    if as_json:
        print_json(_shape(case, ask, found, slippage_ticks))
        return
    _show(_title(case, ask), case, found)
    if picture:
        console().print(f"[green]✓[/] {picture}")


def _run(
    case: "Case", ask: "Ask", block: float, *, whole: bool
) -> "tuple[Simulated, Sequence[tuple[str, float, Simulated]]]":
    from gamma.montecarlo import jitted
    from gamma.montecarlo.chains import setting_of
    from gamma.montecarlo.simulation import realised
    from gamma.montecarlo.sources import unsizable

    happened = realised(setting_of(case.stream, case.account, case.chain))
    if why := unsizable(case.stream, case.account, case.chain):
        raise InputInvalid(f"no path has a size: {why}")
    run = jitted.compiled(case.stream, case.account, case.chain, ask, whole=whole)
    ways = [("independent", 1.0), (f"blocks of {block:g}", block)]
    return happened, [(name, one, run(replace(ask, block=one))) for name, one in ways]


def _title(case: "Case", ask: "Ask") -> str:
    chain = ", ".join(name for name, _ in case.chain)
    return f"{case.title}: {ask.paths:,} paths of {ask.trades:,} trades, sized by {chain}"


def _shape(case: "Case", ask: "Ask", found: "Sequence[Outcome]", slippage_ticks: float) -> dict[str, Any]:
    floor = case.account.floor
    return {
        "market": case.stream.market.symbol,
        "strategy": case.stream.strategy,
        "sizers": [name for name, _ in case.chain],
        "trades": len(case.stream),
        "paths": ask.paths,
        "trades_a_path": ask.trades,
        "seed": ask.seed,
        "uncertain": ask.uncertain,
        "slippage_ticks": slippage_ticks,
        "start_usd": case.account.start_usd,
        "halt_frac": case.account.halt_frac,
        "floor_drawdown_usd": floor.drawdown_microusd / 1e6 if floor else None,
        "open_pnl_known": case.stream.open_known,
        "ways": [asdict(one) for one in found],
    }


def _show(title: str, case: "Case", found: "Sequence[Outcome]") -> None:
    from gamma.cli.tables import table

    out = console()
    out.print(f"[bold]{title}[/]\n", soft_wrap=True)
    names = [one.name for one in found]
    ends = [(f"{p} %", *(f"{one.final_usd[p]:,.0f}" for one in found)) for p in found[0].final_usd]
    out.print(table(["final balance, usd", *(f">{name}" for name in names)], ends, out.width))
    chances = [(_CHANCES[what], *(_chance(one.chances[what]) for one in found)) for what in found[0].chances]
    out.print()
    out.print(table(["probability", *(f">{name}" for name in names)], chances, out.width))
    falls = [
        (what, *(f"{getattr(one.drawdown_usd, what):,.0f}  {getattr(one.drawdown_frac, what):6.1%}" for one in found))
        for what in ("mean", "median", "p95", "worst")
    ]
    out.print()
    out.print(table(["drawdown, usd and share of the peak", *(f">{name}" for name in names)], falls, out.width))
    real = found[0].realised
    ranks = ", ".join(f"{one.realised.rank_frac:.0%} ({one.name})" for one in found)
    deeper = ", ".join(f"{one.realised.drawdown_rank_frac:.0%} ({one.name})" for one in found)
    out.print(
        f"\nas it came, the trades end at {real.final_usd:,.2f} usd, better than {ranks} of paths;\n"
        f"the deepest drawdown is {real.drawdown_usd:,.2f} usd, deeper than {deeper};\n"
        f"{real.trades:,} of {len(case.stream):,} trades are made, {real.lots_mean:.2f} lots each in the mean",
        soft_wrap=True,
    )


_CHANCES = {
    "profit": "ends with a profit",
    "double": "at least doubles",
    "triple": "at least triples",
    "halt": "is halted",
    "ruin": "touches its floor, or loses all",
}


def _chance(found: "Chance") -> str:
    return f"{found.prob:.1%} ({found.low:.1%} to {found.high:.1%})"
