"""The card of a checkpoint: what a policy is, what it was trained on, and how it did. Nothing here needs JAX."""

import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self, final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gamma import markets
from gamma.errors import InputInvalid
from models import card_text
from models.futures import features, schema

NOTICE: Final = "No figure here is a promise: what a policy did on bars of the past says little of what it will do."


def _utc(moment: AwareDatetime) -> AwareDatetime:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("is not in UTC; write it as 2026-03-02T15:00:00Z")
    return moment


def _known_market(symbol: str) -> str:
    try:
        return markets.market(symbol).symbol
    except InputInvalid as error:
        raise ValueError(str(error)) from None


def _notice(text: str) -> str:
    if text != NOTICE:
        raise ValueError(f"should be: {NOTICE}")
    return text


def _of(pattern: str, said: str) -> AfterValidator:
    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"should be {said}")
        return text

    return AfterValidator(checked)


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(symbols)) < len(symbols):
        raise ValueError("names a market twice")
    return symbols


Symbol = Annotated[str, Field(max_length=32), AfterValidator(_known_market)]
Text = Annotated[str, _of(r"[ -~]{1,200}", "1 to 200 characters of plain ASCII")]
Names = Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
Sha256 = Annotated[str, _of(r"[0-9a-f]{64}", "64 digits 0-9 a-f")]
Commit = Annotated[
    str,
    _of(r"[0-9a-f]{7,64}(-dirty)?|v[0-9][0-9a-z.+]{0,40}|unknown", "a commit's digits, v and a version, or unknown"),
]
Utc = Annotated[AwareDatetime, AfterValidator(_utc)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Width = Annotated[int, Field(ge=1, le=4_096)]


@final
class Bars(BaseModel, frozen=True, extra="forbid"):
    """Bars of a market: the file's name and SHA-256, and the closes of the first and last bar that were used."""

    name: Text
    sha256: Sha256
    bars: Annotated[int, Field(ge=1)]
    first_utc: Utc
    last_utc: Utc

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_utc > self.last_utc:
            raise ValueError(f"{self.name} ends before it begins: first_utc is later than last_utc")
        return self


@final
class Training(BaseModel, frozen=True, extra="forbid"):
    """How the weights came to be; `steps` counts decisions in all environments together.

    `began_from_sha256` is the checkpoint whose weights it went on from; `bars` then has that one's too.
    """

    bars: Annotated[tuple[Bars, ...], Field(min_length=1, max_length=100)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    steps: Annotated[int, Field(ge=0, lt=2**63)]
    code_commit: Commit
    config_sha256: Sha256
    began_from_sha256: Sha256 | None = None


@final
class Figure(BaseModel, frozen=True, extra="forbid"):
    """One figure of an evaluation, its unit last in its name; `low` and `high` are its 95 % interval, or both unset."""

    name: Text
    value: Finite
    low: Finite | None = None
    high: Finite | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.name} has half an interval; give both low and high, or neither")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{self.name} has an interval whose low is above its high")
        return self


@final
class Evaluation(BaseModel, frozen=True, extra="forbid"):
    """How the policy did on some bars; out of sample only where it was not trained on any bar of that time.

    `not_qualified` says why the rule of selection did not let it through, where it did not. `trades_sha256` is the
    hash of its trades, which the daemon makes again on the same bars with the configuration of `config_sha256`.
    """

    name: Text
    out_of_sample: bool
    bars: Bars
    sessions: Annotated[int, Field(ge=1)]
    not_qualified: Text | None = None
    trades_sha256: Sha256 | None = None
    config_sha256: Sha256 | None = None
    figures: Annotated[tuple[Figure, ...], Field(min_length=1, max_length=200)]


@final
class Seen(BaseModel, frozen=True, extra="forbid"):
    """What the policy is shown, by name and in order, and the hash of how it is made."""

    moves: Names
    times: Names
    own: Names
    schema_sha256: Sha256


