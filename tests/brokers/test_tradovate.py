"""Tradovate's adapter at its sandbox: fills, positions and money by hand, and what no other broker does."""

import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brokers.sandbox.answers import Answer
from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.params import HOSTS, TradovateParams
from brokers.tradovate.writing import DOUBTFUL, REFUSALS
from gamma.errors import ConfigInvalid, MarkerUnknown, Transient
from gamma.events import Intent, OrderState, OrderType
from gamma.markets import MICRO
from gamma.ports import Accepted, Inconclusive, Lost, Placed, Rejected
from tests.brokers.desk import approve, bracket, entry, leave
from tests.brokers.tradovate_spec import WORDS
from tests.contract.in_process import Instead
from tests.contract.rig import Trader
from tests.contract.tradovate import LIMIT, PARAMS, START_UTC_NS, TradovateRig

DAY_S = 86_400
TICK_MICROUSD = 500_000  # of MNQ
FEE_MICROUSD = 600_000


@pytest.fixture
def rig(tmp_path: Path) -> TradovateRig:
    return TradovateRig(tmp_path)


def place(rig: TradovateRig, intent: Intent, children: Sequence[Intent] = ()) -> Placed:
    placed = rig.run(rig.broker.place(approve(intent), intent, children))
    rig.settle()
    return placed


def quote(rig: TradovateRig, bid_ticks: int, ask_ticks: int) -> None:
    rig.prices.set("MNQ", bid_ticks, ask_ticks)
    rig.settle()


def states(rig: TradovateRig, *ids: str) -> list[str]:
    return [str(Trader(rig).order(each).state) for each in ids]


def answer_to(rig: TradovateRig, path: str, change: Callable[[Any], Any]) -> None:
    """From now on what is answered there is changed so."""
    handle = rig.sandbox.handle

    def changed(request: Any, now_utc_ns: int) -> Answer:
        answer = handle(request, now_utc_ns)
        if request.path != f"/v1{path}":
            return answer
        return Answer(status=200, body=json.dumps(change(json.loads(answer.body))).encode())

    rig.sandbox.handle = changed  # type: ignore[method-assign]


# Money and positions.


def test_a_round_trip_leaves_its_money_in_the_balance(rig: TradovateRig) -> None:
    assert isinstance(place(rig, entry("g-1-1", 1, 2)), Accepted)
    assert rig.run(rig.broker.positions()) == {"MNQ": 2}
    held = rig.run(rig.broker.account())
    # Bought at 80,000 and worth 79,999 (the last price, rounded down): a tick of 0.50 usd on 2 lots, and 1.20 usd.
    assert held.balance_microusd == 50_000 * MICRO - 2 * FEE_MICROUSD
    assert held.equity_microusd == held.balance_microusd - 2 * TICK_MICROUSD
    assert held.cash_microusd == held.equity_microusd - 2 * 3_300 * MICRO
    quote(rig, 80_099, 80_100)
    place(rig, leave("g-1-2", -1, 2))
    fills = rig.run(rig.broker.fills_since("")).fills
    assert [(f.side, f.lots, f.price_ticks, f.fee_microusd) for f in fills] == [
        (1, 2, 80_000, 1_200_000),
        (-1, 2, 80_099, 1_200_000),
    ]
    # 99 ticks of 0.50 usd on 2 lots, less 4 sides of 0.60 usd
    assert rig.run(rig.broker.account()).balance_microusd == 50_000 * MICRO + 99 * MICRO - 2_400_000
    assert rig.run(rig.broker.positions()) == {}


def test_a_fill_whose_fee_is_not_told_yet_has_the_markets_commission(rig: TradovateRig) -> None:
    place(rig, entry("g-1-1", 1, 2))
    answer_to(rig, "/fillFee/items", lambda _: [])
    [fill] = rig.run(rig.broker.fills_since("")).fills
    assert (fill.fee_microusd, fill.fee_estimated) == (2 * FEE_MICROUSD, True)


def test_another_accounts_orders_fills_and_positions_are_none_of_ours(rig: TradovateRig) -> None:
    place(rig, entry("g-1-1", 1, 1))
    place(rig, rig.resting("g-1-2", 1))
    for path in ("/order/list", "/position/list"):
        answer_to(rig, path, lambda rows: [row | {"accountId": 99} for row in rows])
    answer_to(rig, "/order/item", lambda row: row | {"accountId": 99})
    assert rig.run(rig.broker.open_orders()) == []
    assert rig.run(rig.broker.positions()) == {}
    assert rig.run(rig.broker.fills_since("")).fills == []


