"""Ports: what the shell supplies to gamma. An adapter implements one of these and nothing more."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from gamma.bars import Bar, Session
from gamma.books import EventBook
from gamma.curves import By, SizeCurve, Sizes
from gamma.events import Fill, Intent, ManageWanted, ModelFailed, OrderState, SignalMade
from gamma.floor import FloorRule
from gamma.markets import Market
from gamma.options import Chain
from gamma.views import Situation


class Dedupe(StrEnum):
    """What the broker makes of a client order id that it has seen before."""

    NONE = "none"
    OPEN_ONLY = "open_only"
    FOREVER = "forever"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a broker can do, and how long it may take to tell what became of an order.

    An unknown order is proved absent after `absence_listings` complete listings, `absence_spacing_s`
    apart, with `quiet_window_s` passed since it was sent. Its limits bear a look for fills every `watch_s` while an
    entry with a stop works. `real` where its orders cost real money, `shared` where one session may cancel
    the orders of another.
    """

    name: str
    dedupe: Dedupe
    direct_lookup: bool
    bracket: bool
    multi_leg: bool
    replace: bool
    reduce_only: bool
    order_stream: bool
    client_id_max_len: int = 32
    absence_listings: int = 3
    absence_spacing_s: float = 20.0
    quiet_window_s: float = 120.0
    quarantine_after_s: float = 900.0
    place_timeout_s: float = 10.0
    watch_s: float = 1.0
    real: bool = False
    shared: bool = True


_ENDED: Final = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker tells it."""

    client_order_id: str
    broker_order_id: str
    market: str
    state: OrderState
    side: int
    lots: int
    filled_lots: int
    price_ticks: int
    ts_event_utc_ns: int
    ours: bool = True

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it, as far as the broker tells."""
        return self.state in _ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The broker has the order, and the children of its bracket: broker order id by client order id."""

    broker_order_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The broker refused, definitely."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No answer tells what became of the request."""

    text: str


Placed = Accepted | Rejected | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The broker knows the order."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class NotListed:
    """A complete look did not show it; `final` when this broker's one look is proof."""

    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inconclusive:
    """The look was not complete: it says nothing."""

    text: str


Lookup = Found | NotListed | Inconclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """Money as the broker tells it."""

    account: str
    balance_microusd: int
    equity_microusd: int
    cash_microusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillPage:
    """Fills since a marker, oldest first, and the marker to ask with next. At least once: overlap is fine.

    The marker is kept in the ledger, and asked with by the next start, however much later.
    """

    fills: Sequence[Fill]
    marker: str


@runtime_checkable
class ApprovedLike(Protocol):
    """The approved order as an adapter sees it; adapters check that it is `gamma.decision.ApprovedOrder`."""

    @property
    def market(self) -> str: ...
    @property
    def side(self) -> int: ...
    @property
    def lots(self) -> int: ...


@runtime_checkable
class Broker(Protocol):
    """One account at one broker. `place`, `cancel` and `replace` make one attempt, and never another.

    `place` gets the entry or exit with the bracket that the broker is to hold; it raises nothing for a
    lost answer but returns `Lost`. It asks for nothing that it could know already: the stop flag and the ledger's lock
    were looked at just before, and whatever it waits for makes that look an old one. Reads raise Transient.

    `fills_since` gets a marker that it gave before, perhaps to an earlier process, and raises MarkerUnknown where it
    or the broker cannot tell what came after it; an empty marker stands for the first fill that is kept.

    What is held and ends by itself (an option settles in cash, an event is decided) is told by `fills_since` too, as a
    fill without a client order id, of the side that closes, with `settled_microusd_per_lot` set: 0 where nothing is
    left. `opened_by` is the order that opened it, where that is known; without it, it goes to whoever holds some. It is
    told after the fills before it, once under one execution id, and by the time at which `positions` leaves out what
    ended: until then that is counted there as still held. A fee that a fill does not tell is the market's commission,
    and the fill says `fee_estimated`.

    `orders` gets the broker's own order id by client order id, "" where it is not known. It tells those of them that
    the broker knows: what has ended may be on no list any more, and is asked for by the broker's own id.
    """

    @property
    def capabilities(self) -> Capabilities: ...
    async def connect(self) -> BrokerAccount: ...
    async def close(self) -> None: ...
    async def place(self, approved: ApprovedLike, intent: Intent, bracket: Sequence[Intent]) -> Placed: ...
    async def cancel(self, client_order_id: str) -> Placed: ...
    async def replace(self, client_order_id: str, price_ticks: int) -> Placed: ...
    async def find(self, client_order_id: str) -> Lookup: ...
    async def orders(self, wanted: Mapping[str, str]) -> Sequence[BrokerOrder]: ...
    async def open_orders(self) -> Sequence[BrokerOrder]: ...
    async def fills_since(self, marker: str) -> FillPage: ...
    async def positions(self) -> Mapping[str, int]: ...
    async def account(self) -> BrokerAccount: ...


