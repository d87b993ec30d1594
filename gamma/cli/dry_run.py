"""What `gamma size` works out: the view of a case by hand or of a configured strategy, and the decision on it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from gamma import plugins
from gamma.account import opened, standing
from gamma.assembly import SQLITE, assemble
from gamma.book import Book
from gamma.cli import examples
from gamma.cli.cases import Hand, hand_view
from gamma.cli.chosen import configuration
from gamma.cli.configured_case import found
from gamma.config import Config, Strategy, load
from gamma.decision import Decision, Guards, Sizers, decide
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.guards import inert
from gamma.ledger.connections import file_of
from gamma.markets import Market, market
from gamma.sizing import shrink, whole_lots
from gamma.views import CurveView, OrderView, View
from gamma.whatif import Point, Stakes, curve

# A signal that no ledger knows: a rehearsal is nobody's double.
SIGNAL_ID: Final = "dry-run"
HAND_MARKET: Final = "MNQ"
HAND_SIZERS: Final = ("half_kelly",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked on the command line."""

    hand: Hand
    market: str = ""
    strategy: str = ""
    sizers: tuple[str, ...] = ()
    path: Path
    path_named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A decision that nothing came of, with the view and the chain that it was made from.

    `example` names the example that it is of, where no strategy of the configuration trades the market. `unjudged`
    names the guards that could not look, with the inputs that only a running daemon has.
    """

    view: View
    market: Market
    sizers: Sizers
    guards: Guards = ()
    decision: Decision
    unjudged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str
    example: str = ""


def run(asked: Asked) -> DryRun:
    """Size the case that was asked for.

    Raises: ConfigInvalid, InputInvalid.
    """
    alone = bool(asked.sizers) or (asked.hand.balance_usd is not None and not asked.path.exists())
    return _by_hand(asked) if alone else _configured(asked)


def _by_hand(asked: Asked) -> DryRun:
    config = configuration(asked.path) if asked.path_named else None
    hand = asked.hand
    if hand.balance_usd is None:
        raise InputInvalid("a case by hand needs --balance, as in --balance 20000")
    if config is not None and hand.capital_usd is None:
        hand = replace(hand, capital_usd=config.account.starting_capital_usd)
    symbol = asked.market or (config.strategies[0].market if config else HAND_MARKET)
    traded = config.market(symbol) if config else market(symbol)
    sections = config.sizers if config else {}
    sizers = tuple((name, plugins.section(plugins.SIZERS, sections, name)) for name in asked.sizers or HAND_SIZERS)
    view = hand_view(hand, traded)
    decision = decide(view, sizers, ())
    return DryRun(view=view, market=traded, sizers=sizers, decision=decision, title="a case by hand")


def _configured(asked: Asked) -> DryRun:
    config, example = _config(asked)
    assembly = assemble(config, state_path=None)
    strategy = assembly.rules.strategies[_strategy(config, asked).name]
    here = found(assembly, strategy, _book(config), asked.hand)
    gaps = {name: inert(guard, here.view) for name, guard in strategy.guards}
    seeing = [(name, guard) for name, guard in strategy.guards if not gaps[name]]
    return DryRun(
        view=here.view,
        market=strategy.market,
        sizers=strategy.sizers,
        guards=seeing,
        decision=decide(here.view, strategy.sizers, seeing, signal_id=SIGNAL_ID, standing=here.standing),
        unjudged={name: gap for name, gap in gaps.items() if gap},
        title=f"{f'example {example}' if example else f'strategy {strategy.name}'}, as of {_when(here.ts_utc_ns)}",
        example=example,
    )


def _config(asked: Asked) -> tuple[Config, str]:
    """The configuration; where it lies unnamed and does not trade the market, the example that does, by its name.

    Raises: ConfigInvalid.
    """
    example = None if asked.path_named or asked.strategy else examples.of_market(asked.market)
    if example is None or asked.path.exists():
        config = configuration(asked.path)
        if example is None or any(strategy.market == asked.market for strategy in config.strategies):
            return config, ""
    return load(example, {}), example.name


def _book(config: Config) -> Book | None:
    """The book as the ledger has it, read-only; None before the first start.

    Raises: ConfigInvalid when the ledger is another account's.
    """
    url = config.gamma.database
    path = file_of(url)
    if url.startswith(SQLITE) and (path is None or not path.exists()):
        return None
    with opened(config) as reader:
        return standing(config, reader).book


def _when(ts_utc_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_utc_ns / 1e9, ZoneInfo('America/New_York')):%a %Y-%m-%d %H:%M} New York"


def _strategy(config: Config, asked: Asked) -> Strategy:
    if asked.strategy:
        return config.strategy(asked.strategy)
    for strategy in config.strategies:
        if asked.market in ("", strategy.market):
            return strategy
    known = ", ".join(f"{s.name} ({s.market})" for s in config.strategies)
    raise ConfigInvalid(f"no strategy trades {asked.market}; name one with --strategy: {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTrade:
    """What the size picker says of the next trade at one size; minus infinity where all could be lost."""

    ruin_prob: float
    ruin_bound: float
    return_mean: float
    growth_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The what-if curve, what it was drawn from, and the rule that would bind at each size.

    `picked` is by lots: sizes that margin bears, where the chain asks a size picker.
    """

    stakes: Stakes
    points: tuple[Point, ...]
    bound_by: tuple[str, ...]
    picked: Mapping[int, NextTrade] = field(default_factory=dict)