def test_a_fill_that_the_exchange_took_back_is_none(rig: TradovateRig) -> None:
    place(rig, entry("g-1-1", 1, 2))
    answer_to(rig, "/fill/list", lambda rows: [row | {"active": False} for row in rows])
    assert rig.run(rig.broker.fills_since("")).fills == []
    assert Trader(rig).order("g-1-1").filled_lots == 0


# Brackets.


def test_a_bracket_sleeps_until_its_entry_fills_and_one_end_cancels_the_other(rig: TradovateRig) -> None:
    intent = rig.resting("g-1-1", 2)
    placed = place(rig, intent, bracket(intent, LIMIT - 100, LIMIT + 2_000))
    assert isinstance(placed, Accepted)
    assert set(placed.broker_order_ids) == {"g-1-1", "g-1-1s", "g-1-1t"}
    assert Trader(rig).order("g-1-1s").broker_order_id == placed.broker_order_ids["g-1-1s"]
    assert states(rig, "g-1-1", "g-1-1s", "g-1-1t") == ["acked"] * 3
    rig.trade(2)
    assert states(rig, "g-1-1", "g-1-1s") == ["filled", "acked"]
    quote(rig, LIMIT + 2_000, LIMIT + 2_001)
    assert states(rig, "g-1-1", "g-1-1s", "g-1-1t") == ["filled", "canceled", "filled"]
    assert rig.run(rig.broker.positions()) == {}


def test_a_bracket_whose_commands_keep_no_ids_is_known_by_its_words(rig: TradovateRig) -> None:
    rig.sandbox.forgets_ids = True
    intent = entry("g-1-1", 1, 2)
    place(rig, intent, bracket(intent, 79_600, 80_400))
    quote(rig, 80_400, 80_401)
    rig.restart()
    assert states(rig, "g-1-1", "g-1-1s", "g-1-1t") == ["filled", "canceled", "filled"]
    rig.restart()
    fills = rig.run(rig.broker.fills_since("")).fills
    assert [fill.client_order_id for fill in fills] == ["g-1-1", "g-1-1t"]
    rig.restart()
    for path in ("/order/list", "/orderVersion/list", "/command/list"):
        answer_to(rig, path, lambda _: [])
    assert [fill.client_order_id for fill in rig.run(rig.broker.fills_since("")).fills] == ["g-1-1", "g-1-1t"]


def test_of_a_partial_fill_no_more_is_closed_than_was_opened(rig: TradovateRig) -> None:
    intent = rig.resting("g-1-1", 3)
    place(rig, intent, bracket(intent, LIMIT - 100, LIMIT + 200))
    rig.prices.set("MNQ", LIMIT - 1, LIMIT)
    rig.sandbox.floor.depth_lots = 1
    rig.network.wait(0)
    rig.sandbox.floor.depth_lots = None
    rig.prices.set("MNQ", LIMIT + 200, LIMIT + 201)
    rig.network.wait(1)
    assert rig.run(rig.broker.positions()) == {}
    assert sum(f.side * f.lots for f in rig.run(rig.broker.fills_since("")).fills) == 0


def test_a_cancelled_entry_takes_its_bracket_along(rig: TradovateRig) -> None:
    intent = rig.resting("g-1-1", 2)
    place(rig, intent, bracket(intent, LIMIT - 100, LIMIT + 200))
    assert isinstance(Trader(rig).cancel("g-1-1"), Accepted)
    assert states(rig, "g-1-1", "g-1-1s", "g-1-1t") == ["canceled"] * 3


def test_a_stop_moves_and_stays_part_of_its_bracket(rig: TradovateRig) -> None:
    intent = entry("g-1-1", 1, 2)
    place(rig, intent, bracket(intent, 79_600, 80_400))
    assert isinstance(rig.run(rig.broker.replace("g-1-1s", 79_900)), Accepted)
    assert Trader(rig).order("g-1-1s").price_ticks == 79_900
    quote(rig, 79_900, 79_901)
    assert states(rig, "g-1-1s", "g-1-1t") == ["filled", "canceled"]
    assert isinstance(rig.run(rig.broker.replace("g-1-1s", 79_950)), Rejected)
    assert isinstance(rig.run(rig.broker.replace("g-9-9", 79_950)), Rejected)


