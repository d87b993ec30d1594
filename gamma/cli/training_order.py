"""What `gamma train futures` is asked, and the order of a run that is made of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import numpy as np
from pydantic import BaseModel

from gamma.cli.chosen import chosen_account, configuration
from gamma.cli.output import DEFAULT_CONFIG
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config, Strategy
    from gamma.decision import Sizers
    from gamma.ports import TrainingBars, TrainingMarket, TrainingOrder

HIDDEN: Final = (128, 128)
FOREVER_NS: Final = 2**63 - 1
SIMULATED_UNTIL: Final = date(2025, 12, 31)
"""The last simulated day, so that the same command trains on the same bars on any day."""


@final
class Asked(BaseModel, frozen=True, extra="forbid"):
    """What the command was given: kept with the run, and asked again when it goes on."""

    markets: tuple[str, ...]
    bars: tuple[str, ...]
    strategy: str
    phase: int
    steps: int
    seeds: tuple[int, ...]
    window: int
    begin_from: str
    days: int
    held_out_frac: float
    entry_bonus_usd: float
    manage_bonus_usd: float
    checkpoint_updates: int
    config: str
    account: str = ""


def configured(path: Path, account: str = "") -> "Config":
    """The configuration of an account, or of the one that --account names.

    Where there is none in this folder, the one that `gamma init --defaults` would write.

    Raises: ConfigInvalid.
    """
    if path != DEFAULT_CONFIG or path.exists():
        return configuration(path, account=account or chosen_account())
    import tempfile

    from gamma.cli.init import example

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "config.toml"
        draft.write_text(example(), encoding="utf-8")
        return configuration(draft, account="")


def order_of(asked: Asked, config: "Config", out: Path, run_id: str = "", *, resume: bool = False) -> "TrainingOrder":
    """The order of a run.

    Raises: InputInvalid, ConfigInvalid.
    """
    from gamma.assembly import profile_of
    from gamma.calendar import FlatBy
    from gamma.cli.provenance import code_commit, code_sha256
    from gamma.config import config_hash
    from gamma.ports import TrainingOrder

    profile = profile_of(config)
    given = _files(asked, config)
    return TrainingOrder(
        run_id=run_id,
        markets=held_out([_market(asked, config, symbol, files) for symbol, files in given.items()], asked),
        phase=asked.phase,
        balance_usd=config.account.starting_capital_usd,
        floor_rule=profile.floor_rule if profile else None,
        flat_by_new_york=profile.flat_by_new_york.value if profile else FlatBy().time,
        steps=asked.steps,
        seeds=asked.seeds,
        window_bars=asked.window,
        hidden=HIDDEN,
        entry_bonus_usd=asked.entry_bonus_usd,
        manage_bonus_usd=asked.manage_bonus_usd,
        checkpoint_updates=asked.checkpoint_updates,
        config_sha256=config_hash(config),
        code_commit=code_commit(),
        code_sha256=code_sha256(),
        begin_from=Path(asked.begin_from) if asked.begin_from else None,
        asked=asked.model_dump(mode="json"),
        out=out,
        resume=resume,
    )


def new_run_id(kind: str = "futures") -> str:
    """A name for a run that no other has."""
    import secrets

    return f"{kind}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _files(asked: Asked, config: "Config") -> dict[str, list[Path]]:
    """The markets of the run, each with its files; without files its bars are simulated."""
    from gamma import markets

    first = config.strategy(asked.strategy) if asked.strategy else config.strategies[0]
    named = list(dict.fromkeys(markets.market(symbol).symbol for symbol in asked.markets))
    found: dict[str, list[Path]] = {symbol: [] for symbol in named}
    for text in asked.bars:
        before, equals, after = text.partition("=")
        known = equals and before in markets.TABLE
        path = Path(after if known else text)
        symbol = before if known else _said(path, named or [first.market])
        if named and symbol not in found:
            raise InputInvalid(f"--bars {text}: has bars of {symbol}, and --market says {', '.join(named)}")
        found.setdefault(symbol, []).append(path)
    if asked.bars and (bare := [symbol for symbol, files in found.items() if not files]):
        raise InputInvalid(f"--bars has no file for {', '.join(bare)}; give {bare[0]}=FILE")
    return found or {first.market: []}


def _said(path: Path, named: Sequence[str]) -> str:
    """The market of a file that was given without one: the run's only one, or the one that its rows name."""
    import polars as pl

    from gamma import markets

    if len(named) == 1:
        return named[0]
    try:
        read = pl.scan_parquet(path) if path.suffix in {".parquet", ".pq"} else pl.scan_csv(path)
        rows = read.select("symbol").unique().head(2).collect()["symbol"].to_list()
    except (OSError, pl.exceptions.PolarsError):
        rows = []
    if len(rows) == 1 and rows[0] in markets.TABLE:
        return str(rows[0])
    raise InputInvalid(f"--bars {path}: does not say which market's bars it has; give MARKET={path}")


