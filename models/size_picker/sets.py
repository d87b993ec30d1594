"""Sets of trades: simulated and sorted by the size that hindsight picks, or cut from real bars as they come."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from gamma.errors import InputInvalid
from gamma.ports import Progressed, TradeSetsOrder
from models.size_picker import cutting, store
from models.size_picker.accounts import GOLD, accounts_of, terms_of
from models.size_picker.broker import Terms
from models.size_picker.cutting import Found, between
from models.size_picker.entries import NAMES, WARM_UP_BARS
from models.size_picker.form import Ints, Trades
from models.size_picker.market import MarketShape, shape_of
from models.size_picker.simulator import simulate

# What a chunk of simulated trades is cut from, and how many chunks may be tried.
PATHS: Final = 64
WEEKS: Final = 52
CHUNKS_MAX: Final = 2_000
# A simulated trade is sorted once for each of so many accounts; natural ones are of one account each.
DRAWS: Final = 2
# Natural trades come from so many chunks at least.
NATURAL_CHUNKS: Final = 8
SETS, NATURAL, SHUFFLE, REAL = range(4)
ASKED: Final = ("small", "mid", "big", "balanced", "remainder", "natural")


@final
class GoldSets:
    """Makes sets of trades of gold, or of a micro of an index."""

    @property
    def warm_up_bars(self) -> int:
        """Bars that pass before the first trade."""
        return WARM_UP_BARS

    def make(self, order: TradeSetsOrder) -> Iterator[Progressed]:
        """Make the folder; it is there whole, or not at all."""
        terms = terms_of(order.symbol, _whole_numbers(order.terms))
        if order.symbol != GOLD and not order.bars and order.market is None:
            raise InputInvalid(f"--symbol {order.symbol}: simulated gold ships alone; name a --market that was fitted")
        if not order.bars:
            _refuse(order)
        with _whole(order.out) as folder:
            yield from _real(order, terms, folder) if order.bars else _simulated(order, terms, folder)

    def told(self, folder: Path) -> Mapping[str, Any]:
        """What lies in a folder, once all hashes are verified."""
        told = store.verified(folder)
        held = sum(path.stat().st_size for path in folder.iterdir())
        return {"folder": str(folder), "bytes": held, **told}


def _refuse(order: TradeSetsOrder) -> None:
    """Raises: InputInvalid where the parts do not add up."""
    least = min(order.small, order.mid, order.big)
    if order.balanced > least:
        raise InputInvalid(f"--balanced {order.balanced}: of a class there are {least} trades; ask for fewer")
    others = order.small + order.mid + order.big - 3 * order.balanced
    if order.remainder > others:
        raise InputInvalid(f"--remainder {order.remainder}: {others} trades are not in the balanced set; ask for fewer")


def _whole_numbers(terms: Mapping[str, Any]) -> dict[str, Any]:
    return {name: int(each) if isinstance(each, float) and each.is_integer() else each for name, each in terms.items()}


def _simulated(order: TradeSetsOrder, terms: Terms, folder: Path) -> Iterator[Progressed]:
    pools, counts = _Pools(order), np.zeros(len(store.CLASSES), np.int64)
    chunk = 0
    while not pools.full:
        if chunk == CHUNKS_MAX:
            raise InputInvalid(f"{pools.lacking}: so few trades of it come; ask for fewer")
        found, rng = _chunk(order, terms, SETS, chunk)
        counts += np.bincount(store.classes(found.outcome.returns), minlength=len(counts))
        pools.take(found, rng)
        chunk += 1
        yield Progressed("simulating trades", pools.held, order.small + order.mid + order.big)
    natural: list[Trades] = []
    while (held := sum(len(one) for one in natural)) < order.natural:
        found, rng = _chunk(order, terms, NATURAL, len(natural))
        some = np.sort(rng.permutation(len(found.cuts))[: -(-order.natural // NATURAL_CHUNKS)])
        natural.append(found.trades(some))
        yield Progressed("simulating trades as they come", held, order.natural)
    yield Progressed("writing", 0, 1)
    parts = _parts(pools.sorted(), order)
    if natural:
        parts["natural"] = store.joined(natural).of(slice(order.natural))
    shares = {name: float(n / counts.sum()) for name, n in zip(store.CLASSES, counts, strict=True)}
    store.write(folder, parts, _told(order, terms, shares, ()) | {"trades_tried": int(counts.sum()), "chunks": chunk})
    yield Progressed("written", 1, 1)


def _real(order: TradeSetsOrder, terms: Terms, folder: Path) -> Iterator[Progressed]:
    yield Progressed("cutting trades", 0, 1)
    series = cutting.together(order.bars)
    runs, notes = cutting.unbroken(series)
    found = cutting.found(runs, _rng(order.seed, REAL, 0), terms, accounts_of(order.symbol, terms))
    if not len(found.cuts):
        named = ", ".join(order.sources)
        raise InputInvalid(f"{named}: no trade fits into {len(series):,} bars; give more of them")
    trades = found.trades(np.arange(len(found.cuts)))
    trades = trades.of(np.argsort(trades.ts_entry_utc_ns, kind="stable"))
    counts = np.bincount(store.classes(trades.returns), minlength=len(store.CLASSES))
    shares = {name: float(n / len(trades)) for name, n in zip(store.CLASSES, counts, strict=True)}
    store.write(folder, {"natural": trades}, _told(order, terms, shares, notes))
    yield Progressed("written", 1, 1)


def _chunk(order: TradeSetsOrder, terms: Terms, stream: int, chunk: int) -> tuple[Found, np.random.Generator]:
    rng = _rng(order.seed, stream, chunk)
    accounts = accounts_of(order.symbol, terms)
    runs = simulate(_shape(order), rng, WEEKS, between(rng, accounts.prices_usd, PATHS))
    return cutting.found(runs, rng, terms, accounts, DRAWS if stream == SETS else 1), rng


def _told(order: TradeSetsOrder, terms: Terms, shares: Mapping[str, float], notes: Sequence[str]) -> dict[str, Any]:
    accounts = accounts_of(order.symbol, terms)
    of = {"symbol": order.symbol, "room_usd": accounts.room_usd} if order.symbol != GOLD else {}
    return of | {
        "seed": order.seed,
        "sources": [Path(one).name for one in order.sources],
        "asked": {name: getattr(order, name) for name in ("small", "mid", "big", "balanced", "remainder", "natural")},
        "terms": terms.model_dump(mode="json"),
        "market": None if order.bars else asdict(_shape(order)),
        "equity_usd": accounts.equity_usd,
        "prices_usd": None if order.bars else accounts.prices_usd,
        "rules": NAMES,
        "natural_shares": dict(shares),
        "notes": list(notes),
    }


@final
class _Pools:
    """Trades kept by the class of their best size, from as many chunks as the rarest class needs."""

    def __init__(self, order: TradeSetsOrder) -> None:
        self._wanted = np.array([order.small, order.mid, order.big])
        self._held: list[list[Trades]] = [[] for _ in store.CLASSES]
        self._counts = np.zeros(len(store.CLASSES), np.int64)
        self._share: Ints | None = None

    @property
    def full(self) -> bool:
        return bool((self._counts >= self._wanted).all())

    @property
    def held(self) -> int:
        return int(self._counts.sum())

    @property
    def lacking(self) -> str:
        """The class that lacks the most, as the command has it."""
        return f"--{store.CLASSES[int(np.argmax(self._wanted - self._counts))]}"

    def take(self, found: Found, rng: np.random.Generator) -> None:
        """Keep some of each class, drawn by chance: of the first chunk's shares follows how many of each."""
        of = store.classes(found.outcome.returns)
        if self._share is None:
            chunks = max(1.0, float(np.max(self._wanted / np.maximum(np.bincount(of, minlength=len(self._held)), 1))))
            self._share = np.ceil(self._wanted / chunks).astype(np.int64)
        lacks = np.minimum(self._share, self._wanted - self._counts)
        rows = [rng.permutation(np.flatnonzero(of == number))[:most] for number, most in enumerate(lacks.tolist())]
        kept, edges = found.trades(np.concatenate(rows)), np.cumsum([0, *(len(one) for one in rows)])
        for pool, first, last in zip(self._held, edges, edges[1:], strict=False):
            pool.append(kept.of(slice(first, last)))
        self._counts += np.diff(edges)

    def sorted(self) -> list[Trades]:
        """The trades of each class."""
        return [store.joined(pool) for pool in self._held]


