"""What the sources of signals that trade from a checkpoint have in common: its door, its pin, its answers."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Protocol, TypeVar, final

from pydantic import BaseModel, Field

from gamma.errors import ConfigInvalid
from gamma.markets import Market
from gamma.params import parse
from gamma.ports import Act, Model, Trained

_FLAT: Final = ("cancel_before_s", "flat_before_s", "flat_by_new_york")


class _Trained(Protocol):
    @property
    def trained(self) -> Trained: ...


P = TypeVar("P", bound=_Trained)


@final
class CheckpointParams(BaseModel, frozen=True, extra="forbid"):
    """`checkpoint` is the name of one that ships or lies in `[paths] models`, or its folder; `sha256` is its hash.

    `gamma models show NAME` prints the hash to pin. A checkpoint with another is refused.
    """

    checkpoint: Annotated[str, Field(min_length=1)]
    sha256: str = ""


def opened(
    params: Mapping[str, Any], where: str, market: Market, mode: str, door: Callable[[str, str, Market], P]
) -> tuple[CheckpointParams, P]:
    """Open a checkpoint for a market and verify it.

    Raises: ConfigInvalid when a parameter is wrong, or the checkpoint is refused: it is damaged, of another hash,
        of another market, made for another version, or for paper only while gamma trades live.
    """
    given = parse(CheckpointParams, params, where)
    if not given.sha256:
        raise ConfigInvalid(
            f"[{where}] sha256 is not set: pin the checkpoint, as `gamma models show {given.checkpoint}` prints it"
        )
    try:
        policy = door(given.checkpoint, given.sha256, market)
    except ConfigInvalid as error:
        raise ConfigInvalid(f"[{where}] {error}") from None
    trained = policy.trained
    # A question of a series is named by it: KXBTC15M-26NOV220815-15.
    if market.symbol not in trained.markets and market.symbol.partition("-")[0] not in trained.markets:
        raise ConfigInvalid(
            f"[{where}] checkpoint {given.checkpoint} was trained for {', '.join(trained.markets)}, and the"
            f" strategy trades {market.symbol}; trade it in a market that it was trained for"
        )
    if mode == "live" and trained.paper_only:
        raise ConfigInvalid(
            f"[{where}] checkpoint {given.checkpoint} is for paper only: it has not qualified in an evaluation"
            ' out of sample; see `gamma models show`, and set mode = "paper"'
        )
    return given, policy


def model_of(trained: Trained, pinned_sha256: str) -> Model:
    """What a strategy trades from, by its checkpoint's card."""
    told = trained.card.get("conditions", {})
    return Model(
        sha256=trained.sha256,
        pinned_sha256=pinned_sha256,
        ts_created_utc_ns=trained.ts_created_utc_ns,
        flat={key: told[key] for key in _FLAT if told.get(key) is not None},
        validated=_validated(trained.card),
    )


def wrong(act: Act, actions: int) -> str:
    """Why an answer is no answer; empty where it is one."""
    if len(act.logits) != actions or not all(map(math.isfinite, act.logits)):
        return f"the logits are {', '.join(f'{logit:g}' for logit in act.logits)}: {actions} finite numbers are due"
    if not 0 <= act.action < actions or not act.legal[act.action]:
        legal = ", ".join(str(n) for n, may in enumerate(act.legal) if may)
        return f"action {act.action} is illegal; legal are {legal}"
    return "" if math.isfinite(act.novelty) else "what it sees is no number"


def _validated(card: Mapping[str, Any]) -> dict[str, float]:
    """The figures of the last evaluation out of sample, by name."""
    found = [one for one in card.get("evaluations", ()) if one["out_of_sample"]]
    return {figure["name"]: float(figure["value"]) for figure in found[-1]["figures"]} if found else {}
