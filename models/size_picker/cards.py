"""The card of a size picker's checkpoint: what it is, what it was trained and calibrated on, and how it did.

Nothing here needs JAX.
"""

from typing import Annotated, Final, Literal, Self, final

from pydantic import AfterValidator, BaseModel, Field, model_validator

from models import card_text
from models.cards import NOTICE, Commit, Figure, Sha256, Symbol, Text, Utc, Width
from models.size_picker import v1, v2, v3
from models.size_picker.features import SCHEMA_SHA256
from models.size_picker.form import FEATURES, WINDOW_BARS

ModelName = Literal["v1", "v2", "v3"]
MODELS: Final = {"v1": v1, "v2": v2, "v3": v3}
BAR_S: Final = 3_600


def _notice(text: str) -> str:
    if text != NOTICE:
        raise ValueError(f"should be: {NOTICE}")
    return text


@final
class TradeSet(BaseModel, frozen=True, extra="forbid"):
    """Trades: the set's name and the SHA-256 of its manifest, how many were used, the entries of the first and last.

    `weight_frac` is the share that they have in what was learned, 1 where there was nothing else.
    """

    name: Text
    sha256: Sha256
    real: bool
    trades: Annotated[int, Field(ge=1)]
    first_utc: Utc
    last_utc: Utc
    weight_frac: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_utc > self.last_utc:
            raise ValueError(f"{self.name} ends before it begins: first_utc is later than last_utc")
        return self


Sets = Annotated[tuple[TradeSet, ...], Field(min_length=1, max_length=20)]


@final
class Training(BaseModel, frozen=True, extra="forbid"):
    """How the weights came to be; `steps` counts minibatches."""

    sets: Sets
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    steps: Annotated[int, Field(ge=0, lt=2**63)]
    loss_validation: Annotated[float, Field(allow_inf_nan=False)]
    code_commit: Commit


@final
class Calibration(BaseModel, frozen=True, extra="forbid"):
    """What the probabilities were set right on; `id` is the SHA-256 of what came of it, the conformal scores included.

    `knots` is the length of the map, `scores` how many conformal scores there are; either may be 0. `drift` is whether
    mean moves are drawn together.
    """

    id: Sha256
    sets: Sets
    knots: Annotated[int, Field(ge=0, le=4_096)]
    scores: Annotated[int, Field(ge=0, le=200_000)]
    drift: bool = False


@final
class Evaluation(BaseModel, frozen=True, extra="forbid"):
    """How the picker did on some trades; `not_qualified` says why the rule of selection did not let it through."""

    name: Text
    out_of_sample: bool
    trades: TradeSet
    not_qualified: Text | None = None
    figures: Annotated[tuple[Figure, ...], Field(min_length=1, max_length=200)]


@final
class Card(BaseModel, frozen=True, extra="forbid"):
    """What a size picker is and for which markets; without an evaluation on real trades it is for paper only."""

    format: Literal[1]
    notice: Annotated[str, AfterValidator(_notice)]
    kind: Literal["size_picker"]
    model: ModelName
    markets: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=32)]
    bar_s: Annotated[int, Field(ge=1, le=86_400)]
    window_bars: Annotated[int, Field(ge=WINDOW_BARS, le=WINDOW_BARS)]
    features: tuple[str, ...]
    schema_sha256: Sha256
    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=4)]
    created_utc: Utc
    training: Training
    calibration: Calibration | None = None
    evaluations: Annotated[tuple[Evaluation, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _is_honest(self) -> Self:
        if self.features != FEATURES:
            raise ValueError(f"features should be {', '.join(FEATURES)}")
        for one in self.evaluations:
            for learned in self.training.sets:
                if one.out_of_sample and one.trades.real and learned.real and not _apart(one.trades, learned):
                    raise ValueError(
                        f"{one.name} says out_of_sample, but the picker was trained on trades of its time"
                        f" ({learned.name}); evaluate it on other trades, or set out_of_sample = false"
                    )
        return self

    @property
    def paper_only(self) -> bool:
        """Whether it did not qualify, or no evaluation on real trades is out of sample."""
        held_out = [one for one in self.evaluations if one.out_of_sample and one.trades.real]
        return not held_out or any(one.not_qualified for one in held_out)


def _apart(told: TradeSet, learned: TradeSet) -> bool:
    return told.first_utc > learned.last_utc or told.last_utc < learned.first_utc


def shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that the card demands."""
    found: dict[str, tuple[int, ...]] = dict(MODELS[card.model].shapes(card.hidden))
    if card.calibration and card.calibration.knots:
        found |= dict.fromkeys(("calibration.predicted", "calibration.observed"), (card.calibration.knots,))
    if card.calibration and card.calibration.scores:
        found["conformal.scores"] = (card.calibration.scores,)
    if card.calibration and card.calibration.drift:
        found["calibration.drift"] = (2,)
    return found


def schema_wrong(card: Card) -> str:
    """Whether the picker was shown something else than this code shows; nothing where it was not."""
    if card.schema_sha256 == SCHEMA_SHA256:
        return ""
    return (
        f"schema_sha256 = {card.schema_sha256!r}, and this version's is {SCHEMA_SHA256!r}: it was shown something else;"
        " train it anew with this version, or use that one"
    )


def written(card: Card) -> str:
    """The card as TOML, which `read` gives back equal."""
    return card_text.written(card)


def read(text: str, where: str) -> Card:
    """The card that a TOML text holds; `where` is said in front of what is wrong.

    Raises: ConfigInvalid, which names the field, its value and what it should be.
    """
    return card_text.read(Card, text, where)
