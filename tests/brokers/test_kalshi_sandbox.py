"""Kalshi's sandbox in the eyes of clients that are not ours: PyPI's pykalshi, and the official kalshi_python_sync."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kalshi_python_sync.auth import KalshiAuth
from kalshi_python_sync.models.exchange_status import ExchangeStatus
from kalshi_python_sync.models.get_balance_response import GetBalanceResponse
from kalshi_python_sync.models.get_exchange_schedule_response import GetExchangeScheduleResponse
from kalshi_python_sync.models.get_user_data_timestamp_response import GetUserDataTimestampResponse
from pykalshi import KalshiClient
from pykalshi.enums import Action, CandlestickPeriod, OrderStatus, Side, TimeInForce
from pykalshi.exceptions import AuthenticationError, InsufficientFundsError, KalshiAPIError, ResourceNotFoundError

from brokers.kalshi.sandbox import PREFIX, KalshiSandbox
from brokers.kalshi.sandbox_events import SimulatedEvents
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import Gate, kept_key, pem_of
from brokers.kalshi.signing import signer_of
from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.server import Server
from brokers.sandbox.store import EntryStore
from gamma.clock import NS
from gamma.errors import ConfigInvalid
from tests.contract.kalshi import CAPITAL_USD, CLOSE_UTC_NS, START_UTC_NS, TICKER, HandEvents, key, params_of
from tests.contract.loopback import listening


class Exchange:
    """A sandbox whose time is set by hand, with a client of pykalshi's."""

    def __init__(self, folder: Path) -> None:
        self.now_utc_ns = START_UTC_NS
        self.events = HandEvents()
        self.gate = Gate(key().public_key(), skew_s=None)
        self.folder = folder
        self.sandbox = self.opened()

    def opened(self) -> KalshiSandbox:
        store = EntryStore(self.folder / "kalshi.db", "demo", ENTRIES, key_of)
        return KalshiSandbox(self.events, store, self.gate, capital_usd=CAPITAL_USD, lag_s=0, unlimited=True)

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

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Asked in this process, with our own signature."""
        headers = signer_of(params_of(self.gate), lambda: self.now_utc_ns).headers("GET", PREFIX + path)
        named = {name.lower(): value for name, value in headers.items()}
        request = Request(method="GET", path=PREFIX + path, params=params or {}, headers=named)
        return self.sandbox.handle(request, self.now_utc_ns)


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path)


def test_pykalshi_drives_a_whole_session(exchange: Exchange) -> None:
    with exchange.client() as client:
        portfolio, market = client.portfolio, client.get_market(TICKER)
        assert client.exchange.is_trading()
        assert portfolio.get_balance().balance == 100_000
        book = market.get_orderbook()
        assert (book.best_yes_bid, book.best_yes_ask, book.spread) == ("0.5400", "0.5600", "0.0200")

        resting = portfolio.place_order(TICKER, Action.BUY, Side.YES, "10", yes_price_dollars="0.50")
        assert (resting.status, resting.data.remaining_count_fp) == (OrderStatus.RESTING, "10.00")
        portfolio.amend_order(resting.order_id, price_dollars="0.52", count_fp="8")
        portfolio.decrease_order(resting.order_id, "3")
        [working] = portfolio.get_orders(status=OrderStatus.RESTING)
        assert (working.data.yes_price_dollars, working.data.remaining_count_fp) == ("0.5200", "5.00")
        portfolio.cancel_order(resting.order_id)
        assert portfolio.get_order(resting.order_id).status is OrderStatus.CANCELED
        with pytest.raises(ResourceNotFoundError):
            portfolio.cancel_order(resting.order_id)

        no = portfolio.place_order(TICKER, Action.BUY, Side.NO, "10", no_price_dollars="0.50")
        assert no.status is OrderStatus.EXECUTED
        [fill] = portfolio.get_fills()
        assert (fill.order_id, fill.is_ask, fill.yes_delta_fp) == (no.order_id, True, Decimal(-10))
        assert (fill.yes_price_dollars, fill.fee_cost_dollars, fill.is_taker) == ("0.5400", "0.1800", True)
        [held] = portfolio.get_positions()
        assert (held.position_fp, held.market_exposure_dollars) == ("-10.00", "4.6000")
        assert portfolio.get_balance().balance == 100_000 - 460 - 18

        exchange.events.ends = "no"
        exchange.now_utc_ns = CLOSE_UTC_NS + 3_600 * NS
        assert portfolio.get_positions() == []
        [end] = portfolio.get_settlements()
        assert (end.net_position, end.market_result, end.pnl_dollars) == ("-10.00", "no", Decimal("5.22"))
        assert portfolio.get_balance().balance == 100_000 - 460 - 18 + 1_000


def test_pykalshi_reads_markets_and_candles_of_the_simulated_indices(exchange: Exchange) -> None:
    store = EntryStore(None, "demo", ENTRIES, key_of)
    exchange.sandbox = KalshiSandbox(SimulatedEvents(1), store, exchange.gate, capital_usd=CAPITAL_USD, unlimited=True)
    with exchange.client() as client:
        markets = client.get_markets(series_ticker="KXINXU")
        assert len(markets) == 13
        middle = markets[6]
        bid, ask = middle.data.yes_bid_dollars, middle.data.yes_ask_dollars
        assert bid is not None
        assert ask is not None
        assert 0 < Decimal(bid) < Decimal(ask) < 1
        at_s = START_UTC_NS // NS
        told = middle.get_candlesticks(at_s - 1_800, at_s, CandlestickPeriod.ONE_MINUTE)
        assert len(told.candlesticks) == 31
        assert all(one.price.low_dollars <= one.price.close_dollars for one in told.candlesticks)  # type: ignore[operator]


def test_what_is_wrong_is_said_as_pykalshi_expects_it(exchange: Exchange) -> None:
    with exchange.client() as client:
        place = client.portfolio.place_order
        with pytest.raises(InsufficientFundsError):
            place(TICKER, Action.BUY, Side.YES, "2000", yes_price_dollars="0.53")
        with pytest.raises(ResourceNotFoundError):
            place("KXNONE-1", Action.BUY, Side.YES, "1", yes_price_dollars="0.53")
        place(TICKER, Action.BUY, Side.YES, "1", yes_price_dollars="0.50", client_order_id="mine")
        with pytest.raises(KalshiAPIError, match="order_already_exists"):
            place(TICKER, Action.BUY, Side.YES, "1", yes_price_dollars="0.50", client_order_id="mine")
        with pytest.raises(KalshiAPIError, match="FOK_INSUFFICIENT_VOLUME"):
            place(TICKER, Action.BUY, Side.YES, "500", yes_price_dollars="0.57", time_in_force=TimeInForce.FOK)
        with pytest.raises(KalshiAPIError, match="POST_ONLY_CROSS"):
            place(TICKER, Action.BUY, Side.YES, "1", yes_price_dollars="0.57", post_only=True)
        client.api_key_id = "of somebody else"
        with pytest.raises(AuthenticationError):
            client.portfolio.get_balance()


def test_a_zero_fill_ends_and_an_id_is_free_again(exchange: Exchange) -> None:
    with exchange.client() as client:
        place = client.portfolio.place_order
        for _ in range(2):
            order = place(
                TICKER,
                Action.BUY,
                Side.YES,
                "1",
                yes_price_dollars="0.50",
                client_order_id="mine",
                time_in_force=TimeInForce.IOC,
            )
            assert order.status is OrderStatus.CANCELED
        assert len(client.portfolio.get_orders()) == 2


def test_the_official_clients_signature_is_let_in_and_a_forged_one_is_not() -> None:
    gate, pem = Gate(key().public_key()), pem_of(key()).decode()
    path = f"{PREFIX}/portfolio/orders"
    made = KalshiAuth(gate.key_id, pem).create_auth_headers("get", f"http://127.0.0.1{path}?status=resting")
    theirs = {name.lower(): value for name, value in made.items()}
    now = time.time_ns()
    assert gate.refusal("GET", path, theirs, now) == ""
    assert gate.refusal("POST", path, theirs, now) != ""
    assert gate.refusal("GET", f"{path}?status=resting", theirs, now) != ""
    assert gate.refusal("GET", path, theirs, now + 3_600 * NS) != ""
    for header in theirs:
        assert gate.refusal("GET", path, theirs | {header: "x"}, now) != ""


def test_the_official_models_take_what_is_told(exchange: Exchange) -> None:
    told: dict[str, tuple[Any, str]] = {
        "/exchange/status": (ExchangeStatus, "trading_active"),
        "/exchange/schedule": (GetExchangeScheduleResponse, "schedule"),
        "/exchange/user_data_timestamp": (GetUserDataTimestampResponse, "as_of_time"),
        "/portfolio/balance": (GetBalanceResponse, "balance"),
    }
    for path, (model, field) in told.items():
        answer = exchange.get(path)
        assert answer.status == 200, path
        assert getattr(model.from_json(answer.body.decode()), field) is not None


def test_who_gives_no_signature_reads_markets_and_no_account(exchange: Exchange) -> None:
    for path, status in (("/markets", 200), ("/exchange/status", 200), ("/portfolio/balance", 401), ("/nothing", 401)):
        request = Request(method="GET", path=PREFIX + path)
        assert exchange.sandbox.handle(request, START_UTC_NS).status == status, path


def test_too_many_requests_are_refused(exchange: Exchange) -> None:
    store = EntryStore(None, "demo", ENTRIES, key_of)
    exchange.sandbox = KalshiSandbox(exchange.events, store, exchange.gate, capital_usd=CAPITAL_USD)
    statuses = [exchange.get("/portfolio/balance").status for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    exchange.now_utc_ns += NS
    assert exchange.get("/portfolio/balance").status == 200


def test_an_account_goes_on_where_it_was(exchange: Exchange) -> None:
    with exchange.client() as client:
        client.portfolio.place_order(TICKER, Action.BUY, Side.YES, "10", yes_price_dollars="0.60")
        client.portfolio.place_order(TICKER, Action.BUY, Side.YES, "5", yes_price_dollars="0.40")
    before = [exchange.get(f"/portfolio/{what}").body for what in ("orders", "fills", "positions", "balance")]
    exchange.sandbox = exchange.opened()
    assert before == [exchange.get(f"/portfolio/{what}").body for what in ("orders", "fills", "positions", "balance")]


def test_what_was_taken_is_gone_until_the_next_minute(exchange: Exchange) -> None:
    with exchange.client() as client:
        place = client.portfolio.place_order
        first = place(TICKER, Action.BUY, Side.YES, "100", yes_price_dollars="0.56", time_in_force=TimeInForce.IOC)
        again = place(TICKER, Action.BUY, Side.YES, "100", yes_price_dollars="0.56", time_in_force=TimeInForce.IOC)
        assert (first.status, again.status) == (OrderStatus.EXECUTED, OrderStatus.CANCELED)
        exchange.now_utc_ns += 60 * NS
        later = place(TICKER, Action.BUY, Side.YES, "100", yes_price_dollars="0.56", time_in_force=TimeInForce.IOC)
        assert later.status is OrderStatus.EXECUTED


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("no key")
    with pytest.raises(ConfigInvalid):
        kept_key(path)
    path.unlink()
    first = kept_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert pem_of(kept_key(path)) == pem_of(first)


def test_the_least_decided_questions_are_named_first() -> None:
    events = SimulatedEvents(1)
    named = events.doubtful(START_UTC_NS, 4)
    everything = [one.ticker for one in events.listed(START_UTC_NS)]

    def decided(ticker: str) -> int:
        yes, no = events.bids(ticker, START_UTC_NS)
        return abs(yes[0][0] - no[0][0]) if yes and no else 100

    assert len(named) == 4
    assert max(map(decided, named)) <= min(decided(t) for t in everything if t not in named)
