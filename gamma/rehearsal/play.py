"""Play bars through the desk, the engine and the paper broker, as `gamma run --feed` does, in event time alone.

Everything begins anew: an account with its starting capital, a broker in memory, no history before the first bar.
What is remembered is a notebook's, which may write a ledger.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import numpy as np

from gamma.assembly import Assembly, assemble, paper_state_path
from gamma.bars import Bar, Session
from gamma.book import open_book
from gamma.config import Config
from gamma.desk import Desk, Seat
from gamma.errors import InputInvalid
from gamma.events import BootStarted, HealthSeen, ManageWanted, ModelFailed, ShutDown, SignalMade
from gamma.feeds.held import HeldFeed
from gamma.feeds.series import Series
from gamma.history import History
from gamma.ledger import Ledger, Run
from gamma.markets import MICRO
from gamma.ports import AskingSource, ManagingSource, SignalSource, Storable
from gamma.proof import prove_guards
from gamma.rehearsal.notebook import Notebook
from gamma.shell import Shell
from gamma.views import Situation

HOLD: Final = "HOLD"
PAPER: Final = "paper"
SIDES: Final = {1: "BUY", -1: "SELL"}
# What was answered, and whether anything else was legal.
Answer = tuple[str, bool]
# When a session closes, and equity at its end [micro-dollars].
Ended = tuple[int, int]


Source = SignalSource | ManagingSource | AskingSource


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rehearsal:
    """What an account did on the bars of a span; `market` names all that it traded.

    `history` is what it came to. `acts` counts what the strategies answered, HOLD where nothing. Where one had a
    choice, `acts_flat` counts its answers in the cash session without a position, `acts_held` with one. `halts` are
    the reasons for which it was stopped, with their times.
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


def paper(config: Config) -> Config:
    """The configuration as it trades on paper, whatever broker its strategies name."""
    mode = {} if config.gamma.mode == PAPER else {"mode": PAPER}
    strategies = (one if one.broker == PAPER else one.model_copy(update={"broker": PAPER}) for one in config.strategies)
    return config.model_copy(update={"gamma": config.gamma.model_copy(update=mode), "strategies": tuple(strategies)})


def rehearse(config: Config, strategy: str, series: Series, source: Source | None = None) -> Rehearsal:
    """Trade one strategy of the configuration on a series; `source` takes the place of its own signals.

    Raises: InputInvalid when the strategy trades another market or the bars lie in no session; ConfigInvalid as
        the daemon's start would.
    """
    chosen = config.strategy(strategy)
    if chosen.market != series.market:
        raise InputInvalid(f"strategy {strategy} trades {chosen.market}, and the bars are of {series.market}")
    alone = config.model_copy(update={"strategies": (chosen,)})
    return play(alone, {series.market: series}, sources={strategy: source} if source is not None else {})


def play(
    config: Config,
    bars: Mapping[str, Series],
    *,
    sources: Mapping[str, Source] | None = None,
    run: Run | None = None,
) -> Rehearsal:
    """Trade all strategies of the configuration on paper, in one account; `sources` replace some's own signals.

    With a `run`, which is registered first, all is recorded in a new ledger at the configuration's database, by event
    time, and the broker leaves its account beside it as a start of the daemon wants it.

    Raises: InputInvalid when a market has no bars, or none lies in a session; ConfigInvalid as the daemon's start
        would.
    """
    if missing := sorted({one.market for one in config.strategies} - bars.keys()):
        raise InputInvalid(f"no bars of {', '.join(missing)}; give them, or leave those strategies out")
    config = paper(config)  # recorded bars must never reach a broker
    recorded = config.feed.model_copy(update={"use": "file"})  # a replay begins with its first bar
    assembly = assemble(config.model_copy(update={"feed": recorded}), state_path=None, feed=HeldFeed(bars))
    answers: list[Answer] = []
    seated = replace(assembly, seats=_seats(assembly, sources or {}, answers))
    with ExitStack() as open_until_done:
        time = _Time(seated.start_utc_ns)
        ledger = None
        if run is not None:
            ledger = open_until_done.enter_context(closing(_ledger(config, time, run)))
        notebook = Notebook(ledger)
        stage = _Stage(seated, notebook, time, answers)
        asyncio.run(stage.play(paper_state_path(config) if run is not None else None))
    if not stage.days:
        raise InputInvalid(f"{', '.join(sorted(bars))}: no bar lies in a session")
    return _told(config, bars, stage, notebook)


def _ledger(config: Config, time: "_Time", run: Run) -> Ledger:
    ledger = Ledger.open(
        config.gamma.database,
        account=config.account.name,
        mode=config.gamma.mode,
        clock_ns=lambda: max(time.utc_ns, run.ts_event_utc_ns),
        bulk=True,
    )
    try:
        ledger.register(run)
    except BaseException:
        ledger.abandon()
        raise
    return ledger


