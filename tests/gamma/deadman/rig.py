"""A daemon, its dead-man, a broker and Discord, each in a process or a server of its own, late on a trading day.

OANDA's sandbox trades simulated gold in bars of a minute, and the strategy wants to be long on each of them. The wall
clock of all processes is set to a Wednesday, so many seconds before the moment to be flat by.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from brokers.oanda.adapter import OandaBroker
from gamma import calendar
from gamma.clock import NS
from gamma.events import Fill
from gamma.ledger.reader import Reader
from gamma.markets import TABLE
from tests.daemon_case import await_line

ROOT = Path(__file__).parents[3]
MARKET = "XAU_USD"
[DAY] = calendar.sessions(MARKET, date(2026, 11, 18), date(2026, 11, 18))
EAGER = '''
from gamma.events import SignalMade


class Eager:
    """Wants to be long on every bar."""

    bars_needed = 0

    def __init__(self, strategy, market):
        self.strategy, self.market = strategy, market

    @classmethod
    def open(cls, params, *, strategy, market):
        return cls(strategy, market.symbol)

    def warm_up(self, bars):
        pass

    def on_bar(self, bar):
        ts = bar.ts_close_utc_ns
        return SignalMade(
            strategy=self.strategy, market=self.market, signal_id=f"eager:{ts}", slot_utc_ns=ts, side=1,
            stop_ticks=4000, target_ticks=8000, ts_event_utc_ns=ts,
        )
'''
CONFIG = """
[account]
name = "desk"
starting_capital_usd = 50_000

[feed]
use = "broker"
bar_s = 60
delay_s = 0.5

[[strategies]]
name = "gold"
market = "XAU_USD"
broker = "oanda"
signal = {{ use = "eager" }}
sizers = ["fixed"]
guards = ["flat_by", "kill_switch"]

[sizers.fixed]
lots = 2

[guards.flat_by]
cancel_before_s = 3
flat_before_s = 2
verify_before_s = 1

[guards.kill_switch]
flatten = true

[schedule]
heartbeat_s = 1
reconcile_s = 2

[deadman]
silence_s = 5
before_close_s = {before_close_s}
look_s = 0.2

[alerts.paper]
discord_critical = "http://127.0.0.1:{port}/api/webhooks/1/critical"
"""


@dataclass
class Discord:
    """What was posted to the webhook, newest last."""

    posts: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def open(self) -> Iterator["Discord"]:
        posts = self.posts

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
            self.port = server.server_port
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield self
            server.shutdown()


@dataclass
class Rig:
    """All of it; what is started is ended with it."""

    folder: Path
    before_s: float = 255.0
    before_close_s: float = 300.0
    discord: Discord = field(default_factory=Discord)
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.offset_s = DAY.ts_flat_by_utc_ns / NS - self.before_s - time.time()

    def run(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of gamma's under the clock that is set."""
        paths = os.pathsep.join([str(self.folder / "site"), str(ROOT)])
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.shifted", str(self.offset_s), *arguments],
            cwd=self.folder,
            env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def done(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end: its exit code, and what it said."""
        process = self.run(*arguments)
        out, err = process.communicate(timeout=60)
        self.started.remove(process)
        return process.returncode, out + err

    def trade(self) -> "subprocess.Popen[str]":
        """Start the daemon, and wait until it holds what it wanted."""
        daemon = self.run("run", "--plain")
        await_line(daemon, "ready")
        self.until(lambda: self.held() == {MARKET: 2})
        self.until(lambda: self.ledger_lots() == 2)
        return daemon

    def watch(self) -> "subprocess.Popen[str]":
        """Start the dead-man."""
        return self.run("deadman")

    # What is known of the account.

    def ask(self, question: Callable[[OandaBroker], Any]) -> Any:
        async def asked() -> Any:
            broker = OandaBroker.open(
                self.settings, account="desk", starting_capital_microusd=0, markets=TABLE, state_path=None
            )
            try:
                await broker.connect()
                return await question(broker)
            finally:
                await broker.close()

        return asyncio.run(asked())

    def held(self) -> dict[str, int]:
        return dict(self.ask(lambda broker: broker.positions()))

    def working(self) -> list[str]:
        return [o.client_order_id for o in self.ask(lambda broker: broker.open_orders())]

    def fills(self) -> Sequence[Fill]:
        return list(self.ask(lambda broker: broker.fills_since("")).fills)

    def balance_microusd(self) -> int:
        return int(self.ask(lambda broker: broker.account()).balance_microusd)

    def status(self) -> dict[str, Any]:
        code, text = self.done("status", "--json")
        assert code == 0, text
        return dict(json.loads(text))

    def ledger_lots(self) -> int:
        with Reader.open(f"sqlite:///{self.folder}/gamma.db") as reader:
            return sum(row["lots"] for row in reader.positions())

    def told(self, words: str) -> bool:
        return any(words in post for post in self.discord.posts)

    def until(self, condition: Callable[[], bool], timeout_s: float = 120.0) -> None:
        """Wait until it holds."""
        ends = time.monotonic() + timeout_s
        while not condition():
            for process in self.started:
                assert process.poll() in (None, 0, -9), process.stderr and process.stderr.read()
            assert time.monotonic() < ends, f"posts: {self.discord.posts}"
            time.sleep(0.2)


@contextmanager
def rig(folder: Path, **plan: Any) -> Iterator[Rig]:
    """The broker and Discord; daemon and dead-man are the test's to start."""
    made = Rig(folder, **plan)
    site = folder / "site"
    metadata = site / "eager-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "eager.py").write_text(EAGER)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: eager\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[gamma.signals]\neager = eager:Eager\n")
    with made.discord.open():
        try:
            sandbox = made.run("brokers", "sandbox", "oanda", "--port", "0", "--json")
            assert sandbox.stdout is not None
            made.settings = json.loads(sandbox.stdout.readline())["settings"]
            threading.Thread(target=sandbox.stdout.read, daemon=True).start()
            told = "".join(f"{name} = {json.dumps(value)}\n" for name, value in made.settings.items())
            text = CONFIG.format(port=made.discord.port, before_close_s=made.before_close_s)
            path = folder / "config.toml"
            path.write_text(f"{text}\n[brokers.oanda]\n{told}")
            path.chmod(0o600)
            yield made
        finally:
            for process in made.started:
                if process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                    process.kill()
                process.communicate()
