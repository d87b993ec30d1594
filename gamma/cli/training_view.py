"""What a person sees while a policy is trained: how far it is, how fast, and a live table of what it does."""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, final

from gamma.cli.output import console

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from gamma.cli.training_run import Wording
    from gamma.ports import TrainingRun, TrainingTold

LAST_UPDATES: Final = 20
RATE_UPDATES: Final = 10
BAR_CELLS: Final = 40
# Okabe and Ito's colours, which people with any kind of colour blindness tell apart.
COLOURS: Final = {
    "hold": "#999999",
    "buy": "#0072B2",
    "sell": "#E69F00",
    "sl_to_be": "#009E73",
    "trail_on": "#CC79A7",
    "trail_off": "#56B4E9",
}
ROWS: Final = (
    ("return", "return_usd", "{:+,.0f} usd an episode"),
    ("trades", "trades", "{:,.0f} an update"),
    ("win rate", "win_frac", "{:.1%}"),
    ("profit factor", "profit_factor", "{:.2f}"),
    ("P&L", "pnl_usd_per_trade", "{:+,.2f} usd a trade"),
    ("max drawdown on equity", "drawdown_max_usd", "{:,.0f} usd"),
    ("size", "lots_per_trade", "{:.2f} lots a trade"),
    ("HOLD where an entry is legal", "entry_hold_frac", "{:.1%}"),
    ("managing where that is legal", "manage_frac", "{:.1%}"),
    ("long, of entries", "long_frac", "{:.1%}"),
    ("entropy", "entropy", "{:.3f} nats"),
    ("divergence", "divergence", "{:.1e} nats"),
    ("value loss", "value_loss", "{:.4f}"),
)


@final
class View:
    """The live table; nothing of it is drawn where the output is no terminal."""

    def __init__(self, order: "TrainingRun", wording: "Wording", *, quiet: bool) -> None:
        from rich.live import Live

        self._order, self._wording = order, wording
        self._console = console()
        self._quiet = quiet
        self._told: dict[int, TrainingTold] = {}
        self._recent: dict[int, deque[Mapping[str, float]]] = {seed: deque(maxlen=LAST_UPDATES) for seed in order.seeds}
        self._times: deque[tuple[float, int]] = deque(maxlen=RATE_UPDATES)
        self._checkpoint = "none yet"
        self._next_line = 0.0
        self._live = Live(console=self._console, refresh_per_second=4, transient=False, get_renderable=self.drawn)

    def __enter__(self) -> "View":
        if self._drawn_live:
            self._live.start()
        elif not self._quiet:
            self._console.print("compiling ...")
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn_live:
            self._live.stop()

    @property
    def _drawn_live(self) -> bool:
        return not self._quiet and self._console.is_terminal

    def show(self, one: "TrainingTold") -> None:
        """Take in what was told."""
        self._told[one.seed] = one
        self._recent[one.seed].append(one.figures)
        if one.checkpoint:
            self._checkpoint = str(one.checkpoint)
        if one.seed == self._order.seeds[-1]:
            self._times.append((time.monotonic(), one.steps * len(self._order.seeds)))
            self._plain_line(one)

    def _plain_line(self, one: "TrainingTold") -> None:
        """Where nothing is drawn a line stands for each tenth of the way."""
        share = one.steps / one.steps_max
        if self._quiet or self._console.is_terminal or share < self._next_line:
            return
        self._next_line = share + 0.1
        told = ", ".join(f"{name} {text.format(one.figures[key])}" for name, key, text in self._wording.rows[:3])
        self._console.print(f"{share:4.0%}  {one.steps:,} steps, {self._rate:,.0f} a second, {told}")

    @property
    def _rate(self) -> float:
        """Steps a second of all seeds together, over the last updates."""
        if len(self._times) < 2:
            return 0.0
        (before, fewer), (after, more) = self._times[0], self._times[-1]
        return (more - fewer) / max(after - before, 1e-9)

    def drawn(self) -> "RenderableType":
        """All of it."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [self._head(), Text()]
        if self._told:
            parts += [self._table(), Text(), *self._mixes(), Text(f"last checkpoint  {self._checkpoint}", style="dim")]
        else:
            parts.append(Text("compiling ...", style="dim"))
        return Group(*parts)

    def _head(self) -> "RenderableType":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        order = self._order
        seeds = ("seed " if len(order.seeds) == 1 else "seeds ") + ", ".join(map(str, order.seeds))
        title = Text.assemble(("gamma train", "bold"), f"  {self._wording.title} · {seeds}")
        one = next(iter(self._told.values()), None)
        done, most = (one.steps, one.steps_max) if one else (0, order.steps)
        rate = self._rate / len(order.seeds)
        left = f"{_clock((most - done) / rate)} left" if rate else ""
        line = Table.grid(padding=(0, 2))
        line.add_row(
            ProgressBar(total=most, completed=done, width=BAR_CELLS),
            f"{done / most:.0%}",
            f"{done:,} of {most:,} steps",
            f"{self._rate:,.0f} a second" if rate else "",
            left,
        )
        return Group(title, line)

    def _table(self) -> "Table":
        from rich.table import Table

        columns = list(self._columns())
        shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        shown.add_column("")
        for title, _ in columns:
            shown.add_column(title, justify="right", no_wrap=True)
        shown.add_column("", style="dim", no_wrap=True)
        for name, key, text in self._wording.rows:
            number, _, unit = text.partition(" ")
            shown.add_row(name, *(number.format(figures[key]) for _, figures in columns), unit)
        return shown

    def _columns(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """A column a seed; of one alone, the last update and the mean of the last few."""
        if len(self._order.seeds) > 1:
            yield from ((f"seed {seed}", _mean(self._recent[seed])) for seed in self._told)
            return
        ((seed, one),) = self._told.items()
        yield "this update", one.figures
        yield f"mean of {len(self._recent[seed])}", _mean(self._recent[seed])

    def _mixes(self) -> Iterator["Text"]:
        """What the policy did where it had a choice, as a bar, for each seed."""
        from rich.text import Text

        for seed in self._told:
            mean = _mean(self._recent[seed])
            shares = {name: mean[f"{name}_frac"] for name in self._wording.colours if f"{name}_frac" in mean}
            bar = Text("" if len(self._order.seeds) == 1 else f"seed {seed}  ")
            for name, cells in zip(shares, _cells(list(shares.values()), BAR_CELLS), strict=True):
                bar.append("█" * cells, style=self._wording.colours[name])
            yield bar
            legend = Text()
            for name, share in shares.items():
                legend.append("█ ", style=self._wording.colours[name]).append(f"{name.upper()} {share:.0%}   ")
            yield legend
        yield Text()


def _mean(recent: Sequence[Mapping[str, float]] | deque[Mapping[str, float]]) -> dict[str, float]:
    return {key: sum(one[key] for one in recent) / len(recent) for key in recent[-1]}


def _cells(shares: Sequence[float], width: int) -> list[int]:
    """Whole cells that add up to the width, as near to the shares as can be."""
    ends = [round(sum(shares[: n + 1]) * width) for n in range(len(shares))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