def _told(config: Config, bars: Mapping[str, Series], stage: "_Stage", notebook: Notebook) -> Rehearsal:
    ends = [one.ts_close_utc_ns for one in bars.values()]
    return Rehearsal(
        market=", ".join(sorted(bars)),
        bar_s=next(iter(bars.values())).bar_s,
        bars=sum(map(len, bars.values())),
        ts_first_utc_ns=min(int(ts[0]) for ts in ends),
        ts_last_utc_ns=max(int(ts[-1]) for ts in ends),
        history=_history(config.account.starting_capital_usd, notebook, stage.days),
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


def _seats(assembly: Assembly, sources: Mapping[str, Source], answers: list[Answer]) -> dict[str, tuple[Seat, ...]]:
    """The strategies with their eyes, whose answers are counted."""
    return {
        market: tuple(
            Seat(strategy=seat.strategy, source=_watched(sources.get(seat.strategy, seat.source), answers))
            for seat in seats
        )
        for market, seats in assembly.seats.items()
    }


def _watched(source: Source, answers: list[Answer]) -> Source:
    if isinstance(source, AskingSource):
        return _Asking(source, answers)
    return _Managing(source, answers) if isinstance(source, ManagingSource) else _Watched(source, answers)


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


@final
class _Asking:
    """A source that asks before it chooses, whose answers are counted."""

    def __init__(self, source: AskingSource, answers: list[Answer]) -> None:
        self._source = source
        self._answers = answers

    @property
    def bar_s(self) -> float:
        return self._source.bar_s

    @property
    def bars_needed(self) -> int:
        return self._source.bars_needed

    def warm_up(self, bars: Sequence[Bar]) -> None:
        self._source.warm_up(bars)

    def choose(
        self, bar: Bar, situation: Situation, leaves: Callable[[SignalMade, int], bool]
    ) -> SignalMade | ManageWanted | ModelFailed | None:
        answer = self._source.choose(bar, situation, leaves)
        self._answers.append((_act(answer), True))
        return answer


def _act(answer: object) -> str:
    if answer is None:
        return HOLD
    if isinstance(answer, SignalMade):
        return SIDES.get(answer.side, HOLD)
    return answer.manage.upper() if isinstance(answer, ManageWanted) else type(answer).__name__


@final
class _Time:
    """Event time [ns]: that of the bar in hand."""

    def __init__(self, utc_ns: int) -> None:
        self.utc_ns = utc_ns


@final
class _Stage:
    """The daemon's parts, in its order, in event time alone."""

    def __init__(self, assembly: Assembly, notebook: Notebook, time: _Time, answers: list[Answer]) -> None:
        self.acts: Counter[str] = Counter()
        self.acts_flat: Counter[str] = Counter()
        self.acts_held: Counter[str] = Counter()
        self.days: dict[str, Ended] = {}
        self._sessions: dict[str, Session] = {}
        self._answers = answers
        self._assembly = assembly
        self._time = time
        self._shell = Shell(
            open_book(assembly.setup),
            assembly.rules,
            store=notebook,
            broker=assembly.broker,
            now=lambda: time.utc_ns,
        )

    async def play(self, state_path: Path | None) -> None:
        """Trade all bars; the broker leaves its account at `state_path`."""
        desk = Desk(
            self._shell,
            self._assembly.seats,
            self._assembly.hours,
            pickings=self._assembly.pickings,
            chains=self._assembly.chains,
        )
        await self._start(desk)
        for bar in self._assembly.feed.bars(self._time.utc_ns):
            self._time.utc_ns = bar.ts_close_utc_ns
            await desk.bar(bar)
            day = self._session(self._assembly.rules.day_market, bar.ts_close_utc_ns)
            if day is not None:
                self.days[day.date] = (day.ts_close_utc_ns, self._shell.book.money.equity_microusd)
            self._count(bar)
        await self._shell.feed(ShutDown(reason="all bars were worked off", ts_event_utc_ns=self._time.utc_ns))
        broker = self._assembly.broker
        if state_path is not None and isinstance(broker, Storable):
            broker.store(state_path)
        await broker.close()

    def _session(self, market: str, ts_utc_ns: int) -> Session | None:
        """The session that a bar of the market which closes then is of."""
        known = self._sessions.get(market)
        if known is not None and ts_utc_ns <= known.ts_close_utc_ns:
            return known
        found = self._assembly.hours.session(market, ts_utc_ns - 1)
        if found is not None:
            self._sessions[market] = found
        return found

    def _count(self, bar: Bar) -> None:
        session = self._session(bar.market, bar.ts_close_utc_ns)
        where: Counter[str] | None = None
        positions = self._shell.book.positions
        if (
            session is not None
            and positions
            and any(p.lots for (_, held), p in positions.items() if held == bar.market)
        ):
            where = self.acts_held
        elif session is not None and session.ts_cash_open_utc_ns < bar.ts_close_utc_ns <= session.ts_cash_close_utc_ns:
            where = self.acts_flat
        for act, had_choice in self._answers:
            self.acts[act] += 1
            if had_choice and where is not None:
                where[act] += 1
        self._answers.clear()

    async def _start(self, desk: Desk) -> None:
        connected = await self._assembly.broker.connect()
        self._shell.read_on(connected.account)
        for market in self._assembly.seats:
            desk.warm_up(market, [], self._time.utc_ns)
        now, rules = self._time.utc_ns, self._assembly.rules
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