@runtime_checkable
class Preparing(Protocol):
    """A broker that has to ask something before it can send an order: which contract stands behind a name.

    `prepare` asks it, and only then is it looked once more whether the order may go out; `place` sends it at once. A
    kill switch that is thrown meanwhile would else come too late. Raises Transient: the order is not sent.
    """

    async def prepare(self, intent: Intent) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Prices of one symbol as a broker tells them; NaN where there is none, and when the oldest of them was made."""

    symbol: str
    bid_points: float
    ask_points: float
    last_points: float
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketClock:
    """The time at a broker, and whether its market is open; not `exact` where it may be later there by some seconds."""

    ts_utc_ns: int
    is_open: bool
    exact: bool = True


@runtime_checkable
class MarketData(Protocol):
    """A broker that tells prices and the time. Reads raise Transient; what is not quoted there is left out."""

    async def clock(self) -> MarketClock: ...
    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]: ...


@runtime_checkable
class EventBooks(Protocol):
    """A broker that tells what is bid for an event contract, on both sides. Reads raise Transient."""

    async def event_book(self, market: str) -> EventBook: ...


@runtime_checkable
class Permissions(Protocol):
    """A broker that tells in plain words what the account may do, as "margin account, option level 6".

    What forbids all trading is found when it connects. Reads raise Transient.
    """

    async def permissions(self) -> str: ...


@runtime_checkable
class Chains(Protocol):
    """A broker that tells which options there are, day by day of their end. Reads raise Transient."""

    async def expirations(self, underlying: str) -> Sequence[date]: ...
    async def chain(self, underlying: str, expires: date) -> Chain: ...


@runtime_checkable
class Candles(Protocol):
    """A broker that tells bars of `bar_s` seconds that are closed: those that closed after a time, oldest first.

    It gives what it keeps, and of that perhaps a part at a time. Reads raise Transient.
    """

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]: ...


@runtime_checkable
class Hinting(Protocol):
    """A broker that tells at once when something has happened to the account.

    A hint says nothing but "look": what happened is read as ever, and without hints the same is read a little later.
    It goes on by itself after its connection broke, and never ends.
    """

    def hints(self) -> AsyncIterator[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOrder:
    """What a sandbox is to be: port (0 for any that is free), seed of its market, money, faults, file of its account.

    `faults` are shares of requests by what goes wrong with them, as `lose_answer=0.1,late=0.05`. Without a file the
    account is kept in memory.
    """

    port: int
    seed: int
    capital_usd: float
    faults: str
    state_path: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOpened:
    """Where a sandbox listens, what to put under `[brokers.NAME]` to trade there, and some of what trades there."""

    url: str
    settings: Mapping[str, str | int | Sequence[str]]
    markets: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxAnswered:
    """A request and what became of it: `status` 0 where nothing was answered; `asked` and `text` in a few words."""

    method: str
    path: str
    asked: str
    status: int
    text: str
    fault: str


@runtime_checkable
class BrokerSandbox(Protocol):
    """A broker on this machine that speaks the real one's protocol; it serves until it is cancelled.

    Raises: InputInvalid when the faults are none; ConfigInvalid when the file is another account's.
    """

    async def serve(
        self,
        order: SandboxOrder,
        opened: Callable[[SandboxOpened], None],
        answered: Callable[[SandboxAnswered], None],
    ) -> None: ...


@runtime_checkable
class BarDriven(Protocol):
    """A broker whose matching is driven by the bars that we see: paper, and the simulations."""

    def trade_through(self, bar: Bar) -> None: ...

    @property
    def ts_last_bar_utc_ns(self) -> int: ...


@runtime_checkable
class Prompt(Protocol):
    """A broker that can tell at once, without a request, that it has no fill after a marker; in doubt it has."""

    def quiet_since(self, marker: str) -> bool: ...


@runtime_checkable
class Storable(Protocol):
    """A broker that was held in memory, and can leave its whole account in a file as if it had been kept there."""

    def store(self, path: Path) -> None: ...


@runtime_checkable
class SignalSource(Protocol):
    """A strategy's eyes: takes closed bars of one market, one by one, and may answer with a signal.

    `warm_up` takes history without answering; `bars_needed` says how many it wants.
    """

    @property
    def bars_needed(self) -> int: ...
    def warm_up(self, bars: Sequence[Bar]) -> None: ...
    def on_bar(self, bar: Bar) -> SignalMade | None: ...


class Hours(Protocol):
    """When markets trade; `gamma.calendar`, with the account's flat-by time in it."""

    def session(self, market: str, ts_utc_ns: int) -> Session | None: ...
    def agrees(self, market: str, date: str) -> bool: ...


