"""The daemon trades by an event checkpoint as it lies on disk: weights of chance, by the door of any checkpoint."""

from pathlib import Path

import pytest

from gamma.assembly import assemble
from gamma.errors import ConfigInvalid
from gamma.events import DecisionMade, Halted, PositionManaged
from gamma.reasons import Reason
from models.events.checkpoints import load, save
from tests.daemon_case import config_in, facts, trade
from tests.event_case import HASH, config_text
from tests.models.events.test_serving import card_of, drawn

SIM = 'use = "sim"\nstart = "2026-11-20"\nspeed = "max"'


def configured(folder: Path, market: str = "KXBTC15M", sha256: str = "") -> None:
    save(folder / "btc", drawn(card_of()).tensors, card_of())
    pinned = sha256 or load(folder / "btc", pinned_sha256=None).sha256
    text = config_text(market, feed=SIM).replace('"guesser"', f'"{folder}/btc"').replace(HASH, pinned)
    (folder / "config.toml").write_text(text)


def test_a_checkpoint_trades_on_paper(tmp_path: Path) -> None:
    configured(tmp_path)
    daemon = trade(tmp_path, bars=120)
    decisions, managed = facts(tmp_path, DecisionMade), facts(tmp_path, PositionManaged)
    assert {fact.reason for fact in (*decisions, *managed)} == {Reason.OK}
    assert len(decisions) + len(managed) > 10
    assert facts(tmp_path, Halted) == []
    assert daemon.shell.book.balance_microusd % 10_000 == 0


@pytest.mark.parametrize(
    ("market", "sha256", "told"),
    [("KXETH15M", "", "was trained for KXBTC15M"), ("KXBTC15M", "0" * 64, "it is another checkpoint")],
)
def test_a_checkpoint_of_another_market_or_hash_is_refused(tmp_path: Path, market: str, sha256: str, told: str) -> None:
    configured(tmp_path, market, sha256)
    with pytest.raises(ConfigInvalid, match=told):
        assemble(config_in(tmp_path), state_path=None)
