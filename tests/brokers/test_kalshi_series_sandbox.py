"""The series at Kalshi's sandbox: by hand, and in the eyes of PyPI's pykalshi and the official kalshi_python_sync."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest
from kalshi_python_sync.models.get_series_response import GetSeriesResponse
from pykalshi import KalshiClient
from pykalshi.enums import Action, CandlestickPeriod, MarketStatus, OrderStatus, Side, TimeInForce
from pykalshi.exceptions import KalshiAPIError, ResourceNotFoundError

from brokers.kalshi.sandbox import PREFIX, KalshiSandbox
from brokers.kalshi.sandbox_events import SimulatedEvents
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import Gate, pem_of
from brokers.kalshi.sandbox_series import SERIES, ManyEvents, SeriesEvents
from brokers.kalshi.signing import signer_of
from brokers.sandbox.answers import Request
from brokers.sandbox.server import Server
from brokers.sandbox.store import EntryStore
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.feeds.events import BITCOIN_15M, EventSimFeed, simulate
from gamma.feeds.events.series import QuestionSeries
from tests.contract.kalshi import key, params_of
from tests.contract.loopback import listening

START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 15:00 UTC
FIRST, SECOND = "KXBTC15M-26NOV201515-15", "KXBTC15M-26NOV201530-30"


class Exchange:
    """A sandbox whose time is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now_utc_ns = START_UTC_NS + 60 * NS
        self.folder = folder
        self.gate = Gate(key().public_key(), skew_s=None)
        self.sandbox = self.opened()

    def opened(self) -> KalshiSandbox:
        events = ManyEvents(SeriesEvents(1), SimulatedEvents(1))
        store = EntryStore(self.folder / "kalshi.db", "demo", ENTRIES, key_of)
        return KalshiSandbox(events, store, self.gate, capital_usd=Decimal(1_000), lag_s=0, unlimited=True)

    @contextmanager
    def client(self) -> Iterator[KalshiClient]:
        path = self.folder / "key.pem"
        path.write_bytes(pem_of(key()))
        server = Server(sandbox=self.sandbox, now_utc_ns=lambda: self.now_utc_ns)
        with (
            listening(server) as (url, _),
            KalshiClient(self.gate.key_id, str(path), api_base=f"{url}{PREFIX}", max_retries=0) as client,
        ):
            yield client

    def get(self, path: str) -> bytes:
        headers = signer_of(params_of(self.gate), lambda: self.now_utc_ns).headers("GET", PREFIX + path)
        named = {name.lower(): value for name, value in headers.items()}
        return self.sandbox.handle(Request(method="GET", path=PREFIX + path, headers=named), self.now_utc_ns).body


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path)


def test_pykalshi_trades_one_question_after_another(exchange: Exchange) -> None:
    with exchange.client() as client:
        assert client.get_series(SERIES).ticker == SERIES
        with pytest.raises(ResourceNotFoundError):
            client.get_series("KXNONE15M")
        [first] = client.get_markets(series_ticker=SERIES, status=MarketStatus.OPEN)
        assert (first.ticker, first.data.status) == (FIRST, MarketStatus.ACTIVE)
        book = first.get_orderbook()
        assert (book.best_yes_bid, book.best_yes_ask) == (first.data.yes_bid_dollars, first.data.yes_ask_dollars)
        price = str(book.best_yes_ask)
        bought = client.portfolio.place_order(
            FIRST, Action.BUY, Side.YES, "3", yes_price_dollars=price, time_in_force=TimeInForce.IOC
        )
        resting = client.portfolio.place_order(FIRST, Action.BUY, Side.YES, "2", yes_price_dollars="0.01")
        assert (bought.status, resting.status) == (OrderStatus.EXECUTED, OrderStatus.RESTING)

        exchange.now_utc_ns = START_UTC_NS + 901 * NS
        with pytest.raises(KalshiAPIError, match="MARKET_INACTIVE"):
            client.portfolio.cancel_order(resting.order_id)
        assert client.portfolio.get_order(resting.order_id).status is OrderStatus.RESTING
        exchange.now_utc_ns = START_UTC_NS + 905 * NS
        [second] = client.get_markets(series_ticker=SERIES, status=MarketStatus.OPEN)
        assert second.ticker == SECOND
        assert client.get_market(FIRST).data.status is MarketStatus.CLOSED
        assert client.portfolio.get_order(resting.order_id).status is OrderStatus.CANCELED
        with pytest.raises(KalshiAPIError, match="MARKET_INACTIVE"):
            client.portfolio.place_order(FIRST, Action.BUY, Side.YES, "1", yes_price_dollars="0.50")
        assert [held.ticker for held in client.portfolio.get_positions()] == [FIRST]

        exchange.now_utc_ns = START_UTC_NS + 915 * NS
        decided = client.get_market(FIRST).data
        assert decided.status is MarketStatus.DETERMINED
        assert client.portfolio.get_settlements() == []

        exchange.now_utc_ns = START_UTC_NS + 935 * NS
        assert client.get_market(FIRST).data.status is MarketStatus.FINALIZED
        [end] = client.portfolio.get_settlements()
        assert (end.ticker, end.market_result, end.net_position) == (FIRST, decided.result, "3.00")
        assert client.portfolio.get_positions() == []
        assert len(client.portfolio.get_fills()) >= 1