@pytest.mark.parametrize("kind", [{}, "Market", "TrailingStop", None])
def test_an_order_of_another_kind_is_not_moved(rig: TradovateRig, kind: Any) -> None:
    place(rig, rig.resting("g-1-1", 1))
    answer_to(rig, "/orderVersion/deps", lambda rows: [row | {"orderType": kind} for row in rows])
    moved = rig.run(rig.broker.replace("g-1-1", LIMIT - 1))
    assert isinstance(moved, Rejected)
    assert moved.code == "not_sent"


def test_stop_and_target_outlive_the_day_and_the_entry_does_not(rig: TradovateRig) -> None:
    held, waits = entry("g-1-1", 1, 1), rig.resting("g-1-2", 1)
    place(rig, held, bracket(held, 79_600, 80_400))
    place(rig, waits, bracket(waits, LIMIT - 100))
    rig.network.wait(8 * 3600)
    assert states(rig, "g-1-1s", "g-1-1t", "g-1-2", "g-1-2s") == ["acked", "acked", "expired", "canceled"]


# Which contract.


def test_an_order_goes_to_the_month_in_front_and_no_other(rig: TradovateRig) -> None:
    place(rig, rig.resting("g-1-1", 1))
    rig.network.now_utc_ns = START_UTC_NS + 24 * DAY_S * 10**9  # Monday 2026-12-14: the roll
    assert place(rig, rig.resting("g-1-2", 1)) == Rejected(
        code="not_sent", text="Tradovate was not asked about MNQH7 yet"
    )
    rig.run(rig.broker.positions())
    place(rig, rig.resting("g-1-2", 1))
    asked = [json.loads(r.body)["symbol"] for r in rig.network.requests if r.path == "/v1/order/placeorder"]
    assert asked == ["MNQZ6", "MNQH7"]


def test_an_entry_waits_for_no_read_between_the_decision_and_its_request(rig: TradovateRig) -> None:
    asked = len(rig.network.requests)
    place(rig, rig.resting("g-1-1", 1))
    rig.network.wait(3_700)  # the token is due to be renewed
    place(rig, rig.resting("g-1-2", 1))
    assert [request.path for request in rig.network.requests[asked:]] == ["/v1/order/placeorder"] * 2


def test_after_a_roll_an_exit_goes_to_the_month_that_is_held(rig: TradovateRig) -> None:
    place(rig, entry("g-1-1", 1, 2))
    rig.prices.close_utc_ns = 2**62
    rig.network.now_utc_ns = START_UTC_NS + 24 * DAY_S * 10**9
    rig.settle()
    assert rig.run(rig.broker.positions()) == {"MNQ": 2}
    place(rig, leave("g-1-2", -1, 2))
    assert rig.run(rig.broker.positions()) == {}
    asked = [json.loads(r.body)["symbol"] for r in rig.network.requests if r.path == "/v1/order/placeorder"]
    assert asked == ["MNQZ6", "MNQZ6"]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/contract/find", lambda row: row | {"name": "MNQH7"}),
        ("/contract/find", lambda _: None),
        ("/product/find", lambda row: row | {"tickSize": 0.5}),
        ("/product/find", lambda row: row | {"valuePerPoint": 20.0}),
    ],
)
def test_a_contract_that_is_not_the_one_we_mean_is_not_traded(
    rig: TradovateRig, path: str, change: Callable[[Any], Any]
) -> None:
    answer_to(rig, path, change)
    rig.restart()
    for intent in (rig.resting("g-1-1", 1), leave("g-1-2", -1, 1)):
        placed = place(rig, intent)
        assert isinstance(placed, Rejected)
        assert (placed.code, rig.sent()) == ("not_sent", 0)


