"""Recorded option chains, as they were known at each moment: for paper, backtests and replay."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Self, final

from gamma.feeds.chain_file import load_chains
from gamma.options import Chain


@final
class ChainTape:
    """Chains of any underlyings; of each the newest that was quoted by a moment is known then, and nothing later."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._chains: dict[str, list[Chain]] = {}
        for chain in sorted(chains, key=lambda chain: chain.ts_utc_ns):
            self._chains.setdefault(chain.underlying, []).append(chain)
        self._times = {name: [chain.ts_utc_ns for chain in each] for name, each in self._chains.items()}

    @classmethod
    def open(cls, paths: Sequence[Path | str]) -> Self:
        """Read files of chains.

        Raises: InputInvalid as `load_chains` does.
        """
        return cls([chain for path in paths for chain in load_chains(path)])

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What there are chains of."""
        return tuple(self._chains)

    def known(self, underlying: str, ts_utc_ns: int) -> Chain | None:
        """The newest chain that was quoted by then; None before the first."""
        at = bisect_right(self._times.get(underlying, ()), ts_utc_ns)
        return self._chains[underlying][at - 1] if at else None
