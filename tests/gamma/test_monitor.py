"""`/metrics` and `/healthz` of a daemon that trades, over loopback."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gamma.book import Book
from gamma.daemon import Daemon
from gamma.effects import Answer
from gamma.errors import ConfigInvalid
from gamma.events import DecisionMade, OrderIntended, Recorded, ShutDown, TradeClosed
from gamma.metrics import Metrics
from gamma.monitor import monitored
from tests.daemon_case import facts, trade, write_config

Figures = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(figures: Figures, name: str, **labels: str) -> float:
    return figures[(name, frozenset(labels.items()))]


def total(figures: Figures, name: str) -> float:
    return sum(value for (named, _), value in figures.items() if named == name)


class Ending:
    """Hears of the end of a run; the ledger is still open then."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def recorded(self, fact: Recorded, book: Book) -> None:  # noqa: ARG002
        if isinstance(fact, ShutDown):
            self.event.set()

    def answered(self, answer: Answer) -> None: ...


def watched(folder: Path, bars: int) -> Figures:
    """Trade some bars, and look at the figures of the whole run."""
    metrics, told = Metrics(), list[str]()

    async def look(daemon: Daemon) -> None:
        ending = Ending()
        daemon.shell.observers = (*daemon.shell.observers, metrics, ending)
        async with monitored(daemon, metrics, 0) as port, httpx.AsyncClient(trust_env=False) as client:
            await ending.event.wait()
            told.append((await client.get(f"http://127.0.0.1:{port}/metrics")).text)

    trade(folder, bars=bars, meddle=look)
    return scraped(told[0])


def test_what_happened_is_counted_as_the_ledger_has_it(tmp_path: Path) -> None:
    write_config(tmp_path)
    figures = watched(tmp_path, 300)
    decided = facts(tmp_path, DecisionMade)
    assert total(figures, "gamma_decisions_total") == len(decided) > 10
    assert value(figures, "gamma_orders_total", state="intended") == len(facts(tmp_path, OrderIntended))
    assert total(figures, "gamma_trades_total") == len(facts(tmp_path, TradeClosed))
    assert total(figures, "gamma_decision_seconds_count") == len(decided)
    assert total(figures, "gamma_model_seconds_count") >= 300
    assert total(figures, "gamma_commit_seconds_count") > len(decided)
    assert value(figures, "gamma_ready") == value(figures, "gamma_state", state="ACTIVE") == 1
    assert value(figures, "gamma_state", state="HALTED") == 0
    assert value(figures, "gamma_account", account="paper", mode="paper") == 1
    assert 40_000 < value(figures, "gamma_equity_usd") < 60_000
    assert value(figures, "gamma_bars") == 300
    assert value(figures, "gamma_feed_age_seconds", market="MNQ") >= 0


def test_it_is_healthy_until_it_stops(tmp_path: Path) -> None:
    write_config(tmp_path)
    told: list[httpx.Response] = []

    async def look(daemon: Daemon) -> None:
        async with monitored(daemon, Metrics(), 0) as port, httpx.AsyncClient(trust_env=False) as client:
            told.append(await client.get(f"http://127.0.0.1:{port}/healthz"))
            assert daemon.ready
            daemon.stop()
            told.append(await client.get(f"http://127.0.0.1:{port}/healthz"))

    trade(tmp_path, meddle=look)
    assert [answer.status_code for answer in told] == [200, 503]
    assert told[0].json() == {
        "healthy": True,
        "ready": True,
        "state": "ACTIVE",
        "feed_overdue_s": 0.0,
        "broker_age_s": 0.0,
    }


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/metrics", 405), ("GET", "/", 404)])
def test_there_is_nothing_else_and_nothing_is_taken(tmp_path: Path, method: str, path: str, status: int) -> None:
    write_config(tmp_path)
    told: list[httpx.Response] = []

    async def look(daemon: Daemon) -> None:
        async with monitored(daemon, Metrics(), 0) as port, httpx.AsyncClient(trust_env=False) as client:
            told.append(await client.request(method, f"http://127.0.0.1:{port}{path}"))
            daemon.stop()

    trade(tmp_path, meddle=look)
    assert told[0].status_code == status
    assert "error" in told[0].json()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    write_config(tmp_path)

    async def look(daemon: Daemon) -> None:
        async with monitored(daemon, Metrics(), 0) as port:
            with pytest.raises(ConfigInvalid, match=rf"\[metrics\] port = {port}: cannot be listened at"):
                async with monitored(daemon, Metrics(), port):
                    pass
        daemon.stop()

    trade(tmp_path, meddle=look)