def _market(asked: Asked, config: "Config", symbol: str, files: Sequence[Path]) -> "TrainingMarket":
    from gamma import plugins
    from gamma.feeds.bar_file import load_bars
    from gamma.ports import TrainingBars, TrainingMarket

    if files:
        bars = [
            TrainingBars(name=path.name, sha256=_sha256(path.read_bytes()), series=load_bars(path, symbol).series)
            for path in files
        ]
    else:
        bars = [_simulated(asked, config, symbol)]
    chain = [sizer for _, sizer in trainable(plugins.sizers(config, _strategy(asked, config, symbol)))]
    spread_ticks = int(config.brokers.get("paper", {}).get("spread_ticks", 0))
    return TrainingMarket(
        market=config.market(symbol),
        bars=bars,
        held_out=(),
        sizers=chain,
        half_spread_ticks=-(-spread_ticks // 2),
    )


def trainable(chain: "Sizers") -> "Sizers":
    """The chain, where it can size in training.

    Raises: InputInvalid where it asks a size picker: in training none is asked, and no trade would ever be made.
    """
    from gamma.picks import Asking

    if asking := [name for name, sizer in chain if isinstance(sizer, Asking)]:
        raise InputInvalid(
            f"{', '.join(asking)} asks a size picker, and in training none is asked; train with a strategy of another"
            " chain (--strategy)"
        )
    return chain


def _strategy(asked: Asked, config: "Config", symbol: str) -> "Strategy":
    """Whose sizers size its trades: the named strategy's, or the first's that trades it, or the first's of all."""
    if asked.strategy:
        return config.strategy(asked.strategy)
    return next((one for one in config.strategies if one.market == symbol), config.strategies[0])


def _simulated(asked: Asked, config: "Config", symbol: str) -> "TrainingBars":
    from gamma.feeds.series import COLUMNS
    from gamma.feeds.sim import SimFeed
    from gamma.ports import TrainingBars

    feed = SimFeed(markets=(symbol,), seed=config.feed.seed, bar_s=config.feed.bar_s)
    series = feed.sessions(symbol, asked.days, SIMULATED_UNTIL)
    columns = [getattr(series, name) for name in COLUMNS]
    name = f"simulator {symbol} seed {config.feed.seed}, {config.feed.bar_s} s"
    return TrainingBars(name=name, sha256=_sha256(b"".join(c.tobytes() for c in columns)), series=series)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def held_out(markets: "Sequence[TrainingMarket]", asked: Asked) -> "list[TrainingMarket]":
    """The markets with their last sessions set aside, from one moment on in all of them: nothing is learned of those.

    Raises: InputInvalid when a market then has nothing left to learn from.
    """
    from gamma.feeds.contracts import cut

    if not asked.held_out_frac:
        return list(markets)
    since = min(_since_ns(of, asked.held_out_frac) for of in markets)
    found = []
    for of in markets:
        learned = [replace(one, series=cut(one.series, 0, since)) for one in of.bars]
        later = [replace(one, series=cut(one.series, since, FOREVER_NS)) for one in of.bars]
        learned, later = ([one for one in part if len(one.series)] for part in (learned, later))
        if not learned:
            raise InputInvalid(
                f"--held-out {asked.held_out_frac:g}: leaves {of.market.symbol} no bars to learn from;"
                " give less, or bars of the same days for each market"
            )
        found.append(replace(of, bars=learned, held_out=later))
    return found


def _since_ns(of: "TrainingMarket", frac: float) -> int:
    """When the session opens from which on bars are held out."""
    from gamma import calendar

    opens, _ = calendar.bounds(of.market.symbol)
    ts = np.concatenate([one.series.ts_open_utc_ns for one in of.bars])
    sessions = np.unique(np.searchsorted(opens, ts, side="right") - 1)
    first = sessions[len(sessions) - max(1, round(frac * len(sessions)))]
    return int(opens[first])
