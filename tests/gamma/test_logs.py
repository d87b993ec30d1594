"""The log: JSON lines, one a decision, and never a secret in any of them."""

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from gamma import logs
from gamma.config import load, secrets
from tests.gamma.test_shell import Make

CANARY = "hunter2-canary-hunter2"
WEBHOOK = f"https://discord.com/api/webhooks/123456/{CANARY}"


@pytest.fixture
def stream() -> io.StringIO:
    made = io.StringIO()
    logs.set_up("debug", made, hidden=[CANARY])
    return made


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class Carrier:
    """Something whose repr tells."""

    def __repr__(self) -> str:
        return f"Carrier({CANARY})"


def in_text() -> None:
    structlog.get_logger().info(f"connecting with {CANARY}", cause=f"refused {CANARY}")


def in_a_secret_key() -> None:
    structlog.get_logger().info("x", api_key=CANARY, discord_token=CANARY, password=CANARY, dead_man_url=CANARY)


def deep_inside() -> None:
    structlog.get_logger().info("x", headers={"Authorization": CANARY, "hosts": [{"note": f"a {CANARY} b"}]})


def in_an_object() -> None:
    structlog.get_logger().info("x", client=Carrier(), error=ValueError(CANARY), secret=SecretStr(CANARY))


def in_a_traceback() -> None:
    try:
        raise RuntimeError(f"POST {WEBHOOK} failed")  # noqa: TRY301
    except RuntimeError:
        structlog.get_logger().exception("failed")


def in_a_library() -> None:
    logging.getLogger("apscheduler.executors").error("Job raised: %s", CANARY)


def in_a_librarys_traceback() -> None:
    try:
        raise RuntimeError(CANARY)  # noqa: TRY301
    except RuntimeError:
        logging.getLogger("asyncio").exception("task failed")


WAYS = [in_text, in_a_secret_key, deep_inside, in_an_object, in_a_traceback, in_a_library, in_a_librarys_traceback]


@pytest.mark.parametrize("tell", WAYS, ids=lambda way: way.__name__)
def test_a_known_secret_is_in_no_line(stream: io.StringIO, tell: Callable[[], None]) -> None:
    tell()
    assert len(lines(stream)) == 1
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"POST {WEBHOOK} 429",
        f"Authorization: Bearer {CANARY}",
        f"cannot reach postgresql+psycopg://gamma:{CANARY}@host/db",
        f"GET https://host/v1?api_token={CANARY}",
    ],
)
def test_a_secret_that_nobody_told_of_is_known_by_its_shape(text: str) -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    structlog.get_logger().info("x", cause=text)
    assert CANARY not in stream.getvalue()


def test_the_last_part_of_a_secret_address_is_a_secret_too() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream, hidden=[WEBHOOK])
    structlog.get_logger().info("x", path=f"/webhooks/{CANARY}")
    assert CANARY not in stream.getvalue()


def test_words_and_numbers_that_are_no_secrets_stay(stream: io.StringIO) -> None:
    structlog.get_logger().info("decision", lots=3, atr=1.5, halted=False, note=None, key="safety_halt", chain="a > b")
    (line,) = lines(stream)
    del line["timestamp"]
    assert line == {
        "event": "decision",
        "level": "info",
        "lots": 3,
        "atr": 1.5,
        "halted": False,
        "note": None,
        "key": "safety_halt",
        "chain": "a > b",
    }


def test_every_secret_of_the_configuration_is_known(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    example = (Path(__file__).parents[2] / "config.example.toml").read_text()
    path.write_text(example)
    path.chmod(0o600)
    env = {
        "GAMMA__ALERTS__PAPER__DISCORD_CRITICAL": WEBHOOK,
        "GAMMA__ALERTS__DEAD_MAN_URL": "https://hc.example/abc-def",
        "GAMMA__GAMMA__DATABASE": f"postgresql+psycopg://gamma:{CANARY}@host/db",
        "GAMMA__BROKERS__PAPER__API_KEY": "k-9876543",
    }
    assert set(secrets(load(path, env))) == {WEBHOOK, "https://hc.example/abc-def", CANARY, "k-9876543"}


def test_a_log_that_nobody_reads_any_more_stops_nothing(stream: io.StringIO) -> None:
    stream.close()
    structlog.get_logger().info("x")
    logging.getLogger("asyncio").error("x")


def test_httpx_does_not_tell_where_it_goes(stream: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST %s", WEBHOOK)
    assert stream.getvalue() == ""


def test_a_decision_and_what_becomes_of_it_have_a_line_each(make_stand: Make, stream: io.StringIO) -> None:
    stand = make_stand(observers=[logs.Chronicle()])
    stand.boot()
    stand.bar(want=1)
    stand.bar()
    stand.bar(low=79_900)
    told = [line for line in lines(stream) if line["event"] != "observer_failed"]
    assert [line["event"] for line in told] == [
        "decision",
        "order_intended",
        "order_filled",
        "order_filled",
        "trade_closed",
    ]
    decision, intended, bought, sold, closed = told
    assert (decision["lots"], decision["side"], decision["chain"]) == (2, 1, "lots 2")
    assert intended["client_order_id"] == bought["client_order_id"] == sold["client_order_id"].removesuffix("s")
    assert (bought["lots"], sold["lots"], bought["fee_usd"]) == (2, -2, 1.2)
    assert closed["exit"] == "stop"
