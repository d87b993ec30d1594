"""A size picker in the daemon: from the checkpoint to the order, and the decision made again without it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gamma import pickers, plugins
from gamma.assembly import assemble, rules_of
from gamma.config import Config
from gamma.daemon import Daemon
from gamma.errors import ConfigInvalid
from gamma.events import DecisionMade, SignalMade
from gamma.feeds.sim import SimFeed
from gamma.rehearsal.play import play
from gamma.replay import verify
from tests.daemon_case import config_in, facts, trade
from tests.picker import oracle
from tests.picker.account import write_config
from tests.picker.gold import HOUR_NS

pytestmark = pytest.mark.usefixtures("oracles")

BARS = 120


def decisions(folder: Path) -> list[DecisionMade]:
    return facts(folder, DecisionMade)


def config_of(folder: Path, card: str = "", **given: Any) -> Config:
    sha256 = oracle.checkpoint(folder / "models" / "oracle", card)
    write_config(folder, sha256, **given)
    return config_in(folder)


def test_each_signal_is_sized_by_what_the_picker_says_of_it(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    daemon = trade(tmp_path, bars=BARS)
    made = decisions(tmp_path)
    assert any(one.lots for one in made)
    for one in made:
        curve = one.view.curve
        assert curve is not None
        assert (curve.why, curve.side, len(curve.lots)) == ("", one.side, 31)
        assert (curve.equity_usd, curve.price_points) == (one.view.account.equity_usd, one.view.market.price_points)
        sizing = one.steps[0]
        assert sizing.facts["calibration"] == "closed"
        assert sizing.facts["chosen_lots"] == one.sized_lots
    assert daemon.assembly.pickings["gold"].picker.bars_seen >= BARS
    assert config.sizers["size_picker"]["sha256"].startswith(str(made[0].steps[0].facts["model"]))


def test_every_decision_is_made_again_without_the_picker(oracles: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path)
    trade(tmp_path, bars=BARS)
    (oracles / "oracle" / oracle.FILE).unlink()
    plugins.find.cache_clear()
    found = verify(decisions(tmp_path), rules_of(config))
    assert found.decisions == found.identical > 0


def test_a_rehearsal_asks_it_too(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    feed = assemble(config, state_path=None).feed
    assert isinstance(feed, SimFeed)
    told = play(config, {"XAU_USD": feed.sessions("XAU_USD", 5, date(2026, 3, 6))})
    begins = told.ts_first_utc_ns + 31 * HOUR_NS  # it has seen as many bars as it needs
    assert told.history.trades
    assert all(one.ts_open_utc_ns >= begins and one.lots_max > 1 for one in told.history.trades)


def test_a_start_shows_the_picker_the_history(tmp_path: Path) -> None:
    config_of(tmp_path, "bars_needed = 500")
    daemon = trade(tmp_path, bars=1)
    assert daemon.assembly.pickings["gold"].picker.bars_seen >= 500


def test_after_a_stop_it_knows_what_it_knew(tmp_path: Path) -> None:
    config_of(tmp_path)
    for _ in range(3):
        trade(tmp_path, bars=40)
    made = decisions(tmp_path)
    assert len({one.ts_event_utc_ns for one in made}) > 3
    assert {one.view.curve.why for one in made if one.view.curve is not None} == {""}


def test_one_that_fails_comes_to_no_lots_and_the_strategy_goes_on(tmp_path: Path) -> None:
    config_of(tmp_path, 'fails = "raises"')
    trade(tmp_path, bars=BARS)
    made = decisions(tmp_path)
    assert len(made) > 1
    assert {(one.lots, one.reason, one.halted) for one in made} == {(0, "model_failed", False)}


# What comes from outside.


def test_a_signal_from_outside_is_sized_by_what_is_known_when_it_comes(tmp_path: Path) -> None:
    config_of(tmp_path, adds=True)
    heard = SignalMade(
        strategy="gold",
        market="XAU_USD",
        signal_id="gold-hook",
        slot_utc_ns=2**62,
        side=-1,
        stop_ticks=5_000,
        target_ticks=0,
        ts_event_utc_ns=0,
    )

    def meddle(daemon: Daemon) -> None:
        class Stream:
            async def signals(self) -> AsyncIterator[SignalMade]:
                while daemon.desk.bars < 40:  # noqa: ASYNC110 - the daemon under test raises no event for it
                    await asyncio.sleep(0)
                yield heard

        daemon.assembly = replace(daemon.assembly, streams=(Stream(),))

    trade(tmp_path, bars=60, meddle=meddle)
    [made] = [one for one in decisions(tmp_path) if one.signal_id == "gold-hook"]
    assert made.view.curve is not None
    assert (made.view.curve.side, made.view.curve.why) == (-1, "")
    assert made.view.curve.price_points == made.view.market.price_points
    assert made.sized_lots == made.steps[0].facts["chosen_lots"]


# What is refused.


def refusal(config: Config) -> str:
    with pytest.raises(ConfigInvalid) as refused:
        assemble(config, state_path=None)
    return str(refused.value)


def test_a_picker_for_another_market_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path, market="MNQ")
    assert "[sizers.size_picker] checkpoint oracle was trained for XAU_USD, and the strategy" in refusal(config)


def test_a_picker_for_bars_of_another_length_is_refused(tmp_path: Path) -> None:
    assert "judges sizes from bars of 300 s, and those of the feed are 3600 s" in refusal(
        config_of(tmp_path, "bar_s = 300")
    )


def test_a_picker_that_is_not_pinned_or_is_another_is_refused(tmp_path: Path) -> None:
    config_of(tmp_path)
    for sha256, text in (("", "sha256 is not set: pin the checkpoint"), ("0" * 64, "is pinned")):
        write_config(tmp_path, sha256)
        assert text in refusal(config_in(tmp_path))


def test_a_picker_for_paper_only_is_refused_on_real_money(tmp_path: Path) -> None:
    config = config_of(tmp_path, "paper_only = true")
    live = config.model_copy(update={"gamma": config.gamma.model_copy(update={"mode": "live"})})
    assert pickers.opened(config, rules_of(config), lambda: 3600)
    with pytest.raises(ConfigInvalid, match="checkpoint oracle is for paper only"):
        pickers.opened(live, rules_of(live), lambda: 3600)


def test_a_picker_that_is_not_there_is_refused(oracles: Path, tmp_path: Path) -> None:
    oracles.mkdir()
    write_config(tmp_path, "0" * 64)
    assert "[sizers.size_picker] no checkpoint 'oracle'; known: none" in refusal(config_in(tmp_path))


def test_two_pickers_in_one_chain_are_refused(tmp_path: Path) -> None:
    config_of(tmp_path, sizers='"size_picker", "floor_picker"')
    config = config_in(tmp_path)
    floor = {"floor_picker": config.sizers["size_picker"]}
    both = config.model_copy(update={"sizers": {**config.sizers, **floor}})
    assert "size_picker and floor_picker would both ask a size picker" in refusal(both)


def test_a_policy_is_no_picker(tmp_path: Path) -> None:
    sha256 = "84fd7b8e7a723d28068970a9fab761d383b1ebb9dbf040a34e9da7235d5e65bb"
    write_config(tmp_path, sha256)
    text = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(
        text.replace('"oracle"', '"mnq-phase2"').replace(f'models = "{tmp_path}/models"', "")
    )
    said = refusal(config_in(tmp_path))
    assert "checkpoint mnq-phase2 is a policy" in said
    assert said.endswith("picks no sizes")
