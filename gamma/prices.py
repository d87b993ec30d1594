"""Where bars and option chains come from, by the configuration: files, the simulator, or a broker while it trades."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gamma import plugins
from gamma.clock import Clock
from gamma.config import Config
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.feeds import Feed, LiveFeed
from gamma.feeds.chain_record import ChainRecord
from gamma.feeds.chain_tape import ChainTape
from gamma.feeds.events import EventSimFeed
from gamma.feeds.live_chains import ChainPlan, ChainSource, LiveChains
from gamma.markets import Kind, Market
from gamma.ports import Broker, Candles, EventBooks, Hours, KnownChains


def bars_broker(config: Config, trading: str) -> str:
    """Whose bars the feed gives, where it is a broker's."""
    return (config.feed.broker if config.feed.use in ("broker", "books") else "") or trading


def feed_of(config: Config, markets: Mapping[str, Market], hours: Hours, broker: Broker, clock: Clock) -> Feed:
    """The feed of the config, with bars of every market that the strategies trade.

    Raises: ConfigInvalid when a market has no bars.
    """
    section = config.feed
    if section.use == "broker":
        if not isinstance(broker, Candles):
            raise ConfigInvalid(
                f'[feed] use = "broker": {broker.capabilities.name} tells no bars; name one that does in [feed] broker'
            )
        asked = {"markets": sorted(markets), "bar_s": section.bar_s, "delay_s": section.delay_s}
        told: Feed = plugins.build(
            plugins.FEEDS, "broker", asked, where="feed", candles=broker, hours=hours, wall_utc_ns=clock.wall_ns
        )
        return told
    if section.use == "books":
        return _books(config, markets, hours, broker, clock)
    events = sorted(symbol for symbol, market in markets.items() if market.kind is Kind.EVENT)
    if section.use == "sim" and events:
        return _simulated_events(config, events, markets)
    params: dict[str, Any] = {"bar_s": section.bar_s, "seed": section.seed, "markets": sorted(markets)}
    if section.use == "file":
        files = {file.market: file.path for file in section.files}
        params = {"files": files, "skip_bad": section.skip_bad, "bar_s": section.bar_length_s}
    feed: Feed = plugins.build(plugins.FEEDS, section.use, params, where="feed")
    if missing := sorted(set(markets) - set(feed.markets)):
        raise ConfigInvalid(f"[feed] has no bars of {', '.join(missing)}; it has {', '.join(feed.markets)}")
    return feed


def _books(config: Config, markets: Mapping[str, Market], hours: Hours, broker: Broker, clock: Clock) -> Feed:
    """Looks at the order books of a broker.

    Raises: ConfigInvalid when it tells none, or a market has no book.
    """
    if not isinstance(broker, EventBooks):
        raise ConfigInvalid(
            f'[feed] use = "books": {broker.capabilities.name} tells no order books of event contracts; name a broker'
            " that does in [feed] broker, as kalshi"
        )
    if others := sorted(symbol for symbol, market in markets.items() if market.kind is not Kind.EVENT):
        raise ConfigInvalid(
            f'[feed] use = "books": {", ".join(others)} has no book that is looked at; trade it by a configuration of'
            " its own"
        )
    asked = {"markets": sorted(markets), "look_s": config.feed.look_s}
    told: Feed = plugins.build(
        plugins.FEEDS, "books", asked, where="feed", books=broker, hours=hours, wall_utc_ns=clock.wall_ns
    )
    return told


def _simulated_events(config: Config, events: Sequence[str], markets: Mapping[str, Market]) -> Feed:
    """Simulated questions; their looks are of another length than bars.

    Raises: ConfigInvalid where other markets are traded too, or looks are not as long as simulated ones.
    """
    if others := sorted(set(markets) - set(events)):
        raise ConfigInvalid(
            f'[feed] use = "sim": event markets are simulated look by look, and {", ".join(others)} bar by bar; trade'
            f" {events[0]} by a configuration of its own"
        )
    feed = EventSimFeed(markets=tuple(events), seed=config.feed.seed)
    if config.feed.look_s != feed.bar_s:
        raise ConfigInvalid(
            f"[feed] look_s = {config.feed.look_s}: simulated looks are {feed.bar_s} s apart; set look_s = {feed.bar_s}"
        )
    return feed


def chains_of(config: Config, feed: Feed, hours: Hours, broker: Broker, clock: Clock) -> KnownChains | None:
    """The option chains that are known in the course of time; None where none are configured.

    Raises: ConfigInvalid when a file cannot be read, the broker tells no chains, or time does not pass as at a broker.
    """
    section = config.chains
    if section.broker:
        if not isinstance(broker, ChainSource):
            raise ConfigInvalid(f'[chains] broker = "{section.broker}": it tells no option chains')
        if not isinstance(feed, LiveFeed):
            raise ConfigInvalid(
                f'[chains] broker = "{section.broker}": these are chains of now, and the bars of [feed] use = '
                f'"{config.feed.use}" are not; set use = "broker" there'
            )
        traded = {s.market for s in config.strategies if config.market(s.market).kind is Kind.OPTION_SPREAD}
        plan = ChainPlan(
            underlyings=tuple(sorted(traded)),
            bar_s=feed.bar_s,
            days=section.days,
            lead_s=section.lead_s,
            vix=section.vix,
        )
        record = ChainRecord(Path(section.record)) if section.record else None
        try:
            return LiveChains(plan, source=broker, hours=hours, wall_utc_ns=clock.wall_ns, record=record)
        except InputInvalid as error:
            raise ConfigInvalid(f"[chains] record: {error}; move the file out of the folder") from None
    if not section.files:
        return None
    try:
        return ChainTape.open(section.files)
    except InputInvalid as error:
        raise ConfigInvalid(f"[chains] files: {error}") from None
