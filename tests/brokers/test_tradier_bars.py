"""Bars at Tradier: its minutes as they are, merged, and only closed ones; the sandbox tells the simulator's."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.tickets import Store
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from brokers.tradier.sandbox import ACCOUNT, TradierSandbox
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid, Transient
from gamma.feeds.sim import SimFeed
from gamma.ports import Candles
from tests.contract.in_process import InProcess
from tests.contract.tradier import MARKETS, PARAMS, START_UTC_NS, TradierRig

MINUTE = 60 * NS
SEED = 3


@pytest.fixture
def network() -> InProcess:
    sandbox = TradierSandbox(
        SimulatedOptions(SEED, ("SPX",)), Store(None, ACCOUNT), capital_usd=Decimal(50_000), unlimited=True
    )
    return InProcess(sandbox, START_UTC_NS + 12 * NS)


def asked(network: InProcess, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
    broker = TradierBroker(TradierParams.model_validate(PARAMS), MARKETS, network)
    assert isinstance(broker, Candles)
    return network.run(broker.bars("SPX", bar_s, since_utc_ns))


def shapes(bars: Sequence[Bar]) -> list[tuple[int, int, float, float, float, float]]:
    """What a bar is, without its volume: an index has none."""
    return [
        (b.ts_open_utc_ns, b.ts_close_utc_ns, b.open_points, b.high_points, b.low_points, b.close_points) for b in bars
    ]


@pytest.mark.parametrize("bar_s", [60, 300, 600, 900, 1800])
def test_the_sandboxs_bars_are_the_simulators(network: InProcess, bar_s: int) -> None:
    since = START_UTC_NS - 30 * MINUTE - bar_s * NS
    told = asked(network, bar_s, since)
    feed = SimFeed(markets=("SPX",), seed=SEED, bar_s=bar_s)
    wanted = [b for b in feed.history("SPX", START_UTC_NS, 40) if b.ts_close_utc_ns > since]
    assert shapes(told) == shapes(wanted)
    assert len(told) >= 1


def test_only_what_closed_since_is_told(network: InProcess) -> None:
    assert asked(network, 300, START_UTC_NS) == []
    assert [b.ts_close_utc_ns for b in asked(network, 300, START_UTC_NS - 1)] == [START_UTC_NS]


def test_a_length_that_it_has_not_is_refused(network: InProcess) -> None:
    with pytest.raises(InputInvalid, match=r"bar_s = 90: Tradier tells bars of whole minutes"):
        asked(network, 90, 0)


def test_a_bar_that_is_still_being_made_is_left_out(tmp_path: Path) -> None:
    rig = TradierRig(tmp_path)
    opened = START_UTC_NS // NS - 60
    rows = [
        {"timestamp": opened + n * 60, "open": 1.0, "high": 2.5, "low": 0.5, "close": 2, "volume": 7} for n in (0, 1)
    ]
    clock = {"clock": {"timestamp": START_UTC_NS // NS + 20, "state": "open"}}
    rig.answer_reads(200, json.dumps(clock).encode())
    rig.answer_reads(200, json.dumps({"series": {"data": rows}}).encode())
    broker = rig.broker
    assert isinstance(broker, Candles)
    [bar] = rig.run(broker.bars("SPX", 60, 0))
    assert (bar.ts_close_utc_ns, bar.volume_lots, bar.high_points) == (START_UTC_NS, 7.0, 2.5)


@pytest.mark.parametrize("series", [None, "null"])
def test_no_bars_are_none(tmp_path: Path, series: object) -> None:
    rig = TradierRig(tmp_path)
    rig.answer_reads(200, json.dumps({"clock": {"timestamp": 1, "state": "open"}}).encode())
    rig.answer_reads(200, json.dumps({"series": series}).encode())
    broker = rig.broker
    assert isinstance(broker, Candles)
    assert rig.run(broker.bars("SPX", 60, 0)) == []


def test_rows_that_make_no_sense_are_not_understood(tmp_path: Path) -> None:
    rig = TradierRig(tmp_path)
    rig.answer_reads(200, json.dumps({"clock": {"timestamp": 1, "state": "open"}}).encode())
    rig.answer_reads(200, json.dumps({"series": {"data": {"timestamp": "soon", "open": 1}}}).encode())
    broker = rig.broker
    assert isinstance(broker, Candles)
    with pytest.raises(Transient, match="timesales: not understood"):
        rig.run(broker.bars("SPX", 60, 0))
