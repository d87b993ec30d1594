"""What is sent, and what is made of what comes back; of brokers that are spoken to over HTTP."""

import pytest

from gamma.errors import ConfigInvalid, Transient
from gamma.ports import Inconclusive, Lost, Rejected
from tests.contract.points import Point
from tests.contract.rig import Trader, WireRig

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