def test_a_series_is_listed_by_its_states_and_page_by_page(exchange: Exchange) -> None:
    exchange.now_utc_ns = START_UTC_NS + 905 * NS
    with exchange.client() as client:
        by_status = {
            status: [one.ticker for one in client.get_markets(series_ticker=SERIES, status=status)]
            for status in (MarketStatus.UNOPENED, MarketStatus.OPEN, MarketStatus.CLOSED, MarketStatus.SETTLED)
        }
        assert by_status[MarketStatus.OPEN] == [SECOND]
        assert by_status[MarketStatus.UNOPENED] == ["KXBTC15M-26NOV201545-45"]
        assert by_status[MarketStatus.CLOSED] == [FIRST]
        assert len(by_status[MarketStatus.SETTLED]) == 3
        every = client.get_markets(series_ticker=SERIES, limit=2, fetch_all=True)
        assert sorted(one.ticker for one in every) == sorted(chain(*by_status.values()))
        with pytest.raises(KalshiAPIError, match="status"):
            client.get_markets(series_ticker=SERIES, status=MarketStatus.ACTIVE)


def test_candles_tell_what_traded_and_the_market_how_much_in_all(exchange: Exchange) -> None:
    exchange.now_utc_ns = START_UTC_NS + 300 * NS
    with exchange.client() as client:
        market, at_s = client.get_market(FIRST), exchange.now_utc_ns // NS
        told = market.get_candlesticks(at_s - 299, at_s, CandlestickPeriod.ONE_MINUTE).candlesticks
        volumes = [Decimal(str(one.volume_fp)) for one in told]
        assert len(volumes) == 5
        # A minute's last look is a nanosecond before its end, and what trades between two minutes is in neither.
        assert 0 < sum(volumes) <= Decimal(str(market.data.volume_fp))
        assert all(one.price.low_dollars <= one.price.close_dollars <= one.price.high_dollars for one in told)  # type: ignore[operator]


def test_the_official_model_takes_what_is_told_of_a_series(exchange: Exchange) -> None:
    told = GetSeriesResponse.from_json(exchange.get(f"/series/{SERIES}").decode())
    assert told is not None
    assert told.series.ticker == SERIES


def test_an_account_goes_on_after_a_restart_and_questions_that_ended_meanwhile_are_settled(exchange: Exchange) -> None:
    with exchange.client() as client:
        price = client.get_market(FIRST).data.yes_ask_dollars
        client.portfolio.place_order(FIRST, Action.BUY, Side.YES, "3", yes_price_dollars=str(price))
    before = exchange.get("/portfolio/fills")
    exchange.now_utc_ns = START_UTC_NS + 3_600 * NS
    exchange.sandbox = exchange.opened()
    assert exchange.get("/portfolio/fills") == before
    again = exchange.get("/portfolio/settlements")
    assert again.count(b'"ticker"') == 1
    exchange.sandbox = exchange.opened()
    assert exchange.get("/portfolio/settlements") == again


def test_questions_are_named_by_when_they_close(exchange: Exchange) -> None:
    events = SeriesEvents(1)
    for listed in events.listed(exchange.now_utc_ns):
        assert events.find(listed.ticker) == listed
    for name in (
        "KXBTC15M-26NOV201516-16",
        "KXBTC15M-26NOV201515-30",
        "KXBTC15M-26NOV311515-15",
        "KXBTC-26NOV201515-15",
    ):
        assert events.find(name) is None
    [minute] = [one for one in SeriesEvents(1, 60).listed(START_UTC_NS) if one.status(START_UTC_NS) == "active"]
    assert (minute.ticker, minute.close_utc_ns) == ("KXBTC15M-26NOV201501-01", START_UTC_NS + 60 * NS)
    with pytest.raises(InputInvalid, match="multiple of 60"):
        SeriesEvents(1, 90)


def test_books_are_those_of_the_event_simulator() -> None:
    series = QuestionSeries(7, SERIES)
    number = series.number(START_UTC_NS)
    assert series.opens_utc_ns(number) == START_UTC_NS
    batch, row = divmod(number, 16)
    tape = simulate(BITCOIN_15M, np.random.default_rng([7, 0x88B8E381, batch]), 16)
    book = series.book(START_UTC_NS + 302 * NS)  # the 61st look
    assert (book.yes_bid_cents, book.no_bid_cents) == (tape.yes_bid[row, 60], tape.no_bid[row, 60])
    assert [level.lots for level in book.yes_bids] == [int(n) for n in tape.yes_lots[row, 60] if n]
    assert book.traded_lots == book.volume_10min_lots == tape.volume[row, 60]
    assert series.payout_cents(number) == tape.payout[row]
    assert series.book(START_UTC_NS + 302 * NS) == QuestionSeries(7, SERIES).book(START_UTC_NS + 302 * NS)
    assert series.book(START_UTC_NS) != QuestionSeries(8, SERIES).book(START_UTC_NS)
    last = series.book(START_UTC_NS + 900 * NS - 1)
    assert last.ts_close_utc_ns == START_UTC_NS + 900 * NS
    assert last.volume_10min_lots < last.traded_lots


def test_the_sandbox_shows_the_books_that_the_simulated_feed_shows_by_the_same_seed() -> None:
    feed, events = EventSimFeed(markets=(SERIES,), seed=3), SeriesEvents(3)
    for bar in islice(feed.bars(START_UTC_NS + 600 * NS), 80):  # over the end of a question
        book = bar.book
        assert book is not None
        ticker = FIRST if bar.ts_close_utc_ns < START_UTC_NS + 900 * NS else SECOND
        yes, no = events.bids(ticker, bar.ts_close_utc_ns)
        assert [(level.price_ticks, level.lots) for level in book.yes_bids] == yes
        assert [(level.price_ticks, level.lots) for level in book.no_bids] == no
        assert events.traded(ticker, bar.ts_close_utc_ns) == book.traded_lots
        if bar.ts_close_utc_ns == START_UTC_NS + 900 * NS:
            assert events.result(FIRST) == ("yes" if book.ended_cents else "no")
