"""Models: each checkpoint that the configuration names, what it was found to be, and what it does here."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from gamma import checkpoints
from gamma.config import Config
from gamma.dashboard import parts
from gamma.dashboard.aside import PATIENCE_S, Made
from gamma.dashboard.sight import Query, Sight
from gamma.dashboard.wording import wrapped
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.guards import Guard
from gamma.ledger import Reader
from gamma.outlook import look
from gamma.picks import Asking
from gamma.ports import Trained
from gamma.rules import Rules
from gamma.validation import against_validated

DRIFT: Final = "G28"
_SIGNALS: Final = ("policy", "event_policy")
_TITLES: Final = {
    "win_rate_frac": "Win rate",
    "pnl_per_trade_usd": "P&L per trade [usd]",
    "sharpe_annual": "Sharpe ratio of a year",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A checkpoint that a strategy asks, for signals or for sizes; `pinned` is the only hash that it may have."""

    strategy: str
    asked_for: str
    checkpoint: str
    pinned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a checkpoint's card tells, or why it is refused; `compared` is of `gamma.validation`, by strategy."""

    cards: Sequence[tuple[Named, Trained | None, str]]
    compared: Mapping[str, Mapping[str, Any]]


def show(sight: Sight, _: Query) -> Any:
    """A card for each checkpoint, and for each strategy that somebody validated without one."""
    made = ahead(sight)
    if made is None:
        return parts.notice("Live results are being held against the validated ones. This page fills itself.")
    if made.value is None:
        return parts.notice(made.error, "bad")
    seen = made.value
    shown = [_card(sight, named, trained, error, seen) for named, trained, error in seen.cards]
    own = [name for name in seen.compared if name not in {named.strategy for named, _, _ in seen.cards}]
    shown += [parts.card(name, *_live(sight, name, seen), wide=True) for name in own]
    if not shown:
        return parts.notice("No strategy trades from a checkpoint, and none was validated: rules alone trade here.")
    return [*shown, html.P(f"As of event {made.seq:,}, {parts.when(made.ts_utc_ns)}.", className="quiet")]


def ahead(sight: Sight, *, patience_s: float = PATIENCE_S) -> Made[Seen] | None:
    """Have live results held against validated ones; what came of it last."""
    config, rules = sight.config, sight.now.rules
    return sight.aside.ask(
        "models", sight.head_seq, lambda reader: seen_of(config, rules, reader), patience_s=patience_s
    )


def seen_of(config: Config, rules: Rules, reader: Reader) -> Seen:
    """Every card that the configuration names, and every live record beside what was validated."""
    compared = {row["strategy"]: row for row in against_validated(config, reader)}
    return Seen(cards=[(one, *_told(config, one)) for one in named_in(config, rules)], compared=compared)


def named_in(config: Config, rules: Rules) -> Iterator[Named]:
    """The checkpoints that strategies trade from, and those of their size pickers."""
    for strategy in config.strategies:
        signal = strategy.signal
        if signal["use"] in _SIGNALS:
            yield Named(
                strategy=strategy.name,
                asked_for="signals",
                checkpoint=str(signal.get("checkpoint", "")),
                pinned=str(signal.get("sha256", "")),
            )
        for _, sizer in rules.strategies[strategy.name].sizers:
            if isinstance(sizer, Asking):
                yield Named(strategy=strategy.name, asked_for="sizes", checkpoint=sizer.checkpoint, pinned=sizer.sha256)


def _told(config: Config, named: Named) -> tuple[Trained | None, str]:
    try:
        shelf, folder = checkpoints.named(named.checkpoint, checkpoints.folders(config.paths.models))
        return shelf.told(folder), ""
    except (ConfigInvalid, InputInvalid) as error:
        return None, str(error)


def _card(sight: Sight, named: Named, trained: Trained | None, error: str, seen: Seen) -> Component:
    title = f"{named.checkpoint}: {named.asked_for} of {named.strategy}"
    if trained is None:
        return parts.card(title, parts.notice(error, "bad"), wide=True)
    live = _live(sight, named.strategy, seen) if named.asked_for == "signals" else []
    return parts.card(
        title,
        _standing(trained, sight),
        *_pin(named, trained),
        _made(named.checkpoint, trained),
        *live,
        _validations(trained),
        wide=True,
    )


def _standing(trained: Trained, sight: Sight) -> Component:
    if not trained.paper_only:
        return parts.notice("Qualified in an evaluation out of sample.", "good")
    live = sight.config.gamma.mode == "live"
    return parts.notice("For paper only: it has not qualified out of sample.", "bad" if live else "warn")


def _pin(named: Named, trained: Trained) -> Sequence[Component]:
    if named.pinned == trained.sha256:
        return ()
    text = "It is not pinned by its hash." if not named.pinned else f"Pinned is {named.pinned}, and this is another."
    return (parts.notice(text, "bad" if named.pinned else "warn"),)