# What an answer says.


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"orderQty must be a positive integer", Rejected),
        (400, b'{"errorText":"bad"}', Rejected),
        (401, b"Expired Access Token", Rejected),
        (200, b'{"failureReason":"UnknownReason","failureText":"Access is denied"}', Rejected),
        (200, b'{"p-ticket":"t","p-time":15,"p-captcha":false}', Rejected),
        (423, b"", Rejected),
        (401, b"", Rejected),
        (401, b"<html></html>", Lost),
        (403, b"", Lost),
        (400, b"<html>Bad Request</html>", Lost),
        (200, b'{"failureReason":"UnknownReason","failureText":"Something"}', Lost),
        (200, b'{"failureReason":"InvalidPrice","orderId":7}', Lost),
        (200, b'{"failureReason":"Teleported"}', Lost),
        (200, b'{"failureReason":7}', Lost),
        (200, b'{"failureReason":"Success"}', Lost),
        (200, b'{"errorText":"internal"}', Lost),
        (200, b'{"orderId":"7"}', Lost),
        (200, b'{"orderId":7.0}', Lost),
        (200, b'{"orderId":0}', Lost),
        (200, b'{"orderId":true}', Lost),
        (201, b'{"orderId":7}', Lost),
        (404, b"Not Found", Lost),
    ],
)
def test_only_a_plain_receipt_or_refusal_is_one(
    rig: TradovateRig, status: int, body: bytes, kind: type[Placed]
) -> None:
    rig.answer(status, body, carried_out=False)
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), kind)


def test_success_as_a_reason_of_failure_is_none(rig: TradovateRig) -> None:
    rig.answer(200, b'{"failureReason":"Success","orderId":7}', carried_out=False)
    assert place(rig, rig.resting("g-1-1", 1)) == Accepted(broker_order_ids={"g-1-1": "7"})


def test_two_orders_under_one_number_are_none(rig: TradovateRig) -> None:
    intent = rig.resting("g-1-1", 1)
    rig.answer(200, b'{"orderId":7,"oso1Id":7}', carried_out=False)
    assert isinstance(place(rig, intent, bracket(intent, LIMIT - 100)), Lost)


def test_every_reason_that_tradovate_names_is_judged() -> None:
    assert WORDS["Reason"] == REFUSALS | DOUBTFUL | {"Success"}


@pytest.mark.parametrize("reason", sorted(DOUBTFUL))
def test_a_reason_that_leaves_the_outcome_open_leaves_the_order_unknown(rig: TradovateRig, reason: str) -> None:
    rig.answer(200, b'{"failureReason":"%s"}' % reason.encode(), carried_out=False)
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Lost)


def test_an_order_that_is_refused_after_its_receipt_is_told_as_rejected(rig: TradovateRig) -> None:
    rig.sandbox.floor.refuse_next.append("RiskCheck")
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Accepted)
    assert states(rig, "g-1-1") == ["rejected"]


def test_what_an_account_cannot_carry_is_refused(rig: TradovateRig) -> None:
    place(rig, entry("g-1-1", 1, 16))  # 16 lots need 52,800 usd of 50,000
    assert states(rig, "g-1-1") == ["rejected"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"market": "SPX"}, "unknown_market"),
        ({"market": "NQ"}, "unknown_market"),
        ({"client_order_id": "g 1"}, "bad_client_id"),
        ({"client_order_id": "g" * 65}, "bad_client_id"),
        ({"price_ticks": 0}, "bad_price"),
        ({"order_type": OrderType.NONE}, "not_supported"),
    ],
)
def test_an_order_that_cannot_be_is_refused_unsent(rig: TradovateRig, changes: dict[str, Any], code: str) -> None:
    placed = place(rig, replace(rig.resting("g-1-1", 1), **changes))
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == (code, 0)


def test_a_bracket_that_tradovate_cannot_hold_is_refused_unsent(rig: TradovateRig) -> None:
    intent = rig.resting("g-1-1", 2)
    [stop, target] = bracket(intent, LIMIT - 100, LIMIT + 100)
    for odd in ([target, stop], [stop, stop], [replace(stop, lots=1)], [replace(stop, side=1)]):
        placed = place(rig, intent, odd)
        assert isinstance(placed, Rejected)
        assert (placed.code, rig.sent()) == ("bad_bracket", 0)


# Lists that are apart.


@pytest.mark.parametrize("path", ["/order/list", "/orderVersion/list", "/command/list", "/fill/list"])
@pytest.mark.parametrize("told", [{}, None, [7], "[]", {"errorText": "no"}])
def test_a_list_that_is_none_says_nothing(rig: TradovateRig, path: str, told: Any) -> None:
    place(rig, rig.resting("g-1-1", 1))
    answer_to(rig, path, lambda _: told)
    assert isinstance(rig.run(rig.broker.find("g-1-9")), Inconclusive)


