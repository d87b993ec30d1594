"""The sections of the configuration, frozen and strict: an unknown key is an error."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, Self, final
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, Field, NonNegativeInt, PrivateAttr, SecretStr, model_validator

from gamma.complaints import is_secret
from gamma.errors import InputInvalid
from gamma.exits import ExitRule
from gamma.markets import MICRO, Market, market

# Stricter than the database's own reader, which takes all up to some @ for a password, and trips over a lone colon.
_LEDGER_URL: Final = re.compile(
    r"""
    sqlite://(/[^\0]*)? |
    postgresql(\+psycopg)?://
        ([^:/?\#\s\0]*(:[^@/?\#\s\0]*)?@)?
        (\[[^\]/?\#\s\0]+\] | [^@:/?\#\[\]\s\0]*)
        (:[0-9]+)?
        ([/?][^@\s\0]*)?
    """,
    re.VERBOSE,
)
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z0-9_][a-z0-9_-]{0,62}")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

Positive = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _plain_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("use small letters, digits, - and _; at most 32, the first a letter or a digit")
    return name


Name = Annotated[str, AfterValidator(_plain_name)]


def _iso_day(text: str) -> str:
    if text:
        try:
            known = date.fromisoformat(text).isoformat() == text
        except ValueError:
            known = False
        if not known:
            raise ValueError("is no day; write it as YYYY-MM-DD")
    return text


def _ledger_url(url: str) -> str:
    """Either of the two databases that a ledger may lie in; the port, if there is one, is a number."""
    try:
        known = _LEDGER_URL.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError('is no ledger\'s URL; write "sqlite:///gamma.db", or "postgresql+psycopg://user@host/name"')
    for schema in parse_qs(urlsplit(url).query, keep_blank_values=True).get("schema", ()):
        if not _SCHEMA.fullmatch(schema) or schema == "information_schema":
            raise ValueError(
                f"schema={schema} cannot be a ledger's: use small letters, digits, - and _, and no pg_ at its beginning"
            )
    return url


def _veil(params: dict[str, Any]) -> dict[str, Any]:
    """Put what looks like a secret out of sight of every repr and log."""
    return {key: _veiled(key, value) for key, value in params.items()}


def _veiled(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _veil(value)
    return SecretStr(value) if isinstance(value, str) and is_secret(key) else value


Params = Annotated[dict[str, Any], AfterValidator(_veil)]
"""A plugin's parameters, checked by the plugin; `use` names the plugin where the section's name does not."""


class Section(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False):
    """What all sections share; an infinite or NaN limit would be no limit."""


@final
class Gamma(Section):
    """The daemon itself."""

    mode: Literal["paper", "live"] = Field("paper", description="live must also be armed: gamma arm")
    database: Annotated[str, AfterValidator(_ledger_url)] = Field(
        "sqlite:///gamma.db", description="the ledger; or postgresql+psycopg://...", min_length=1, repr=False
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"


@final
class Account(Section):
    """The account that is traded, and the rules that it is under."""

    name: Name = Field("paper", description="names the account in the ledger, in order ids and in alerts")
    starting_capital_usd: Annotated[float, Field(gt=0, le=1e9)] = Field(
        description="what the account began with; the safety halt measures from it"
    )
    profile: str = Field("", description="dated rules of a prop account, or own_50k; empty: no floor")
    overrides: dict[str, Any] = Field(default_factory=dict, description="fields of the profile that differ here")
    automation_attested: bool = Field(
        default=False, description="you attest that your firm allows automation on this account"
    )


@final
class BarFile(Section):
    """A file of bars, CSV or Parquet, and the market that it is of."""

    path: str = Field(min_length=1)
    market: str


@final
class Feed(Section):
    """Where bars come from."""

    use: str = Field(
        "sim",
        description="sim: a seeded market simulator; file: recorded bars; broker: a broker's, as they close; books: a "
        "broker's order books of event contracts, look by look",
    )
    bar_s: Annotated[int, Field(ge=1, le=86_400)] = Field(300, description="length of a bar")
    look_s: Annotated[int, Field(ge=1, le=60)] = Field(5, description="of event contracts: how far looks are apart")
    seed: Annotated[int, Field(ge=0)] = Field(1, description="of the simulator: the same seed, the same market")
    start: Annotated[str, AfterValidator(_iso_day)] = Field(
        "", description="ISO date on which the simulation begins; empty: the simulator's own"
    )
    speed: Literal["max"] | Positive = Field(1.0, description="event time by wall time; max: as fast as it goes")
    files: tuple[BarFile, ...] = Field((), description="of the file feed, one for each market")
    bar_length_s: Annotated[int, Field(ge=1, le=86_400)] | None = Field(
        None, description="of the file feed: merge finer bars up to this length; empty: as recorded"
    )
    skip_bad: bool = Field(False, description="of the file feed: leave bad rows out and count them")
    broker: str = Field("", description="of broker and books: whose, as in [brokers.NAME]; empty: where we trade")
    delay_s: Annotated[float, Field(ge=0, le=3_600)] = Field(
        2.0, description="of the broker feed: how long after its close a bar is there; more, where its data is delayed"
    )

    @model_validator(mode="after")
    def _a_file_feed_has_files(self) -> Self:
        if self.use == "file" and not self.files:
            raise ValueError('use = "file" needs files = [{ path = "bars.csv", market = "MNQ" }]')
        return self


@final
class Chains(Section):
    """Where option chains come from, for strategies that sell spreads."""

    files: tuple[str, ...] = Field((), description="recorded chains, CSV or Parquet; each is known from its time on")
    broker: str = Field("", description="whose chains are fetched while it trades, as in [brokers.NAME]")
    days: Annotated[float, Field(gt=0, le=60)] = Field(1.0, description="options that settle within so many days")
    lead_s: Annotated[float, Field(ge=0, le=600)] = Field(10.0, description="how long before each bar closes")
    vix: str = Field("VIX", description="what the broker calls the volatility index; empty: none is asked for")
    record: str = Field("", description="folder in which the chains that were seen are kept; empty: they are not")

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        if self.files and self.broker:
            raise ValueError(f'files and broker = "{self.broker}" are two places for chains; leave one out')
        return self


@final
class Strategy(Section):
    """A signal in one market, sized by a chain and judged by guards."""

    name: Name
    market: str
    broker: str = "paper"
    signal: Params = Field(description='use = "breakout", and its parameters')
    sizers: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="the chain: the first proposes, later ones only shrink"
    )
    guards: Annotated[tuple[str, ...], Field(min_length=1)]
    exits: ExitRule = Field(default_factory=ExitRule, description="how an open position is managed")
    adds: bool = Field(False, description="a signal may add to an open position; one against it is denied")

    @model_validator(mode="after")
    def _signal_names_its_source(self) -> Self:
        if not self.signal.get("use"):
            raise ValueError('signal needs the name of its source, as in signal = { use = "breakout" }')
        for key in ("sizers", "guards"):
            names = getattr(self, key)
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"{key} lists {', '.join(twice)} twice")
        return self


@final
class Validated(Section):
    """What an evaluation out of sample found of a strategy; of one that trades from a checkpoint its card says it."""

    trades: Annotated[int, Field(ge=1)] = Field(description="how many trades the figures are of")
    win_rate_frac: Annotated[float, Field(gt=0, lt=1)]
    pnl_per_trade_usd: float | None = Field(None, description="expectancy, net of fees")
    pnl_per_trade_low_usd: float | None = Field(None, description="its 95 % interval")
    pnl_per_trade_high_usd: float | None = None
    sharpe_annual: float | None = None
    sharpe_annual_low: float | None = Field(None, description="its 95 % interval")
    sharpe_annual_high: float | None = None
    r_mean: float | None = Field(None, description="mean of the trades' results over their initial risk")
    r_std: Annotated[float, Field(gt=0)] | None = Field(None, description="and its standard deviation")

    @property
    def figures(self) -> dict[str, float]:
        """Those that are known, by name."""
        return {name: float(value) for name in type(self).model_fields if (value := getattr(self, name)) is not None}


@final
class MarketOverride(Section):
    """What differs from the table of markets."""

    commission_usd: Annotated[float, Field(ge=0, le=10_000)] | None = Field(None, description="per lot and side")
    slippage_ticks: Annotated[int, Field(ge=0, le=10_000)] | None = Field(None, description="expected, per side")
    lots_max: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(None, description="most lots of one position")


@final
class Webhooks(Section):
    """Where alerts go."""

    discord_critical: SecretStr = Field(SecretStr(""), description="webhook URL for what needs a person at once")
    discord_routine: SecretStr = Field(SecretStr(""), description="webhook URL for the rest")


@final
class Alerts(Section):
    """Who is told; paper and live have webhooks of their own."""

    paper: Webhooks = Field(default_factory=Webhooks)
    live: Webhooks = Field(default_factory=Webhooks)
    dead_man_url: SecretStr = Field(SecretStr(""), description="pinged while healthy; silence makes it call you")


@final
class Schedule(Section):
    """How often the daemon looks; all in seconds."""

    reconcile_s: Seconds = 60.0
    heartbeat_s: Seconds = 15.0
    listen_s: Seconds = Field(0.5, description="how often commands and the kill switch are looked for")
    invariants_s: Seconds = Field(3600.0, description="how often all that must always hold is looked at")
    misfire_grace_s: Seconds = Field(30.0, description="a job later than this is counted as missed, not run")
    drain_s: Seconds = Field(20.0, description="how long a stop waits for answers that are under way")


@final
class Metrics(Section):
    """What Prometheus may read, on this machine alone."""

    port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        None, description="where /metrics and /healthz are answered on 127.0.0.1; nowhere without"
    )


@final
class Dashboard(Section):
    """`gamma dashboard`, which answers on this machine alone."""

    port: Annotated[int, Field(ge=1, le=65_535)] = Field(8050, description="where it answers on 127.0.0.1")
    token_file: str = Field(
        "gamma.token", min_length=1, description="what opens it, for its owner alone; made at the first start"
    )


@final
class Deadman(Section):
    """When `gamma deadman` takes an account out of the hands of a daemon that is silent."""

    silence_s: Annotated[float, Field(ge=5, le=3_600)] = Field(
        60.0, description="a daemon without a sign of life for so long is silent; it gives one every heartbeat_s"
    )
    before_close_s: Annotated[float, Field(ge=30, le=7_200)] = Field(
        240.0, description="so long before the moment to be flat by, what is open under a silent daemon is closed"
    )
    limit_frac: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="so is all, once this share of the room to the floor, or of the day's loss, is used up"
    )
    look_s: Annotated[float, Field(ge=0.1, le=60)] = Field(2.0, description="how often it looks")
    broker: Params = Field(
        default_factory=dict, description="what its own session needs that differs from [brokers.NAME]"
    )


@final
class Paths(Section):
    """Files beside the ledger; relative ones are under the folder that the daemon runs in."""

    kill_switch: str = Field("gamma.kill", description="trading stops while this file exists")
    backups: str = "backups"
    backups_kept: NonNegativeInt = Field(
        30, description="so many of `gamma db backup`'s are kept in that folder, the newest; 0 keeps all"
    )
    models: str = Field("", description="folder of checkpoints; empty: those that ship with gamma")
    reports: str = "reports"


@final
class Config(Section):
    """All that a person can set. `origin` tells where a value came from."""

    gamma: Gamma = Field(default_factory=Gamma)
    account: Account
    feed: Feed = Field(default_factory=Feed)
    chains: Chains = Field(default_factory=Chains)
    brokers: dict[str, Params] = Field(default={"paper": {}})
    strategies: Annotated[tuple[Strategy, ...], Field(min_length=1)]
    sizers: dict[str, Params] = Field(default_factory=dict)
    guards: dict[str, Params] = Field(default_factory=dict)
    markets: dict[str, MarketOverride] = Field(default_factory=dict)
    validated: dict[str, Validated] = Field(default_factory=dict)
    alerts: Alerts = Field(default_factory=Alerts)
    schedule: Schedule = Field(default_factory=Schedule)
    metrics: Metrics = Field(default_factory=Metrics)
    dashboard: Dashboard = Field(default_factory=Dashboard)
    deadman: Deadman = Field(default_factory=Deadman)
    paths: Paths = Field(default_factory=Paths)

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _told: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def traced(self, origins: Mapping[str, str], told: Mapping[str, str]) -> Self:
        """The same, knowing where each value came from, and where it stands if it is told of one account alone."""
        copy = self.model_copy()
        copy._origins, copy._told = origins, told  # noqa: SLF001 - the copy is ours
        return copy

    def told(self, path: str) -> str:
        """The dotted path at which a value stands in the file: under `accounts.NAME` where it is that account's own."""
        return self._told.get(path, path)

    @property
    def origins(self) -> Mapping[str, str]:
        """`FILE:LINE`, `env NAME` or `credential NAME` of each value that is no default, by its dotted path."""
        return self._origins

    def market(self, symbol: str) -> Market:
        """The market with this account's overrides.

        Raises: InputInvalid when there is no such market.
        """
        return _overridden(market(symbol), self.markets.get(symbol))

    def strategy(self, name: str) -> Strategy:
        """The strategy of that name.

        Raises: InputInvalid when there is none; the message lists those there are.
        """
        for strategy in self.strategies:
            if strategy.name == name:
                return strategy
        raise InputInvalid(f"no strategy {name!r}; known: {', '.join(s.name for s in self.strategies)}")

    @model_validator(mode="after")
    def _tellers_have_a_section(self) -> Self:
        for section, broker in (("feed", self.feed.broker), ("chains", self.chains.broker)):
            if broker and broker not in self.brokers:
                raise ValueError(f"[{section}] broker: no section [brokers.{broker}]; known: {', '.join(self.brokers)}")
        return self

    @model_validator(mode="after")
    def _names_refer_to_something(self) -> Self:
        names = [s.name for s in self.strategies]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two strategies are named {name!r}; give each its own name")
        for strategy in self.strategies:
            _market_exists(strategy.market, f"[[strategies]] {strategy.name}")
            if strategy.broker not in self.brokers:
                raise ValueError(
                    f"[[strategies]] {strategy.name}: no section [brokers.{strategy.broker}]; "
                    f"known: {', '.join(self.brokers)}"
                )
        for name in self.validated:
            if name not in names:
                raise ValueError(f"[validated.{name}]: no such strategy; known: {', '.join(names)}")
        for symbol in self.markets:
            _market_exists(symbol, f"[markets.{symbol}]")
        for file in self.feed.files:
            _market_exists(file.market, "[feed] files")
        return self


def _market_exists(symbol: str, where: str) -> None:
    try:
        market(symbol)
    except InputInvalid as error:
        raise ValueError(f"{where}: {error}") from None


def _overridden(found: Market, override: MarketOverride | None) -> Market:
    if override is None:
        return found
    changes: dict[str, object] = {}
    if override.commission_usd is not None:
        changes["commission_microusd"] = round(override.commission_usd * MICRO)
    if override.slippage_ticks is not None:
        changes["slippage_ticks"] = override.slippage_ticks
    if override.lots_max is not None:
        changes["lots_max"] = override.lots_max
    return market(found.symbol, **changes)


def known_sections() -> tuple[str, ...]:
    """The names of all sections."""
    return tuple(Config.model_fields)
