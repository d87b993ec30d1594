"""Play bars through the desk, the engine and the paper broker, as `gamma run --feed` does, without a ledger.

Everything begins anew: an account with its starting capital, a broker in memory, no history before the first bar.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from gamma.assembly import Assembly, assemble
from gamma.bars import Bar, Session
from gamma.book import open_book
from gamma.config import Config
from gamma.desk import Desk, Seat
from gamma.errors import InputInvalid
from gamma.events import BootStarted, HealthSeen, ManageWanted, ModelFailed, SignalMade
from gamma.feeds.held import HeldFeed
from gamma.feeds.series import Series
from gamma.history import History
from gamma.markets import MICRO
from gamma.ports import ManagingSource, SignalSource
from gamma.proof import prove_guards
from gamma.rehearsal.notebook import Notebook
from gamma.shell import Shell
from gamma.views import Situation

HOLD: Final = "HOLD"
SIDES: Final = {1: "BUY", -1: "SELL"}
# What was answered, and whether anything else was legal.
Answer = tuple[str, bool]
# When a session closes, and equity at its end [micro-dollars].
Ended = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rehearsal:
    """What one strategy did on the bars of a span.

    `history` is what it came to. `acts` counts what the strategy answered, HOLD where nothing. Where it had a choice,
    `acts_flat` counts them in the cash session without a position, `acts_held` with one. `halts` are the reasons for
    which it was stopped, with their times.
    """

    market: str
    bar_s: int
    bars: int
    ts_first_utc_ns: int
    ts_last_utc_ns: int
    history: History
    acts: Mapping[str, int]
    acts_flat: Mapping[str, int]
    acts_held: Mapping[str, int]
    halts: tuple[tuple[int, str], ...]


def rehearse(
    config: Config, strategy: str, series: Series, source: SignalSource | ManagingSource | None = None
) -> Rehearsal:
    """Trade one strategy of the configuration on a series; `source` takes the place of its own signals.

    Raises: InputInvalid when the strategy trades another market or the bars lie in no session; ConfigInvalid as
        the daemon's start would.
    """
    chosen = config.strategy(strategy)
    if chosen.market != series.market:
        raise InputInvalid(f"strategy {strategy} trades {chosen.market}, and the bars are of {series.market}")
    recorded = config.feed.model_copy(update={"use": "file"})  # a replay begins with its first bar
    alone = config.model_copy(update={"strategies": (chosen,), "feed": recorded})
    assembly = assemble(alone, state_path=None, feed=HeldFeed({series.market: series}))
    eyes = source or assembly.seats[series.market][0].source
    answers: list[Answer] = []
    watched = _Managing(eyes, answers) if isinstance(eyes, ManagingSource) else _Watched(eyes, answers)
    seats = {series.market: (Seat(strategy=strategy, source=watched),)}
    notebook = Notebook()
    stage = _Stage(replace(assembly, seats=seats), notebook, answers)
    days = asyncio.run(stage.play(series.market))
    if not days:
        raise InputInvalid(f"{series.market}: no bar lies in a session")
    return Rehearsal(
        market=series.market,
        bar_s=series.bar_s,
        bars=len(series),
        ts_first_utc_ns=int(series.ts_close_utc_ns[0]),
        ts_last_utc_ns=int(series.ts_close_utc_ns[-1]),
        history=_history(config.account.starting_capital_usd, notebook, days),
        acts=dict(stage.acts),
        acts_flat=dict(stage.acts_flat),
        acts_held=dict(stage.acts_held),
        halts=tuple((halt.ts_event_utc_ns, halt.reason) for halt in notebook.halts),
    )


def _history(start_usd: float, notebook: Notebook, days: Mapping[str, Ended]) -> History:
    marks = notebook.marks
    return History(
        start_usd=start_usd,
        trades=tuple(notebook.trades),
        ts_mark_utc_ns=np.array([m.ts_bar_utc_ns or m.ts_event_utc_ns for m in marks], dtype=np.int64),
        high_usd=np.array([m.high_microusd for m in marks], dtype=np.float64) / MICRO,
        low_usd=np.array([m.low_microusd for m in marks], dtype=np.float64) / MICRO,
        close_usd=np.array([m.close_microusd for m in marks], dtype=np.float64) / MICRO,
        sessions=tuple(days),
        ts_session_close_utc_ns=np.array([ts for ts, _ in days.values()], dtype=np.int64),
        session_close_usd=np.array([equity for _, equity in days.values()], dtype=np.float64) / MICRO,
    )


@final
class _Watched:
    """A source whose answers are counted."""

    def __init__(self, source: SignalSource, answers: list[Answer]) -> None:
        self._source = source
        self._answers = answers

    @property
    def bars_needed(self) -> int:
        return self._source.bars_needed

    def warm_up(self, bars: Sequence[Bar]) -> None:
        self._source.warm_up(bars)

    def on_bar(self, bar: Bar) -> SignalMade | None:
        answer = self._source.on_bar(bar)
        self._answers.append((_act(answer), True))
        return answer


@final
class _Managing:
    """A source that looks at its own position, whose answers are counted once it is warm."""

    def __init__(self, source: ManagingSource, answers: list[Answer]) -> None:
        self._source = source
        self._answers = answers

    @property
    def bars_needed(self) -> int:
        return self._source.bars_needed

    @property
    def warm(self) -> bool:
        return self._source.warm

    def warm_up(self, bars: Sequence[Bar]) -> None:
        self._source.warm_up(bars)

    def decide(self, bar: Bar, situation: Situation) -> SignalMade | ManageWanted | ModelFailed | None:
        answer = self._source.decide(bar, situation)
        if self.warm:
            self._answers.append((_act(answer), bool(getattr(self._source, "had_choice", True))))
        return answer


def _act(answer: object) -> str:
    if answer is None:
        return HOLD
    if isinstance(answer, SignalMade):
        return SIDES.get(answer.side, HOLD)
    return answer.manage.upper() if isinstance(answer, ManageWanted) else type(answer).__name__


@final
class _Stage:
    """The daemon's parts, in its order, in event time alone."""

    def __init__(self, assembly: Assembly, notebook: Notebook, answers: list[Answer]) -> None:
        self.acts: Counter[str] = Counter()
        self.acts_flat: Counter[str] = Counter()
        self.acts_held: Counter[str] = Counter()
        self._answers = answers
        self._assembly = assembly
        self._now_utc_ns = assembly.start_utc_ns
        self._shell = Shell(
            open_book(assembly.setup),
            assembly.rules,
            store=notebook,
            broker=assembly.broker,
            now=lambda: self._now_utc_ns,
        )

    async def play(self, market: str) -> dict[str, Ended]:
        """Trade all bars; gives the end of each session by its date."""
        desk = Desk(self._shell, self._assembly.seats, self._assembly.hours)
        await self._start(desk, market)
        days: dict[str, Ended] = {}
        session = None
        for bar in self._assembly.feed.bars(self._now_utc_ns):
            self._now_utc_ns = bar.ts_close_utc_ns
            await desk.bar(bar)
            if session is None or bar.ts_close_utc_ns > session.ts_close_utc_ns:
                session = self._assembly.hours.session(market, bar.ts_close_utc_ns - 1)
            if session is not None:
                days[session.date] = (session.ts_close_utc_ns, self._shell.book.money.equity_microusd)
                self._count(session, bar.ts_close_utc_ns)
            self.acts.update(act for act, _ in self._answers)
            self._answers.clear()
        await self._assembly.broker.close()
        return days

    def _count(self, session: Session, ts_utc_ns: int) -> None:
        chosen = [act for act, had_choice in self._answers if had_choice]
        if any(position.lots for position in self._shell.book.positions.values()):
            self.acts_held.update(chosen)
        elif session.ts_cash_open_utc_ns < ts_utc_ns <= session.ts_cash_close_utc_ns:
            self.acts_flat.update(chosen)

    async def _start(self, desk: Desk, market: str) -> None:
        connected = await self._assembly.broker.connect()
        self._shell.read_on(connected.account)
        desk.warm_up(market, [], self._now_utc_ns)
        now, rules = self._now_utc_ns, self._assembly.rules
        await self._shell.feed(BootStarted(epoch=1, config_hash=rules.config_hash, code_hash="", ts_event_utc_ns=now))
        await self._shell.reconcile()
        await self._shell.compare_balance()
        await self._shell.feed(
            HealthSeen(
                broker_age_s=0.0,
                data_age_s=0.0,
                strategy_age_s=0.0,
                clock_offset_s=0.0,
                ts_event_utc_ns=now,
            )
        )
        prove_guards(self._assembly, self._shell.book)
