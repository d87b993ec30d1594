"""The card of an event policy: what it is, which markets it was trained on, and how it did. Nothing here needs JAX."""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self, final

from pydantic import AfterValidator, BaseModel, Field, model_validator

from gamma.actions import NAMES, SIZES_LOTS
from models.cards import NOTICE, Commit, Figure, Finite, Names, Sha256, Symbol, Text, Utc, Width
from models.events import features

NO_EDGE: Final = "trained on simulated markets: no edge on real quotes is claimed"


def _notice(text: str) -> str:
    if text != NOTICE:
        raise ValueError(f"should be: {NOTICE}")
    return text


def _sizes(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if not sizes or not set(sizes) <= set(SIZES_LOTS) or list(sizes) != sorted(set(sizes)):
        raise ValueError(f"should be some of {', '.join(map(str, SIZES_LOTS))}, smallest first")
    return sizes


@final
class Markets(BaseModel, frozen=True, extra="forbid"):
    """Markets of a kind: the simulator's, by its seed, or those of recordings; `sha256` is of all of their looks."""

    name: Text
    sha256: Sha256
    real: bool
    markets: Annotated[int, Field(ge=1)]


@final
class Training(BaseModel, frozen=True, extra="forbid"):
    """How the weights came to be; `steps` counts decisions in all environments together.

    `began_from_sha256` is the checkpoint whose weights it went on from; `learned` then has that one's too.
    """

    learned: Annotated[tuple[Markets, ...], Field(min_length=1, max_length=100)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    steps: Annotated[int, Field(ge=0, lt=2**63)]
    code_commit: Commit
    config_sha256: Sha256
    began_from_sha256: Sha256 | None = None


@final
class Evaluation(BaseModel, frozen=True, extra="forbid"):
    """How the policy did in some markets, each from its opening; out of sample where it learned from none of them.

    `served` is how its actions were chosen. `not_qualified` says why it is for paper nevertheless.
    """

    name: Text
    out_of_sample: bool
    markets: Markets
    served: Literal["greedy", "sampled"]
    not_qualified: Text | None = None
    figures: Annotated[tuple[Figure, ...], Field(min_length=1, max_length=200)]


@final
class Seen(BaseModel, frozen=True, extra="forbid"):
    """What the policy is shown, by name and in order, and the hash of how it is made."""

    names: Names
    schema_sha256: Sha256


@final
class Conditions(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Under which conditions the policy acted when it was trained, and acts when it trades.

    It acts at looks `look_s` apart, and what it ordered is taken back at the next. Its markets are open for `open_s`,
    and the account had `balance_usd` when one opened. It may trade `sizes_lots`, of which `chain` leaves it those
    that are whole: sizers with their parameters. Each order pays the exchange's fee, `fee`. It trades on paper only.
    """

    look_s: Annotated[float, Field(gt=0)]
    open_s: Annotated[float, Field(gt=0)]
    balance_usd: Annotated[float, Field(gt=0)]
    sizes_lots: Annotated[tuple[int, ...], AfterValidator(_sizes)]
    chain: Annotated[tuple[Annotated[str, Field(pattern=r"^[ -~]{1,2000}\z")], ...], Field(min_length=1, max_length=32)]
    fee: Literal["7 % of price x (1 - price), rounded up to the cent by order"]
    discount: Finite
    paper_only: Literal[True]


FEE: Final = "7 % of price x (1 - price), rounded up to the cent by order"


@final
class Card(BaseModel, frozen=True, extra="forbid"):
    """What an event policy is, and for which markets."""

    format: Literal[1]
    notice: Annotated[str, AfterValidator(_notice)]
    edge: Text
    markets: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=32)]
    kind: Literal["event"]
    actions: Names
    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)]
    created_utc: Utc
    conditions: Conditions
    seen: Seen
    training: Training
    evaluations: Annotated[tuple[Evaluation, ...], Field(max_length=50)] = ()

    @property
    def paper_only(self) -> bool:
        """Whether it may not trade real money: no event policy may, so far."""
        return self.conditions.paper_only

    @model_validator(mode="after")
    def _is_honest(self) -> Self:
        if self.actions != NAMES:
            raise ValueError(f"actions should be: {', '.join(NAMES)}")
        learned = {one.sha256 for one in self.training.learned}
        for told in self.evaluations:
            if told.out_of_sample and told.markets.sha256 in learned:
                raise ValueError(f"{told.name} says out_of_sample, but the policy was trained on those markets")
        return self


def seen_of() -> Seen:
    """What this code shows a policy."""
    return Seen(names=features.NAMES, schema_sha256=features.SCHEMA_HASH)


def shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a policy with this card: `models.ppo`'s weights and its scale."""
    width = len(card.seen.names)
    sizes = (width, *card.hidden)
    found: dict[str, tuple[int, ...]] = {}
    for n, (before, after) in enumerate(pairwise(sizes)):
        found |= {f"trunk{n}.w": (before, after), f"trunk{n}.b": (after,)}
    for head, outputs in (("policy", len(card.actions)), ("value", 1)):
        found |= {f"{head}.w": (sizes[-1], outputs), f"{head}.b": (outputs,)}
    return found | {"scale.mean": (width,), "scale.variance": (width,)}


def schema_wrong(card: Card) -> str:
    """In what the policy was shown something else than this code shows; nothing where it was not."""
    due, mend = seen_of(), "train it anew with this version, or use that one"
    if card.seen.names != due.names:
        other = next((f"{b!r} for {a!r}" for a, b in zip(due.names, card.seen.names, strict=False) if a != b), "others")
        return f"[seen] names is not what this version shows a policy ({other}); {mend}"
    if card.seen != due:
        return (
            f"[seen] schema_sha256 = {card.seen.schema_sha256!r}, and this version's is {due.schema_sha256!r}; {mend}"
        )
    return ""
