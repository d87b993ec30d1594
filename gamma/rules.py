"""`Rules`: what the engine trades by, built once from the config and never changed while it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gamma.decision import Guards, Sizers
from gamma.exits import ExitRule
from gamma.guards import Watch
from gamma.markets import Market
from gamma.ports import Capabilities, Model
from gamma.views import ValidatedView


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyRules:
    """One strategy: its market, its chain, its guards, and how its positions are managed.

    `adds`: a signal may add to an open position; else it waits until the position is flat.
    `config_hash` is of all that its decisions depend on.
    `watchers` are those of the guards that look between orders too. `model` is None where it follows a rule.
    `validated` is what it was found to be out of sample.
    """

    name: str
    market: Market
    sizers: Sizers
    guards: Guards
    exits: ExitRule = field(default_factory=ExitRule)
    adds: bool = False
    config_hash: str = ""
    model: Model | None = None
    validated: ValidatedView = field(default_factory=ValidatedView)
    watchers: Sequence[tuple[str, Watch]] = field(init=False)

    def __post_init__(self) -> None:
        watchers = tuple((name, guard) for name, guard in self.guards if isinstance(guard, Watch))
        object.__setattr__(self, "watchers", watchers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePolicy:
    """What the account's profile allows; `day_loss_max_usd` is infinite where it has no daily limit.

    `minis_tiers` are pairs of a balance [usd] and the most e-minis from there on; empty allows any number.
    """

    automation: str = "allowed"
    automation_attested: bool = False
    products: tuple[str, ...] = ()
    host: str = ""
    hosts: tuple[str, ...] = ()
    day_loss_max_usd: float = float("inf")
    minis_tiers: tuple[tuple[float, float], ...] = ()

    def minis_max(self, balance_usd: float) -> float:
        """Most e-minis at this balance; infinite where the profile does not say."""
        if not self.minis_tiers:
            return float("inf")
        return max((minis for from_usd, minis in self.minis_tiers if balance_usd >= from_usd), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All strategies of one account at one broker. `day_market` is the market whose session is the account's day."""

    strategies: Mapping[str, StrategyRules]
    capabilities: Capabilities
    day_market: str
    config_hash: str = ""
    policy: ProfilePolicy = field(default_factory=ProfilePolicy)
