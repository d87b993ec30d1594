"""What is sent, and what is made of what comes back; of brokers that are spoken to over HTTP."""

import pytest

from gamma.errors import ConfigInvalid, Transient
from gamma.ports import Inconclusive, Lost, Rejected
from tests.contract.points import Point
from tests.contract.rig import TokenRig, Trader, WireRig

HTML = b"<html><body>502 Bad Gateway</body></html>"


@pytest.mark.point(Point.BODIES)
def test_requests_are_those_of_an_independent_client(wired: WireRig) -> None:
    pairs = wired.bodies()
    assert pairs
    for ours, theirs in pairs:
        assert ours == theirs


@pytest.mark.point(Point.HEADERS)
def test_headers_are_what_they_must_be(wired: WireRig) -> None:
    sent, wanted = wired.headers()
    assert wanted
    assert {name: sent.get(name) for name in wanted} == wanted


@pytest.mark.point(Point.ANSWERS)
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"{"),
        (200, b"{}"),
        (200, HTML),
        (200, b"[]"),
        (404, HTML),
        (408, b"{}"),
        (500, b""),
        (502, HTML),
    ],
)
def test_an_answer_that_says_nothing_plainly_leaves_the_order_unknown(
    wired: WireRig, trader: Trader, status: int, body: bytes, carried_out: bool
) -> None:
    wired.answer(status, body, carried_out=carried_out)
    assert isinstance(trader.place("g-1-1"), Lost)
    wired.settle()
    assert wired.there("g-1-1") == carried_out
    assert wired.sent() == 1


@pytest.mark.point(Point.ANSWERS)
@pytest.mark.parametrize(("status", "body"), [(200, b"{"), (200, HTML), (404, b"{}"), (503, b"")])
def test_a_list_that_cannot_be_read_says_nothing(wired: WireRig, trader: Trader, status: int, body: bytes) -> None:
    trader.accept("g-1-1")
    wired.answer_reads(status, body)
    assert isinstance(wired.run(wired.broker.find("g-1-1")), Inconclusive)
    wired.answer_reads(status, body)
    with pytest.raises(Transient):
        wired.run(wired.broker.open_orders())


@pytest.mark.point(Point.LIMITS)
def test_an_order_over_the_limit_is_rejected_and_not_sent_again(wired: WireRig, trader: Trader) -> None:
    wired.answer(429, b"", carried_out=False)
    assert isinstance(trader.place("g-1-1"), Rejected)
    assert (wired.there("g-1-1"), wired.sent()) == (0, 1)


@pytest.mark.point(Point.LIMITS)
def test_a_read_over_the_limit_waits(wired: WireRig) -> None:
    wired.answer_reads(429, b"")
    with pytest.raises(Transient, match="429"):
        wired.run(wired.broker.positions())
    assert wired.run(wired.broker.positions()) == {}


@pytest.mark.point(Point.TOKENS)
@pytest.mark.parametrize("ahead_s", [0.0, 3_600.0, -3_600.0, 40 * 365 * 86_400.0])
def test_a_key_is_renewed_in_time_whatever_our_clock_says(wired: WireRig, ahead_s: float) -> None:
    assert isinstance(wired, TokenRig)
    wired.set_clock(ahead_s)
    before = wired.logins()
    for _ in range(75):  # a day and more
        wired.let_pass(1_200)
        assert wired.run(wired.broker.positions()) == {}
    assert wired.logins() == before


@pytest.mark.point(Point.TOKENS)
def test_a_renewal_that_fails_is_tried_again_while_the_key_lives(wired: WireRig) -> None:
    assert isinstance(wired, TokenRig)
    before = wired.logins()
    wired.let_pass(3_600)
    wired.lose_renewals(3)
    for _ in range(5):
        wired.let_pass(120)
        assert wired.run(wired.broker.positions()) == {}
    assert wired.logins() == before


@pytest.mark.point(Point.TOKENS)
def test_a_key_that_ended_is_replaced_by_one_new_login(wired: WireRig, trader: Trader) -> None:
    assert isinstance(wired, TokenRig)
    trader.accept("g-1-1")
    before = wired.logins()
    wired.let_pass(3 * 3_600)
    assert [order.client_order_id for order in wired.run(wired.broker.open_orders())] == ["g-1-1"]
    assert wired.logins() == before + 1


@pytest.mark.point(Point.TOKENS)
def test_a_start_goes_on_with_the_key_that_the_last_life_left(wired: WireRig) -> None:
    assert isinstance(wired, TokenRig)
    before = wired.logins()
    for _ in range(20):
        wired.restart()
        wired.let_pass(60)
    assert wired.run(wired.broker.positions()) == {}
    assert wired.logins() == before


@pytest.mark.point(Point.WORDS)
def test_every_word_that_others_know_is_known(wired: WireRig) -> None:
    assert wired.known_words()
    assert wired.known_words() <= set(wired.words())


@pytest.mark.point(Point.WORDS)
def test_each_word_is_told_as_its_state(wired: WireRig, trader: Trader) -> None:
    trader.accept("g-1-1")
    for word, state in wired.words().items():
        wired.show_word("g-1-1", word)
        assert trader.order("g-1-1").state is state, word


@pytest.mark.point(Point.WORDS)
def test_a_word_that_nobody_knows_changes_nothing(wired: WireRig, trader: Trader) -> None:
    trader.accept("g-1-1")
    wired.show_word("g-1-1", "teleported")
    assert isinstance(wired.run(wired.broker.find("g-1-1")), Inconclusive)


@pytest.mark.point(Point.ENVIRONMENTS)
def test_the_wrong_host_key_or_account_is_refused_before_anything_trades(wired: WireRig) -> None:
    attempts = wired.mixed()
    assert attempts
    for attempt in attempts:
        with pytest.raises(ConfigInvalid):
            attempt()
    assert wired.sent() == 0