@runtime_checkable
class ManagingSource(Protocol):
    """A strategy's eyes that look at its own position too: takes each closed bar with how the strategy stands then.

    `warm` is whether it has seen enough bars to answer; before, it holds.
    """

    @property
    def bars_needed(self) -> int: ...
    @property
    def warm(self) -> bool: ...
    def warm_up(self, bars: Sequence[Bar]) -> None: ...
    def decide(self, bar: Bar, situation: Situation) -> SignalMade | ManageWanted | ModelFailed | None: ...


@runtime_checkable
class AskingSource(Protocol):
    """A strategy's eyes that ask, before they choose, what would be left of a signal: `leaves` tells whether so
    many lots would.

    To ask changes nothing, and what it says holds for the bar that is given. It chooses on bars with a book alone, each
    `bar_s` long, and adds to what it holds.
    """

    @property
    def bar_s(self) -> float: ...
    @property
    def bars_needed(self) -> int: ...
    def warm_up(self, bars: Sequence[Bar]) -> None: ...
    def choose(
        self, bar: Bar, situation: Situation, leaves: Callable[[SignalMade, int], bool]
    ) -> SignalMade | ManageWanted | ModelFailed | None: ...


@runtime_checkable
class Explaining(Protocol):
    """A source of signals that says in a word why there is none on the bar that it saw last; "" where it just saw none.

    The word stands in the ledger, with the strategy's tick.
    """

    @property
    def why_none(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a policy answers: the number of its action, the logits that it came from, and what was legal.

    `novelty` is how far what it saw lies from what it was trained on: the root of the mean square of what it saw, in
    standard deviations, each within 10. About 1 where it is alike.
    """

    action: int
    logits: tuple[float, ...]
    legal: Sequence[bool]
    novelty: float


@runtime_checkable
class Policy(Protocol):
    """A trained policy for one market behind its port: verified before it is asked.

    `see` takes each closed bar in its session; `act` answers on the bar that was seen last, once as many as
    `bars_needed` were. `bracket_ticks` is how far stop and target of an entry lie from that bar's close, `trail_atr`
    how far behind a trail follows [average true ranges]. `actions` names the actions by number.

    Raises: nothing on a bad output: NaN logits or an illegal action come back as they are, and the
    signal source turns them into `ModelFailed`.
    """

    @property
    def trained(self) -> "Trained": ...
    @property
    def actions(self) -> Sequence[str]: ...
    @property
    def trail_atr(self) -> float: ...
    @property
    def bars_needed(self) -> int: ...
    @property
    def bars_seen(self) -> int: ...
    def see(self, bar: Bar, session: Session) -> None: ...
    def act(self, situation: Situation) -> Act: ...
    def bracket_ticks(self) -> tuple[int, int]: ...


@runtime_checkable
class EventPolicy(Protocol):
    """A trained policy for event contracts behind its port: verified before it is asked.

    It acts at looks, `look_s` apart. `see` takes the book of each look, oldest first; `act` answers on the one that was
    seen last, once as many as `looks_needed` of the question were. `actions` are the 21 of `gamma.actions` by name, and
    `sizes_lots` those sizes that it uses. What is `legal` is decided for it when it looks at an action there: it should
    look at the one that it likes best first, and no further than it must.

    Raises: nothing on a bad output: NaN logits or an illegal action come back as they are.
    """

    @property
    def trained(self) -> "Trained": ...
    @property
    def actions(self) -> Sequence[str]: ...
    @property
    def look_s(self) -> float: ...
    @property
    def sizes_lots(self) -> Sequence[int]: ...
    @property
    def looks_needed(self) -> int: ...
    @property
    def looks_seen(self) -> int: ...
    def see(self, book: EventBook) -> None: ...
    def act(self, situation: Situation, legal: Sequence[bool]) -> Act: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picked:
    """What a size picker answers: the curve over the sizes, and what stands behind it.

    `novelty` is as `Act`'s. `calibration` names what the probabilities were calibrated on, and the conformal layer.
    """

    curve: SizeCurve
    novelty: float
    calibration: str


@runtime_checkable
class SizePicker(Protocol):
    """A trained picker of sizes for one market behind its port: verified before it is asked.

    `see` takes each closed bar, all of `bar_s`, oldest first; `pick` answers on those seen last, once as many as
    `bars_needed` were. What it answers of a size that is not `allowed` is not looked at.

    Raises: nothing on a bad output: NaN comes back as it is, and no size is chosen by it.
    """

    @property
    def trained(self) -> "Trained": ...
    @property
    def bar_s(self) -> int: ...
    @property
    def bars_needed(self) -> int: ...
    @property
    def bars_seen(self) -> int: ...
    def see(self, bar: Bar) -> None: ...
    def pick(self, sizes: Sizes) -> Picked: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a strategy trades from: the hash of what runs, the one that is pinned, and when it was made.

    `flat` is how it was made to be flat in time, as its card tells it: `cancel_before_s` and `flat_before_s` before
    the moment to be flat by [s], and where it is known that moment, `flat_by_new_york`. `validated` are the figures of
    the last evaluation out of sample on its card, by name.
    """

    sha256: str
    pinned_sha256: str
    ts_created_utc_ns: int
    flat: Mapping[str, float | str] = field(default_factory=dict)
    validated: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Modelled(Protocol):
    """A source of signals that trades from a checkpoint."""

    @property
    def model(self) -> Model: ...


@runtime_checkable
class KnownChains(Protocol):
    """Option chains as they are known: of an underlying the newest that was quoted by a moment, and nothing later.

    It answers at once. Whoever fetches chains does so beside the bars, and what was fetched is known from then on.
    """

    def known(self, underlying: str, ts_utc_ns: int) -> Chain | None: ...


@runtime_checkable
class ChainDriven(Protocol):
    """A broker whose matching of option structures is driven by the chains that we see: paper.

    A chain that it has seen is no news, whoever shows it again.
    """

    def trade_on(self, chain: Chain) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a source of signals may ask for when it is opened: give `open` a parameter `surroundings`.

    `policy` opens a checkpoint by its name or folder and the hash that is pinned, for a market; `event_policy` one for
    event contracts. `chains` is None where no option chains are configured.
    """

    mode: str
    hours: Hours
    policy: Callable[[str, str, Market], Policy]
    event_policy: Callable[[str, str, Market], EventPolicy]
    chains: KnownChains | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A verified checkpoint as its card tells it; `sha256` is the hash to pin.

    `paper_only` until it has qualified in an evaluation out of sample. `card` is all of the card, in JSON's own types.
    """

    sha256: str
    kind: str
    markets: Sequence[str]
    created: str
    ts_created_utc_ns: int
    steps: int
    paper_only: bool
    card: Mapping[str, Any]


@runtime_checkable
class Checkpoints(Protocol):
    """Trained policies or size pickers on disk; `shipped` is the folder of those that come with the distribution.

    `found` gives the checkpoints that lie in a folder, or the folder itself where it is one, unread.

    `open` makes of one what it is, for a market; `pinned_sha256` is the only hash that it may have.

    `join` writes an ensemble of checkpoints that lie beside it, and gives its hash.

    `appraise` writes a copy with evaluations added to its card, and gives the copy's hash.

    Raises: ConfigInvalid when the checkpoint, or an evaluation, is refused; the message says why. InputInvalid from
    `appraise` and `join` when `out` is there already.
    """

    @property
    def shipped(self) -> Path: ...
    def found(self, folder: Path) -> Sequence[Path]: ...
    def told(self, folder: Path) -> Trained: ...
    def open(self, folder: Path, *, market: Market, pinned_sha256: str) -> Policy | SizePicker | EventPolicy: ...
    def join(self, out: Path, members: Sequence[Path]) -> str: ...
    def appraise(self, folder: Path, out: Path, evaluations: Sequence[Mapping[str, Any]]) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBars:
    """Bars of one market (`gamma.feeds.series.Series`), and where they are from: a name and a SHA-256."""

    name: str
    sha256: str
    series: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMarket:
    """A market of a run, as it is configured; `sizers` is the chain that sizes its trades, as it does the daemon's.

    Bars are oldest first. Nothing is learned from those that are `held_out`. Bars that do not tell their spread have
    the one that the paper broker takes for them.
    """

    market: Market
    bars: Sequence[TrainingBars]
    held_out: Sequence[TrainingBars]
    sizers: Sequence[Any]
    half_spread_ticks: int = 0


class TrainingRun(Protocol):
    """What an order of any training run tells of it: one policy for each seed.

    `asked` is what the command was given: it is kept with the run, which it lets go on. `begin_from` is a checkpoint
    whose weights are gone on from. `noted` is what the registry is told beside that.
    """

    @property
    def run_id(self) -> str: ...
    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def steps(self) -> int: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    @property
    def checkpoint_updates(self) -> int: ...
    @property
    def config_sha256(self) -> str: ...
    @property
    def code_commit(self) -> str: ...
    @property
    def code_sha256(self) -> str: ...
    @property
    def begin_from(self) -> Path | None: ...
    @property
    def asked(self) -> Mapping[str, Any]: ...
    @property
    def noted(self) -> Mapping[str, Any]: ...
    @property
    def out(self) -> Path: ...
    @property
    def resume(self) -> bool: ...


Order_contra = TypeVar("Order_contra", bound=TrainingRun, contravariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """A training run: what is to be trained, on what, and where to; one policy for each seed.

    `asked` is what the command was given: it is kept with the run, which it lets go on. `begin_from` is a checkpoint
    whose weights are gone on from. The bonuses are what phase 2's curriculum adds to the reward of an entry, and of an
    action that manages, until it fades out. Without `floor_rule` the account cannot end.
    """

    run_id: str
    markets: Sequence[TrainingMarket]
    phase: int
    balance_usd: float
    floor_rule: FloorRule | None
    flat_by_new_york: str
    steps: int
    seeds: Sequence[int]
    window_bars: int
    hidden: Sequence[int]
    entry_bonus_usd: float
    manage_bonus_usd: float
    checkpoint_updates: int
    config_sha256: str
    code_commit: str
    code_sha256: str
    begin_from: Path | None
    asked: Mapping[str, Any]
    out: Path
    resume: bool = False

    @property
    def symbols(self) -> Sequence[str]:
        """The markets that are learned."""
        return [of.market.symbol for of in self.markets]

    @property
    def noted(self) -> Mapping[str, Any]:
        """What the registry is told of it, beside what it is told of any run."""
        return {
            "phase": self.phase,
            "window": self.window_bars,
            "bars": [bars.name for of in self.markets for bars in of.bars],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrainingOrder:
    """A training run for event contracts: one policy for each seed, which may trade `sizes_lots` and no others.

    It learns from so many `simulated` markets, which `simulated_seed` makes, and from `recordings`: folders of
    recorded order books. Nothing is learned from the last `held_out_frac` of either. `sizers` is the chain that sizes
    its buys, as it does the daemon's, and `chain` what it is: names and parameters. The account has `balance_usd` at
    each market's opening. The rest is as of `TrainingOrder`.
    """

    run_id: str
    market: Market
    sizers: Sequence[Any]
    chain: Sequence[str]
    sizes_lots: Sequence[int]
    balance_usd: float
    simulated: int
    simulated_seed: int
    recordings: Sequence[Path]
    held_out_frac: float
    steps: int
    seeds: Sequence[int]
    hidden: Sequence[int]
    checkpoint_updates: int
    config_sha256: str
    code_commit: str
    code_sha256: str
    begin_from: Path | None
    asked: Mapping[str, Any]
    out: Path
    resume: bool = False

    @property
    def symbols(self) -> Sequence[str]:
        """The market whose like is learned."""
        return [self.market.symbol]

    @property
    def noted(self) -> Mapping[str, Any]:
        """What the registry is told of it, beside what it is told of any run."""
        return {
            "sizes": list(self.sizes_lots),
            "simulated": [self.simulated, self.simulated_seed],
            "recordings": [folder.name for folder in self.recordings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTold:
    """How far the policy of a seed is after an update: decisions so far, of how many, and figures, units in names.

    `checkpoint` is what was written after it, if anything was.
    """

    seed: int
    steps: int
    steps_max: int
    figures: Mapping[str, float]
    checkpoint: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRival:
    """How a policy, or what it is held against, did on held-out sessions: figures by name, units in names.

    `pnl_usd_per_session` has its 95 % interval beside it, `low_` and `high_`; NaN where it has none.
    """

    name: str
    sessions: int
    figures: Mapping[str, float]


@runtime_checkable
class Trainer(Protocol[Order_contra]):
    """Trains policies of one kind; `out` becomes a folder with checkpoints, and the state to go on from.

    What `train` is called with is judged by then, and the folder is there: the run has begun, before its first update.
    Whoever stops listening (closes the iterator) stops the run, and its state is kept first. `compare` plays the
    held-out sessions with a checkpoint of the run, and with what it is held against. `picture` draws what was told of
    a run, or of one seed of it.

    Raises: InputInvalid where nothing can be trained of it, the run cannot go on with what it is given, or the
    weights are no numbers any more.
    """

    def train(self, order: Order_contra) -> Iterator[TrainingTold]: ...
    def compare(self, order: Order_contra, checkpoint: Path) -> Sequence[TrainingRival]: ...
    def picture(self, folder: Path) -> Path: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSetsOrder:
    """Sets of trades for size pickers, to be made in the folder `out`, which is not there yet.

    Simulated ones: so many whose best size in hindsight is `small`, `mid` and `big`; `balanced` of each of them are
    the balanced set, `remainder` of the others are for reinforcement; `natural` more are as they come. With `bars`
    (`gamma.feeds.series.Series`, hourly) trades are cut from those, as they come; `sources` says where they are from.
    `market` is a TOML of a fitted market; without one it is the maker's own. `terms` are the broker's where they are
    other than the maker's defaults; `symbol` is the market that is traded.
    """

    out: Path
    seed: int
    small: int
    mid: int
    big: int
    balanced: int
    remainder: int
    natural: int
    bars: Sequence[Any] = ()
    sources: Sequence[str] = ()
    market: Path | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
    symbol: str = "XAU_USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOrder:
    """A simulated market to be fitted to `bars` (`gamma.feeds.series.Series`, hourly) and written to `out`, a TOML.

    `sources` says where the bars are from. A `picture` of real beside simulated bars is drawn where one is named.
    """

    bars: Sequence[Any]
    sources: Sequence[str]
    out: Path
    picture: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow:
    """A measure of real bars beside that of simulated ones: its middle, and where nine of ten markets lie."""

    name: str
    real: float
    low: float
    simulated: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """How well a simulated market fits, measure by measure, and the numbers that it is drawn with."""

    rows: Sequence[FitRow]
    shape: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progressed:
    """What is being done, and how much of it is done; `of` is None where that is not known."""

    what: str
    done: int
    of: int | None = None


@runtime_checkable
class TradeSets(Protocol):
    """Makes sets of trades, each with what became of it at every size, and says what lies in a folder of them.

    Of bars, no trade is made of the first `warm_up_bars`. Whoever stops listening leaves no folder behind. `told`
    verifies the folder's hashes.

    Raises: InputInvalid where no such trades can be made, or a folder is not as it was made; ConfigInvalid where terms
        are none.
    """

    @property
    def warm_up_bars(self) -> int: ...
    def make(self, order: TradeSetsOrder) -> Iterator[Progressed]: ...
    def told(self, folder: Path) -> Mapping[str, Any]: ...


@runtime_checkable
class MarketFit(Protocol):
    """Fits a simulated market to real bars; what it tells last is how well it fits.

    Raises: InputInvalid where the bars are too few, or no hours.
    """

    def fit(self, order: FitOrder) -> Iterator[Progressed | Fitted]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PickerEvaluation:
    """Size pickers, by their folders, to be held against rules on sets of trades, by theirs.

    `sets` are simulated trades, `real` are cut from bars; rules are fitted to what is sorted of `sets`, and to `train`.
    `ruin_max` are the limits of risk; with an `edge_frac` every trade that lives is credited with it, of its notional.
    `seal` is the folder in which the best picker is sealed anew, with what was found on real trades in its card.
    `by` is what pickers choose by within a limit.
    """

    pickers: Sequence[Path]
    sets: Path | None
    real: Sequence[Path]
    train: Path | None
    ruin_max: Sequence[float]
    edge_frac: float = 0.0
    seal: Path | None = None
    by: By = "growth"


@dataclass(frozen=True, slots=True, kw_only=True)
class PickerCalibration:
    """A size picker's folder, the folders of trades that it was not trained on, and the folder to seal it in anew."""

    picker: Path
    trades: Sequence[Path]
    out: Path


@runtime_checkable
class PickerJudge(Protocol):
    """Holds size pickers against rules on trades that none of them has seen, and sets their probabilities right.

    `evaluate` gives the figures in JSON's own types, and the picture as a PNG.

    Raises: InputInvalid where trades do not serve; ConfigInvalid where a folder is no size picker.
    """

    def evaluate(self, order: PickerEvaluation) -> tuple[Mapping[str, Any], bytes]: ...
    def calibrate(self, order: PickerCalibration) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PickerTraining:
    """A size picker to be trained, in the folder `out`: a model by its name, on simulated trades and real ones.

    `real_frac` is the share that real trades have in what is learned, where there are both.
    """

    model: str
    sets: Path | None
    real: Sequence[Path]
    out: Path
    seed: int
    epochs: int
    real_frac: float
    code_commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickerEpoch:
    """What is told after an epoch; losses are weighted means a trade, `best` is the epoch whose weights are kept."""

    epoch: int
    epochs: int
    loss: float
    validation_loss: float
    best: int


@runtime_checkable
class PickerTrainer(Protocol):
    """Trains size pickers; `tell` hears of each epoch, and whether to go on: the best so far is kept in any case.

    Raises: InputInvalid where the folder is there, nothing can be trained, or the weights are no numbers at once.
    """

    def train(self, order: PickerTraining, tell: Callable[[PickerEpoch], bool]) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class SpeedFigure:
    """How fast something is [steps a second], and what stands beside it."""

    what: str
    steps_per_s: int
    beside: str = ""


@runtime_checkable
class Benchmark(Protocol):
    """Times what a plugin does; each figure is the median of so many rounds, of those whose names begin with `only`.

    `beside`: time what a user would pick instead, too, which may have to be installed first.

    Raises: InputInvalid when there are none.
    """

    def figures(self, rounds: int, only: str, *, beside: bool) -> Sequence[SpeedFigure]: ...


@runtime_checkable
class SignalStream(Protocol):
    """Signals that come from outside, at any time (the webhook)."""

    def signals(self) -> AsyncIterator[SignalMade]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one reconcile heard from the broker; an empty mapping is an answer, not a failure."""

    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    orders: Sequence[BrokerOrder] = ()
    open_orders: Sequence[BrokerOrder] = ()
    fills: Sequence[Fill] = ()
    positions: Mapping[str, int] = field(default_factory=dict)
    account: BrokerAccount | None = None
