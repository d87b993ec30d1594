"""From the config to what runs: markets, rules, broker, feed and strategies, each found by its entry point."""

import inspect
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, final

from gamma import calendar, checkpoints, pickers, plugins, prices
from gamma.bars import Session
from gamma.book import Setup
from gamma.calendar import rolls
from gamma.clock import MACHINE, Clock
from gamma.complaints import shown
from gamma.config import Config, config_hash, strategy_hash
from gamma.desk import Seat
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.feeds import Feed
from gamma.guards import Guard, Punctual
from gamma.markets import MICRO, TABLE, Kind, Market
from gamma.picking import Picking
from gamma.ports import (
    AskingSource,
    BarDriven,
    Broker,
    Capabilities,
    Dedupe,
    KnownChains,
    ManagingSource,
    Model,
    Modelled,
    SignalSource,
    SignalStream,
    Surroundings,
)
from gamma.profiles import Profile, load_profile
from gamma.rules import ProfilePolicy, Rules, StrategyRules
from gamma.views import ValidatedView

PRETENDED: Final = frozenset({"paper", "chaos"})  # brokers that take no real order
SQLITE: Final = "sqlite:///"
_EACH_DAY: Final = "clock.to_flat_by_s"  # what a guard needs that sees to the end of every day
UNCONNECTED: Final = Capabilities(
    name="",
    dedupe=Dedupe.NONE,
    direct_lookup=False,
    bracket=False,
    multi_leg=False,
    replace=False,
    reduce_only=False,
    order_stream=False,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The calendar, with the account's own moment to be flat by in it."""

    flat_by: calendar.FlatBy | None = None

    def session(self, market: str, ts_utc_ns: int) -> Session | None:
        """The session of the market at that time; None while it is closed."""
        found = calendar.session_at(market, ts_utc_ns, self.flat_by)
        return None if found is None else self._rolling(found)

    def next(self, market: str, ts_utc_ns: int) -> Session:
        """The next session of the market that opens at or after that time."""
        return self._rolling(calendar.next_session(market, ts_utc_ns, self.flat_by))

    def _rolling(self, session: Session) -> Session:
        """The session with the moment to be out of its contract."""
        return replace(session, ts_roll_utc_ns=rolls.flat_by_utc_ns(session.market, session.date, self.flat_by))

    def open_since(self, markets: Iterable[str], ts_utc_ns: int) -> int | None:
        """Since when at least one of these markets has been open at that time [ns]; None while all are closed."""
        opened = (self.session(market, ts_utc_ns) for market in markets)
        return min((session.ts_open_utc_ns for session in opened if session is not None), default=None)

    def agrees(self, market: str, date: str) -> bool:
        """Whether both calendars tell the same hours of that day."""
        return calendar.agrees(market, date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """Everything that the daemon and a replay need, built once from one config; `pickings` by strategy.

    `others` are brokers that tell bars or chains, and take no order.
    """

    config: Config
    setup: Setup
    rules: Rules
    broker: Broker
    feed: Feed
    seats: Mapping[str, tuple[Seat, ...]]
    streams: tuple[SignalStream, ...]
    hours: Hours
    start_utc_ns: int
    chains: KnownChains | None = None
    others: tuple[Broker, ...] = ()
    pickings: Mapping[str, Picking] = field(default_factory=dict)


def assemble(config: Config, *, state_path: Path | None, feed: Feed | None = None, clock: Clock = MACHINE) -> Assembly:
    """Build all that trades from the config. The paper broker keeps its state at `state_path`, or in memory.

    Raises: ConfigInvalid, naming the section, the key and what is known.
    """
    brokers = {s.broker for s in config.strategies}
    if len(brokers) > 1:
        raise ConfigInvalid(f"strategies trade at {', '.join(sorted(brokers))}: one account, one broker")
    if config.gamma.mode == "live" and (pretended := brokers & PRETENDED):
        raise ConfigInvalid(
            f'[gamma] mode is "live", but the strategies trade at the {pretended.pop()} broker: name a real one in '
            '`broker`, or set mode = "paper"'
        )
    setup = setup_of(config)
    hours = hours_of(config)
    name = brokers.pop()
    broker = open_broker(config, name, setup.markets, state_path)
    _check_mode(config, broker.capabilities)
    tellers = {name: broker}
    for other in (prices.bars_broker(config, name), config.chains.broker or name):
        if other not in tellers:
            tellers[other] = open_broker(config, other, setup.markets, None)
    feed = (
        feed
        if feed is not None
        else prices.feed_of(config, setup.markets, hours, tellers[prices.bars_broker(config, name)], clock)
    )
    chains = prices.chains_of(config, feed, hours, tellers[config.chains.broker or name], clock)
    sources = _sources(config, setup.markets, hours, chains)
    _check_ends(config, broker)
    _check_asking(config, sources, feed)
    rules = rules_of(config, broker.capabilities, _models(sources))
    return Assembly(
        config=config,
        setup=setup,
        rules=rules,
        broker=broker,
        feed=feed,
        seats=_seats(config, sources),
        streams=tuple(s for s in sources.values() if isinstance(s, SignalStream)),
        hours=hours,
        start_utc_ns=_start_ns(config, setup.markets),
        chains=chains,
        others=tuple(other for other in tellers.values() if other is not broker),
        pickings=pickers.opened(config, rules, lambda: feed.bar_s),
    )


def _check_mode(config: Config, capabilities: Capabilities) -> None:
    """Paper and live never mix.

    Raises: ConfigInvalid when the broker's orders are real and the mode is paper, or the other way round.
    """
    if capabilities.real and config.gamma.mode != "live":
        raise ConfigInvalid(
            f'[gamma] mode is "{config.gamma.mode}", but [brokers.{capabilities.name}] trades real money: set '
            'environment = "paper" there, or mode = "live"'
        )
    if config.gamma.mode == "live" and not capabilities.real:
        raise ConfigInvalid(
            f'[gamma] mode is "live", but [brokers.{capabilities.name}] takes no real order: set '
            'environment = "live" there, or mode = "paper"'
        )


def setup_of(config: Config) -> Setup:
    """What the account is: its name, capital, markets and floor."""
    profile = profile_of(config)
    return Setup(
        account=config.account.name,
        mode=config.gamma.mode,
        starting_capital_microusd=round(config.account.starting_capital_usd * MICRO),
        markets={s.market: config.market(s.market) for s in config.strategies},
        floor_rule=profile.floor_rule if profile else None,
    )


def profile_of(config: Config) -> Profile | None:
    """The dated rules of the account's firm, with the config's overrides; None where it has none.

    Raises: ConfigInvalid when the profile is of another capital than the account's.
    """
    if not config.account.profile:
        return None
    profile = load_profile(config.account.profile, config.account.overrides)
    start_usd, capital_usd = profile.start_balance_usd.value, config.account.starting_capital_usd
    if start_usd != capital_usd:
        raise ConfigInvalid(
            f"[account] starting_capital_usd is {capital_usd:g}, but {profile.name} starts with {start_usd:g}: "
            "set it to that, or override start_balance_usd under [account.overrides]"
        )
    return profile


def _policy(config: Config) -> ProfilePolicy:
    account, profile = config.account, profile_of(config)
    policy = ProfilePolicy(automation_attested=account.automation_attested, host=socket.gethostname())
    if profile is None:
        return policy
    return replace(
        policy,
        automation=profile.automation.value,
        products=profile.products.value,
        day_loss_max_usd=profile.day_loss_max_usd,
        minis_tiers=profile.minis_tiers,
    )


def rules_of(
    config: Config, capabilities: Capabilities = UNCONNECTED, models: Mapping[str, Model] | None = None
) -> Rules:
    """What the account is traded by; without a broker, as for looking at a ledger, nothing can be sent by them.

    `models` are what strategies trade from, by strategy. Raises: ConfigInvalid.
    """
    return Rules(
        strategies={s.name: _strategy(config, s.name, (models or {}).get(s.name)) for s in config.strategies},
        capabilities=capabilities,
        day_market=config.strategies[0].market,
        config_hash=config_hash(config),
        policy=_policy(config),
    )


def hours_of(config: Config) -> Hours:
    """The calendar of the account.

    Raises: ConfigInvalid when its profile is none.
    """
    return Hours(flat_by=_flat_by(config))


def _flat_by(config: Config) -> calendar.FlatBy | None:
    profile = profile_of(config)
    return calendar.FlatBy(time=profile.flat_by_new_york.value) if profile else None


def paper_state_path(config: Config) -> Path | None:
    """Where the paper broker keeps its account: beside the ledger's file; in memory for a ledger in memory."""
    database = config.gamma.database
    if not database.startswith(SQLITE):
        return Path(f"{config.account.name}.paper.db")
    path = database.removeprefix(SQLITE)
    return None if path in ("", ":memory:") else Path(path).with_suffix(".paper.db")


def _strategy(config: Config, name: str, model: Model | None) -> StrategyRules:
    strategy = config.strategy(name)
    guards = plugins.guards(config, strategy)
    # An event contract is held until it is decided, and what it can lose is paid.
    if model is not None and config.market(strategy.market).kind is not Kind.EVENT:
        _check_flat(config, name, guards, model)
    market = config.market(strategy.market)
    if config.gamma.mode == "live" and market.kind in (Kind.EMINI, Kind.MICRO):
        _check_ends_in_time(name, guards)
    return StrategyRules(
        name=name,
        market=market,
        sizers=plugins.sizers(config, strategy),
        guards=guards,
        exits=strategy.exits,
        adds=strategy.adds,
        config_hash=strategy_hash(config, name),
        model=model,
        validated=_validated(config, name, model),
    )


def _validated(config: Config, name: str, model: Model | None) -> ValidatedView:
    """What the strategy was found to be: by the configuration, or else by its checkpoint's card."""
    told = config.validated.get(name)
    figures = told.figures if told is not None else model.validated if model is not None else {}
    return ValidatedView(**{key: figures[key] for key in ("win_rate_frac", "r_mean", "r_std") if key in figures})


def _check_ends_in_time(strategy: str, guards: Sequence[tuple[str, Guard]]) -> None:
    """Nothing is left in a contract that expires.

    Raises: ConfigInvalid when no guard sees to it.
    """
    if not any(isinstance(guard, Punctual) for _, guard in guards):
        raise ConfigInvalid(
            f"[strategies.{strategy}] trades contracts that expire, and nothing closes it before: put flat_by among its"
            " guards (flat every day), or contract_roll (before each roll)"
        )


def _check_flat(config: Config, strategy: str, guards: Sequence[tuple[str, Guard]], model: Model) -> None:
    """A policy's positions leave when they left in its training.

    Raises: ConfigInvalid when no guard sees to it that they leave in time, or one does at another time.
    """
    punctual = {n: guard for n, guard in guards if isinstance(guard, Punctual) and _EACH_DAY in guard.needs}
    if not punctual:
        raise ConfigInvalid(
            f"[strategies.{strategy}] trades from a checkpoint, and a policy leaves it to a guard to be flat in time:"
            " put flat_by among its guards"
        )
    trained = f"strategy {strategy} trades from a checkpoint that was trained with"
    for name, guard in punctual.items():
        for key, value in model.flat.items():
            if (here := getattr(guard, key, value)) != value:
                raise ConfigInvalid(f"[guards.{name}] {key} = {here:g}: {trained} {value}; set {key} = {value}")
    moment = (_flat_by(config) or calendar.FlatBy()).time
    if model.flat.get("flat_by_new_york", moment) != moment:
        raise ConfigInvalid(
            f"[account] is to be flat by {moment} New York: {trained} {model.flat['flat_by_new_york']}; train it for"
            " this account, or set flat_by_new_york under [account.overrides]"
        )


def open_broker(config: Config, name: str, markets: Mapping[str, Market], state_path: Path | None) -> Broker:
    """The way to a broker, as it is configured; nothing is sent yet.

    Raises: ConfigInvalid.
    """
    opened: Broker = (
        plugins.named(plugins.BROKERS, name, f"brokers.{name}")
        .load()
        .open(
            config.brokers.get(name, {}),
            account=config.account.name,
            starting_capital_microusd=round(config.account.starting_capital_usd * MICRO),
            markets={**TABLE, **markets},  # what was traded once must still be known
            state_path=state_path,
        )
    )
    return opened


def _start_ns(config: Config, markets: Mapping[str, Market]) -> int:
    """When a new account begins to trade: with the first recorded bar, or with a session of the simulator's."""
    if config.feed.use != "sim":
        return 0
    day = config.feed.start or datetime.now(UTC).date().isoformat()
    try:
        midnight = calendar.utc_ns(date.fromisoformat(day), "00:00")
        return min(calendar.next_session(symbol, midnight).ts_open_utc_ns for symbol in markets)
    except (InputInvalid, OverflowError) as error:
        raise ConfigInvalid(f"[feed] start = {shown(day)}: {error}") from None


Source = SignalSource | ManagingSource | AskingSource | SignalStream


def _sources(
    config: Config, markets: Mapping[str, Market], hours: Hours, chains: KnownChains | None
) -> dict[str, Source]:
    """Each strategy's source of signals: one that looks at bars, or one that hears them from outside."""
    opened: dict[str, Source] = {}
    where = checkpoints.folders(config.paths.models)
    surroundings = Surroundings(
        mode=config.gamma.mode,
        hours=hours,
        policy=lambda name, sha256, market: checkpoints.policy(name, sha256, market, where),
        event_policy=lambda name, sha256, market: checkpoints.event_policy(name, sha256, market, where),
        chains=chains,
    )
    for strategy in config.strategies:
        params = {k: v for k, v in strategy.signal.items() if k != "use"}
        section = f"strategies.{strategy.name}.signal"
        name = plugins.plugin_name(strategy.signal["use"], section)
        opener = plugins.named(plugins.SIGNALS, name, section).load().open
        supplied: dict[str, Any] = {"strategy": strategy.name, "market": markets[strategy.market]}
        if "surroundings" in inspect.signature(opener).parameters:
            supplied["surroundings"] = surroundings
        opened[strategy.name] = opener(params, **supplied)
    return opened


def _check_ends(config: Config, broker: Broker) -> None:
    """What lives on the bars that we see must see how a question ended, and no exchange's books tell that.

    Raises: ConfigInvalid.
    """
    if config.feed.use == "books" and isinstance(broker, BarDriven):
        raise ConfigInvalid(
            f'[feed] use = "books": {broker.capabilities.name} would never hear how a question ended; trade at the'
            ' broker whose books they are, on its demo, or set use = "sim"'
        )


def _check_asking(config: Config, sources: Mapping[str, Source], feed: Feed) -> None:
    """What asks for its sizes look by look adds to what it holds, and needs looks with books.

    Raises: ConfigInvalid.
    """
    for name, source in sources.items():
        if not isinstance(source, AskingSource):
            continue
        use = config.strategy(name).signal["use"]
        if not config.strategy(name).adds:
            raise ConfigInvalid(
                f"[strategies.{name}] adds = false: {use} adds to what it holds, look by look; set adds = true"
            )
        if "book" not in feed.provides:
            raise ConfigInvalid(
                f'[feed] use = "{config.feed.use}" has no books, and {use} of {name} trades by them: set use = "books"'
                ' to look at a broker\'s, or use = "sim" for simulated ones on paper'
            )
        if feed.bar_s != source.bar_s:
            raise ConfigInvalid(
                f"[feed] looks are {feed.bar_s} s apart, and the policy of {name} was trained on looks every"
                f" {source.bar_s:g} s: set [feed] look_s = {source.bar_s:g}"
            )


def _models(sources: Mapping[str, Source]) -> dict[str, Model]:
    return {name: source.model for name, source in sources.items() if isinstance(source, Modelled)}


def _seats(config: Config, sources: Mapping[str, Source]) -> dict[str, tuple[Seat, ...]]:
    """Strategies that look at bars, by market; a market without one is there all the same, for its sessions."""
    seats: dict[str, tuple[Seat, ...]] = {s.market: () for s in config.strategies}
    for strategy in config.strategies:
        source = sources[strategy.name]
        if isinstance(source, SignalSource | ManagingSource | AskingSource):
            seats[strategy.market] += (Seat(strategy=strategy.name, source=source),)
    return seats