def what_if(result: DryRun) -> Curve:
    """Every size from 0 to the market's cap, judged by the strategy's record.

    Raises: InputInvalid when the account has no equity.
    """
    view = result.view
    floor = float(view.account.floor_usd)
    stakes = Stakes(
        equity_usd=float(view.account.equity_usd),
        floor_usd=floor if math.isfinite(floor) else 0.0,
        risk_usd_per_lot=_risk_usd_per_lot(result),
        pnl_usd_per_lot=tuple(float(p) for p in view.track.pnl_usd_per_lot),
    )
    points = curve(stakes, result.market.lots_max)
    return Curve(
        stakes=stakes,
        points=tuple(points),
        bound_by=tuple(_binding(result, p.lots) for p in points),
        picked=_picked(view.curve) if view.curve is not None else {},
    )


def _picked(found: CurveView) -> dict[int, NextTrade]:
    told = zip(found.lots, found.ruin_prob, found.ruin_bound, found.return_mean, found.growth_mean, strict=True)
    return {
        int(lots): NextTrade(ruin_prob=ruin, ruin_bound=bound, return_mean=mean, growth_mean=growth)
        for lots, ruin, bound, mean, growth in (map(float, row) for row in told)
        if ruin >= 0
    }


def _risk_usd_per_lot(result: DryRun) -> float:
    """The signal's risk; where it has none, that of the sizer that set the stop itself."""
    risk = float(result.view.signal.risk_usd_per_lot)
    if math.isfinite(risk):
        return risk
    told = (step.facts.get("risk_usd_per_lot") for step in result.decision.steps)
    return next((float(fact) for fact in told if fact is not None), math.nan)


def _binding(result: DryRun, lots: int) -> str:
    """The first sizer or guard that would let less than `lots` through; empty where none would."""
    for name, sizer in result.sizers:
        try:
            allowed = whole_lots(shrink(math.inf, sizer(result.view, math.inf)))
        except Exception:  # noqa: BLE001 - a sizer that raises allows nothing
            allowed = 0
        if allowed < lots:
            return name
    order = OrderView(market=result.market.symbol, side=1, lots=lots, signal_id=SIGNAL_ID)
    for name, guard in result.guards:
        if lots and guard(result.view, order).lots < lots:
            return name
    return ""
