"""Where bars and chains come from, by the configuration: a broker that tells them, or an error that says what to do."""

from pathlib import Path

import pytest

from brokers.paper import PaperBroker
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.sandbox import ACCOUNT, TOKEN
from gamma.assembly import Assembly, assemble
from gamma.config import load
from gamma.errors import ConfigInvalid
from gamma.feeds.broker import BrokerFeed
from gamma.feeds.live_chains import LiveChains

TRADIER = {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": "http://127.0.0.1/v1"}
CONFIG = """
[account]
starting_capital_usd = 50_000
[[strategies]]
name = "pin"
market = "SPX"
signal = { use = "breakout" }
sizers = ["fixed"]
guards = ["order_sanity"]
[sizers.fixed]
lots = 1
[brokers.paper]
[brokers.tradier]
"""


def assembled(tmp_path: Path, **given: object) -> Assembly:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    told = {f"brokers.tradier.{key}": value for key, value in TRADIER.items()}
    return assemble(
        load(path, {}, told | {key.replace("__", "."): value for key, value in given.items()}), state_path=None
    )


def test_bars_come_from_the_broker_that_is_named_while_another_trades(tmp_path: Path) -> None:
    made = assembled(tmp_path, feed__use="broker", feed__broker="tradier", chains__broker="tradier")
    assert isinstance(made.feed, BrokerFeed)
    assert isinstance(made.chains, LiveChains)
    assert isinstance(made.broker, PaperBroker)
    [other] = made.others
    assert isinstance(other, TradierBroker)


def test_a_broker_without_bars_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="paper tells no bars; name one that does in"):
        assembled(tmp_path, feed__use="broker")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"chains__broker": "tradier"}, 'set use = "broker" there'),
        ({"chains__broker": "paper"}, "it tells no option chains"),
        ({"chains__broker": "tradier", "chains__files": ["a.csv"]}, "two places for chains"),
        ({"chains__broker": "nobody"}, r"no section \[brokers.nobody\]"),
        ({"feed__use": "broker", "feed__broker": "nobody"}, r"no section \[brokers.nobody\]"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, given: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        assembled(tmp_path, **given)