def _made(name: str, trained: Trained) -> Component:
    training = trained.card.get("training", {}).values()
    lists = [one for value in training if isinstance(value, list) for one in value]  # of bars, of trades, of markets
    data = [
        f"{one['name']} ({one.get('first_utc', '')[:10]} to {one.get('last_utc', '')[:10]})"
        for one in lists
        if isinstance(one, Mapping) and "name" in one
    ]
    rows: list[tuple[str, Any]] = [
        ("Kind", trained.kind),
        ("Markets", ", ".join(trained.markets)),
        ("Made", trained.created),
        ("Steps", f"{trained.steps:,}"),
        ("Trained on", ", ".join(data) or html.Code(f"gamma models show {name}")),
        ("Hash", html.Code(trained.sha256, className="hash")),
    ]
    return parts.figures(rows)


def _live(sight: Sight, strategy: str, seen: Seen) -> list[Any]:
    """Live figures beside the validated ones, and what the drift guard says of them."""
    row = seen.compared.get(strategy)
    if row is None:
        return [html.P("Nobody validated it out of sample: there is nothing to hold its record against.")]
    if row["error"]:
        return [parts.notice(row["error"], "bad")]
    few = " There are too few of them to say much." if row["few_trades"] else ""
    p = row["drift_p"]
    chance = "" if math.isnan(p) else f" As bad a record of an unchanged strategy has a chance of {parts.number(p)}."
    return [
        html.H3("Live against validated"),
        html.P(
            f"{row['trades']:,} trades here; validated by {row['source']}, {row['validated_trades']:,} trades."
            f"{few}{chance}"
        ),
        parts.table(
            ("figure", ">live", ">validated"),
            [_compared(one) for one in row["figures"]],
        ),
        *_drift(sight, strategy),
    ]


def _compared(one: Mapping[str, Any]) -> tuple[parts.Cell, ...]:
    badges = {True: parts.badge("inside", "good"), False: parts.badge("outside", "warn")}
    inside = [html.Br(), badges[one["inside"]]] if one["inside"] is not None else []
    return (
        wrapped(_TITLES.get(one["name"], one["name"]), *inside),
        _interval(one["name"], one["live"], one["live_low"], one["live_high"]),
        _interval(one["name"], one["validated"], one["validated_low"], one["validated_high"]),
    )


def _interval(name: str, value: float, low: float, high: float) -> parts.Cell:
    if math.isnan(value):
        return "-"
    form = "{:.1%}".format if name.endswith("_frac") else "{:,.2f}".format
    shown = form(value)
    known = not (math.isnan(low) or math.isnan(high))
    return (
        html.Span([shown, html.Br(), html.Small(f"{form(low)} to {form(high)}", className="quiet")]) if known else shown
    )


def _drift(sight: Sight, strategy: str) -> list[Any]:
    """What the guard reckons from the book as it stands; where the strategy has none, how to have one."""
    rules = sight.now.rules.strategies[strategy]
    guard = next((guard for _, guard in rules.guards if guard.id == DRIFT), None)
    if guard is None:
        return [html.P('Nothing acts on this: "drift" is not among the guards of the strategy.', className="quiet")]
    return [html.H3("The drift guard"), *_reading(sight, guard, strategy)]


def _reading(sight: Sight, guard: Guard, strategy: str) -> Sequence[Component]:
    reading = getattr(guard, "reading", None)
    view = look(sight.now.book, sight.now.rules, sight.now.rules.strategies[strategy])
    told = reading(view) if reading is not None else {}
    rows = [(parts.words(name), parts.number(value)) for name, value in told.items()]
    return [
        parts.figures(rows),
        html.P(
            "It halves entries where the smallest p is below its limit, and halts below "
            "the second; see docs/guards.md.",
            className="quiet",
        ),
    ]


def _validations(trained: Trained) -> Component:
    told = list(trained.card.get("evaluations", ()))
    if not told:
        return html.P("It has no evaluation: gamma models promote makes one.")
    return html.Details(
        [html.Summary(f"Validated on: {len(told)} evaluations"), *(part for one in told for part in _evaluation(one))]
    )


def _evaluation(one: Mapping[str, Any]) -> list[Component]:
    of: Mapping[str, Any] = next((one[key] for key in ("trades", "markets", "bars") if key in one), {})
    days = f", {of['first_utc'][:10]} to {of['last_utc'][:10]}" if "first_utc" in of else ""
    sample = "out of sample" if one["out_of_sample"] else "in sample"
    rows = [
        (parts.words(fig["name"]), parts.number(fig["value"]), _ends(fig.get("low"), fig.get("high")))
        for fig in one["figures"]
    ]
    return [
        html.H3(f"{one['name']}: {sample}, {of.get('name', '')}{days}"),
        *([parts.notice(f"Did not qualify: {one['not_qualified']}")] if one["not_qualified"] else []),
        parts.table(("figure", ">value", ">95 % interval"), rows),
    ]


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{parts.number(low)} to {parts.number(high)}"