def test_an_order_whose_command_does_not_show_yet_may_be_the_one_that_is_looked_for(rig: TradovateRig) -> None:
    rig.answer(200, b"{}", carried_out=True)
    place(rig, rig.resting("g-1-1", 1))
    for path in ("/command/list", "/command/deps"):
        answer_to(rig, path, lambda _: [])
    assert isinstance(rig.run(rig.broker.find("g-1-1")), Inconclusive)


def test_an_order_that_is_on_no_list_any_more_is_read_by_its_number(rig: TradovateRig) -> None:
    placed = place(rig, rig.resting("g-1-1", 2))
    assert isinstance(placed, Accepted)
    rig.trade(1)
    for path in ("/order/list", "/orderVersion/list", "/command/list", "/fill/list"):
        answer_to(rig, path, lambda _: [])
    rig.restart()
    [told] = rig.run(rig.broker.orders(placed.broker_order_ids))
    assert (told.state, told.filled_lots) == (OrderState.PARTIAL, 1)
    [fill] = rig.run(rig.broker.fills_since("")).fills
    assert (fill.client_order_id, fill.lots) == ("g-1-1", 1)


def test_a_spread_that_somebody_else_works_hides_no_order_of_ours(rig: TradovateRig) -> None:
    place(rig, rig.resting("g-1-1", 1))
    place(rig, rig.resting("g-1-2", 1))
    answer_to(rig, "/order/list", lambda rows: [{k: v for k, v in rows[0].items() if k != "contractId"}, *rows[1:]])
    told = rig.run(rig.broker.open_orders())
    assert [(order.client_order_id, order.market) for order in told] == [("g-1-1", "spread"), ("g-1-2", "MNQ")]


def test_a_word_that_runs_ahead_of_the_fills_does_not_fill_an_order(rig: TradovateRig) -> None:
    place(rig, rig.resting("g-1-1", 2))
    rig.show_word("g-1-1", "Filled")
    assert states(rig, "g-1-1") == ["acked"]
    rig.show_word("g-1-1", "Unknown")
    assert isinstance(rig.run(rig.broker.find("g-1-1")), Inconclusive)


def test_a_broker_that_began_anew_does_not_know_the_marker(rig: TradovateRig, tmp_path: Path) -> None:
    place(rig, entry("g-1-1", 1, 1))
    marker = Trader(rig).marker()
    (tmp_path / "new").mkdir()
    fresh = TradovateRig(tmp_path / "new")
    with pytest.raises(MarkerUnknown):
        fresh.run(fresh.broker.fills_since(marker))


# Limits and tokens.


def test_a_penalty_ticket_stops_entries_and_reads_and_lets_exits_out(rig: TradovateRig) -> None:
    place(rig, entry("g-1-1", 1, 1))
    rig.answer(200, b'{"p-ticket":"t","p-time":15,"p-captcha":false}', carried_out=False)
    place(rig, rig.resting("g-1-2", 1))
    sent = rig.sent()
    refused = place(rig, rig.resting("g-1-3", 1))
    assert isinstance(refused, Rejected)
    assert (refused.code, rig.sent()) == ("rate_limited", sent)
    with pytest.raises(Transient, match="lets this address wait"):
        rig.run(rig.broker.positions())
    assert isinstance(place(rig, leave("g-1-4", -1, 1)), Accepted)
    rig.network.wait(15)
    assert rig.run(rig.broker.positions()) == {}


@pytest.mark.parametrize(
    ("status", "body", "wait_s"),
    [
        (423, b"", 600),
        (200, b'{"p-ticket":"t","p-time":15,"p-captcha":true}', 3_600),
        (200, b'{"p-ticket":"t","p-time":"soon"}', 60),
    ],
)
def test_a_warning_is_heeded_for_as_long_as_it_takes(
    rig: TradovateRig, status: int, body: bytes, wait_s: float
) -> None:
    rig.answer_reads(status, body)
    for passed in (0, wait_s - 1):
        rig.network.wait(passed)
        with pytest.raises(Transient):
            rig.run(rig.broker.positions())
    rig.network.wait(1)
    assert rig.run(rig.broker.positions()) == {}