@final
class Conditions(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Under which conditions the policy acted when it was trained, and acts when it trades.

    An entry's stop lies `stop_atr` average true ranges away, at most `loss_max_usd` of a lot; its target `target_r`
    stops. Break-even may be asked for from `break_even_atr` of profit on, a trail of `trail_atr` from `trail_from_r`
    first stops on; entries while `room_min_frac` of the drawdown room is left, until `cancel_before_s` before the
    moment to be flat by. Positions leave `flat_before_s` before it; `flat_by_new_york` is that moment on a full day.
    """

    stop_atr: Annotated[float, Field(gt=0)]
    loss_max_usd: Annotated[float, Field(gt=0)]
    target_r: Annotated[float, Field(gt=0)]
    break_even_atr: Annotated[float, Field(ge=0)]
    trail_atr: Annotated[float, Field(gt=0)]
    trail_from_r: Annotated[float, Field(ge=0)]
    room_min_frac: Annotated[float, Field(ge=0, le=1)]
    cash_only: bool
    cancel_before_s: Annotated[int, Field(ge=0)]
    flat_before_s: Annotated[int, Field(ge=0)]
    flat_by_new_york: Annotated[str, _of(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, as 16:59")] | None = None


@final
class Member(BaseModel, frozen=True, extra="forbid"):
    """One checkpoint of an ensemble: the folder beside the ensemble's own, and its hash."""

    name: Annotated[str, _of(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "the name of a folder beside this one")]
    sha256: Sha256


@final
class Card(BaseModel, frozen=True, extra="forbid"):
    """What a checkpoint is and for which markets; without an evaluation out of sample it trades on paper only.

    One with `members` is an ensemble: it has no weights of its own, and answers with the mean of theirs.
    """

    format: Literal[1]
    notice: Annotated[str, AfterValidator(_notice)]
    markets: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=32), AfterValidator(_distinct)]
    kind: Literal["futures"]
    phase: Literal[1, 2]
    actions: Names
    window_bars: Annotated[int, Field(ge=1, le=500)]
    hidden: Annotated[tuple[Width, ...], Field(max_length=8)]
    created_utc: Utc
    conditions: Conditions
    seen: Seen
    training: Training
    members: Annotated[tuple[Member, ...], Field(max_length=32, validate_default=True)] = ()
    evaluations: Annotated[tuple[Evaluation, ...], Field(max_length=50)] = ()

    @property
    def paper_only(self) -> bool:
        """Whether it did not qualify, or no evaluation is out of sample."""
        held_out = [evaluation for evaluation in self.evaluations if evaluation.out_of_sample]
        return not held_out or any(evaluation.not_qualified for evaluation in held_out)

    @property
    def width(self) -> int:
        """How many numbers the policy is shown."""
        return self.window_bars * len(self.seen.moves) + len(self.seen.times) + len(self.seen.own)

    @field_validator("actions")
    @classmethod
    def _are_of_its_phase(cls, actions: tuple[str, ...], found: ValidationInfo) -> tuple[str, ...]:
        known = names(found.data["phase"]) if "phase" in found.data else actions
        if actions != known:
            raise ValueError(f"should be those of phase {found.data['phase']}: {', '.join(known)}")
        return actions

    @field_validator("members")
    @classmethod
    def _instead_of_weights(cls, members: tuple[Member, ...], found: ValidationInfo) -> tuple[Member, ...]:
        if "hidden" in found.data and bool(members) == bool(found.data["hidden"]):
            raise ValueError("an ensemble has members and no hidden layers, any other policy layers and no members")
        if len({member.sha256 for member in members}) < len(members):
            raise ValueError("names a checkpoint twice")
        return members

    @field_validator("evaluations")
    @classmethod
    def _are_honest(cls, evaluations: tuple[Evaluation, ...], found: ValidationInfo) -> tuple[Evaluation, ...]:
        for one in evaluations:
            for learned in found.data["training"].bars if "training" in found.data else ():
                if one.out_of_sample and not _apart(one.bars, learned):
                    raise ValueError(
                        f"{one.name} says out_of_sample, but the policy was trained on bars of its time"
                        f" ({learned.name}); evaluate it on other bars, or set out_of_sample = false"
                    )
        return evaluations


def _apart(told: Bars, learned: Bars) -> bool:
    return told.first_utc > learned.last_utc or told.last_utc < learned.first_utc


def names(phase: int) -> tuple[str, ...]:
    """The actions of a phase, by name."""
    return tuple(action.name for action in schema.actions(phase))


def seen_of(phase: int, window_bars: int) -> Seen:
    """What this code shows a policy."""
    return Seen(
        moves=features.MOVES,
        times=features.TIMES,
        own=schema.OWN,
        schema_sha256=schema.schema_hash(phase, window_bars),
    )


def conditions_of(*told: object) -> Conditions:
    """The conditions that an environment's terms and deadlines tell of, each by its name."""
    named = {name: getattr(one, name) for name in Conditions.model_fields for one in told if hasattr(one, name)}
    return Conditions(**named)


def shapes(card: Card) -> Mapping[str, tuple[int, ...]]:
    """The shape of every tensor of a policy with this card: `models.ppo`'s weights and its scale; an ensemble: none."""
    if card.members:
        return {}
    sizes = (card.width, *card.hidden)
    found: dict[str, tuple[int, ...]] = {}
    for n, (before, after) in enumerate(pairwise(sizes)):
        found |= {f"trunk{n}.w": (before, after), f"trunk{n}.b": (after,)}
    for head, outputs in (("policy", len(card.actions)), ("value", 1)):
        found |= {f"{head}.w": (sizes[-1], outputs), f"{head}.b": (outputs,)}
    return found | {"scale.mean": (card.width,), "scale.variance": (card.width,)}


def written(card: Card) -> str:
    """The card as TOML, which `read` gives back equal."""
    return card_text.written(card, without=frozenset() if card.members else frozenset({"members"}))


def read(text: str, where: str) -> Card:
    """The card that a TOML text holds; `where` is said in front of what is wrong.

    Raises: ConfigInvalid, which names the field, its value and what it should be.
    """
    return card_text.read(Card, text, where)


def made(told: Mapping[str, Any], where: str) -> Card:
    """The card of what is told, in TOML's or JSON's own types.

    Raises: ConfigInvalid, which names the field, its value and what it should be.
    """
    return card_text.made(Card, told, where)
