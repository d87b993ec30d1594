"""What `gamma train events` is asked, and the order of a run that is made of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from pydantic import BaseModel

from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.decision import Sizers
    from gamma.ports import EventTrainingOrder

VARIABLE: Final = "variable"
CAPS: Final = (
    "encoded_size",
    "liquidity_cap",
    "impact_cap",
    "order_value_cap",
    "position_cap",
    "concentration_cap",
    "cash_buffer",
)
"""The sizers for event contracts, in their order."""


@final
class Asked(BaseModel, frozen=True, extra="forbid"):
    """What the command was given: kept with the run, and asked again when it goes on."""

    market: str
    markets: int
    recordings: tuple[str, ...]
    sizes: str
    strategy: str
    balance_usd: float
    begin_from: str
    steps: int
    seeds: tuple[int, ...]
    held_out_frac: float
    checkpoint_updates: int
    config: str
    account: str = ""


def order_of(
    asked: Asked, config: "Config", out: Path, run_id: str = "", *, resume: bool = False
) -> "EventTrainingOrder":
    """The order of a run.

    Raises: InputInvalid, ConfigInvalid.
    """
    from gamma.cli.provenance import code_commit, code_sha256
    from gamma.cli.training_order import HIDDEN
    from gamma.config import config_hash
    from gamma.ports import EventTrainingOrder

    chain = chain_of(config, asked.strategy)
    return EventTrainingOrder(
        run_id=run_id,
        market=config.market(asked.market),
        sizers=[sizer for _, sizer in chain],
        chain=told_of(chain),
        sizes_lots=sizes_of(asked.sizes),
        balance_usd=asked.balance_usd,
        simulated=asked.markets,
        simulated_seed=config.feed.seed,
        recordings=[Path(folder) for folder in asked.recordings],
        held_out_frac=asked.held_out_frac,
        steps=asked.steps,
        seeds=asked.seeds,
        hidden=HIDDEN,
        checkpoint_updates=asked.checkpoint_updates,
        config_sha256=config_hash(config),
        code_commit=code_commit(),
        code_sha256=code_sha256(),
        begin_from=Path(asked.begin_from) if asked.begin_from else None,
        asked=asked.model_dump(mode="json"),
        out=out,
        resume=resume,
    )


def chain_of(config: "Config", strategy: str) -> "Sizers":
    """The sizers of a strategy, or the caps for events, with the parameters of the configuration."""
    from gamma import plugins
    from gamma.cli.training_order import trainable

    whose = config.strategy(strategy) if strategy else config.strategies[0].model_copy(update={"sizers": CAPS})
    return trainable(plugins.sizers(config, whose))


def told_of(chain: "Sizers") -> list[str]:
    """The sizers as a card tells of them: names, and parameters where they have any."""
    return [f"{name} {sizer.model_dump_json()}" if isinstance(sizer, BaseModel) else name for name, sizer in chain]


def sizes_of(text: str) -> tuple[int, ...]:
    """The sizes that a policy may order.

    Raises: InputInvalid when there is no such size.
    """
    from gamma.actions import SIZES_LOTS

    if text == VARIABLE:
        return SIZES_LOTS
    if text not in map(str, SIZES_LOTS):
        known = ", ".join(map(str, SIZES_LOTS))
        raise InputInvalid(f"--sizes {text}: should be {VARIABLE}, or the only size of its orders, of {known}")
    return (int(text),)