def _parts(sorted_trades: Sequence[Trades], order: TradeSetsOrder) -> dict[str, Trades]:
    """The balanced set, the remainder for reinforcement, and what is left; each in an order by chance."""
    rng = _rng(order.seed, SHUFFLE, 0)
    rows = [rng.permutation(len(one)) for one in sorted_trades]
    balanced = [one.of(some[: order.balanced]) for one, some in zip(sorted_trades, rows, strict=True)]
    others = _shuffled([one.of(some[order.balanced :]) for one, some in zip(sorted_trades, rows, strict=True)], rng)
    parts = {
        "balanced": _shuffled(balanced, rng),
        "remainder": others.of(slice(order.remainder)),
        "left": others.of(slice(order.remainder, None)),
    }
    return {name: trades for name, trades in parts.items() if len(trades)}


def _shuffled(parts: Sequence[Trades], rng: np.random.Generator) -> Trades:
    every = store.joined(parts)
    return every.of(rng.permutation(len(every)))


def _shape(order: TradeSetsOrder) -> MarketShape:
    return shape_of(order.market) if order.market else shape_of()


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name at the end; whatever goes wrong, nothing is left of it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    making = out.with_name(f".{out.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        yield making
        making.rename(out)
    finally:
        shutil.rmtree(making, ignore_errors=True)