def test_limits_that_are_met_again_and_again_mean_ever_longer_pauses(rig: TradovateRig) -> None:
    for wait_s in (0, 60, 300, 3_600):
        rig.answer_reads(429, b"")
        with pytest.raises(Transient, match="429"):
            rig.run(rig.broker.positions())
        asked = len(rig.network.requests)
        if wait_s:
            rig.network.wait(wait_s - 1)
            with pytest.raises(Transient, match="429"):
                rig.run(rig.broker.positions())
        assert len(rig.network.requests) == asked
        rig.network.wait(1)
    assert rig.run(rig.broker.positions()) == {}


def test_an_hours_requests_are_counted_here_and_the_last_of_them_kept_for_orders(
    rig: TradovateRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brokers.tradovate.requests.PER_HOUR", 600)

    async def until_refused() -> None:
        while True:
            await rig.broker.positions()

    with pytest.raises(Transient, match="100 requests went out in an hour"):
        rig.run(until_refused())
    assert len(rig.network.requests) == 101  # and the login
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Accepted)
    rig.network.wait(3_601)
    assert rig.run(rig.broker.positions()) == {}


def test_a_login_that_is_refused_is_not_tried_again_at_once(rig: TradovateRig) -> None:
    params = TradovateParams.model_validate(PARAMS | {"password": "wrong"})
    broker = TradovateBroker(params, {}, rig.network, now_utc_ns=lambda: rig.network.now_utc_ns)
    before = len(rig.network.requests)
    with pytest.raises(ConfigInvalid, match="Incorrect username or password"):
        rig.run(broker.connect())
    with pytest.raises(Transient, match="failed moments ago"):
        rig.run(broker.connect())
    assert len(rig.network.requests) == before + 1
    rig.network.wait(60)
    with pytest.raises(ConfigInvalid):
        rig.run(broker.connect())


def test_a_ticket_at_the_login_comes_back_with_the_next_one(rig: TradovateRig) -> None:
    rig.token_path.unlink()
    rig.network.writes.append(Instead(Answer(status=200, body=b'{"p-ticket":"t","p-time":15}'), carried_out=False))
    broker = TradovateBroker(
        TradovateParams.model_validate(PARAMS), {}, rig.network, now_utc_ns=lambda: rig.network.now_utc_ns
    )
    with pytest.raises(Transient, match="for 15 s"):
        rig.run(broker.connect())
    rig.network.wait(15)
    rig.run(broker.connect())
    logins = [r for r in rig.network.requests if r.path.endswith("accesstokenrequest")]
    assert json.loads(logins[-1].body)["p-ticket"] == "t"


def test_a_token_that_is_refused_to_an_order_is_not_used_again(rig: TradovateRig) -> None:
    place(rig, rig.resting("g-1-0", 1))
    rig.sandbox.sessions.ends_utc_ns.clear()
    rig.network.wait(61)
    placed = place(rig, rig.resting("g-1-1", 1))
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.there("g-1-1"), rig.sent()) == ("http_401", 0, 2)
    assert isinstance(place(rig, rig.resting("g-1-2", 1)), Rejected)
    assert rig.sent() == 2
    rig.run(rig.broker.positions())
    assert isinstance(place(rig, rig.resting("g-1-3", 1)), Accepted)
    assert rig.sandbox.sessions.logins == 2


def test_the_token_is_for_this_user_alone(rig: TradovateRig) -> None:
    assert stat.S_IMODE(rig.token_path.stat().st_mode) == 0o600
    kept = json.loads(rig.token_path.read_text())
    rig.token_path.write_text(json.dumps(kept | {"owner": "https://live.tradovateapi.com/v1 sandbox"}))
    rig.restart()
    assert rig.sandbox.sessions.logins == 2


@pytest.mark.parametrize("environment", ["paper", "live"])
def test_each_environment_has_its_own_host(environment: Any) -> None:
    account = {"paper": "DEMO1234567", "live": "1234567"}[environment]
    params = TradovateParams.model_validate(PARAMS | {"url": "", "environment": environment, "account_id": account})
    assert params.base_url == HOSTS[environment]
    assert params.real == (environment == "live")
    assert params.events_url.startswith(f"wss://{'demo' if environment == 'paper' else 'live'}.tradovateapi.com/")
