"""A month on paper with everything on, in the process that runs for months: what it holds at the end of each day.

    .venv/bin/python benchmarks/soak.py [--days 30] [--event-days 1]

`gamma run` as it is installed trades simulated days as fast as they go: a trained policy and two breakout rules in two
markets, each with its chain of sizers, exits and guards; then, in an account of its own, a policy for event contracts
its looks, every five seconds. Alerts go to a webhook on this machine, /metrics is read and
the ledger backed up after every day, the broker is asked and all invariants looked at every few seconds. A line a day
tells resident memory, open files, threads, and how long ledger and alerts have grown. Exit code 1: memory grew by more
than a twentieth after the fifth day, a file stayed open, a backup or the ledger is not sound.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import psutil

from gamma.errors import ConfigInvalid
from gamma.ledger import Reader, backup, verify
from gamma.ledger.backup import kept

GAMMA = str(Path(sys.executable).with_name("gamma"))
EARLY_DAY, MEMORY_MAX = 5, 1.05
# Thirty days on the clocks have changed, and a half day has come.
FIRST = "2026-10-19"
MORE = """
[schedule]
reconcile_s = 2
heartbeat_s = 1
invariants_s = 5

[metrics]
port = {port}

[alerts.paper]
discord_critical = "http://127.0.0.1:{webhook}/api/webhooks/1/critical"
discord_routine = "http://127.0.0.1:{webhook}/api/webhooks/2/routine"
"""


class Webhook(BaseHTTPRequestHandler):
    """Takes every alert, and counts it."""

    taken = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Webhook.taken += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Nothing is printed."""


def futures(folder, port, webhook):
    """The example configuration with a third strategy, its own ports, and every alert."""
    text = Path("config.example.toml").read_text()
    third = text[text.index('[[strategies]]\nname = "mes"') : text.index("# The simulated broker.")]
    third = third.replace('"mes"', '"mnq_rule"', 1).replace('market = "MES"', 'market = "MNQ"')
    text = text.replace("# The simulated broker.", third + "# The simulated broker.")
    for small in ("50_000", "10_000 "):  # it may lose for a month, and is not to end at its floor
        text = text.replace(f"= {small}", f"= {small.strip()}0 ")
    return written(folder, text, port, webhook)


def events(folder, port, webhook):
    """The configuration that the page on event contracts shows."""
    page = Path("docs/events.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    return written(folder, next(one for one in blocks if "event_policy" in one), port, webhook)


def written(folder, text, port, webhook):
    for section in ("schedule", "metrics", "alerts.paper", "alerts.live"):
        text = re.sub(rf"(?ms)^\[{re.escape(section)}\]\n.*?(?=^\[|\Z)", "", text)
    path = folder / "config.toml"
    path.write_text(text + MORE.format(port=port, webhook=webhook))
    path.chmod(0o600)
    subprocess.run([GAMMA, "config", "check"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return path


class Day:
    """What the daemon held when a day had ended."""

    def __init__(self, process, folder, port):
        found = psutil.Process(process.pid)
        self.resident_bytes = found.memory_info().rss
        self.handles, self.threads = found.num_fds(), found.num_threads()
        self.ledger_bytes = sum(file.stat().st_size for file in folder.glob("gamma.db*"))
        self.alerts = Webhook.taken
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            self.metrics = len(answer.read())

    def line(self, day, number):
        return (
            f"{number:4}  {day}  {self.resident_bytes / 2**20:7.1f} MiB  {self.handles:3} files  {self.threads:2} threads"
            f"  ledger {self.ledger_bytes / 2**20:7.1f} MiB  {self.alerts:5} alerts"
        )


def last_day(url):
    """The day of the last slot that was decided on; "" before there is one."""
    try:
        with Reader.open(url) as reader:
            ticks = reader.ticks()
    except ConfigInvalid:
        return ""
    return datetime.fromtimestamp(ticks[-1]["slot_utc_ns"] / 1e9, UTC).date().isoformat() if ticks else ""


def soaked(folder, port, days):
    """What was held on each day; the daemon is stopped when they are over."""
    url, found, day = f"sqlite:///{folder}/gamma.db", [], ""
    copies = folder / "backups"
    copies.mkdir()
    command = [GAMMA, "run", "--plain", "--speed", "max"]
    with (folder / "run.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | {"GAMMA__FEED__START": FIRST}
        )
    try:
        while len(found) < days:
            if process.poll() is not None:
                sys.exit(f"the daemon ended: {(folder / 'run.log').read_text()[-2_000:]}")
            now = last_day(url)
            if day and now > day:
                backup(url, copies / f"own-{day.replace('-', '')}T{len(found):06d}Z.db")
                kept(copies, "own", 3)
                attended(folder)
                found.append(Day(process, folder, port))
                print(found[-1].line(day, len(found)), flush=True)
            day = max(day, now)
            time.sleep(0.5)
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
    report = verify(url)
    print(f"{report.events:,} events, sound: {report.sound}; exit {process.returncode}; log", end=" ")
    print(f"{(folder / 'run.log').stat().st_size / 2**20:.1f} MiB")
    return found, report.sound and process.returncode == 0


def attended(folder):
    """A person looks in each day, acknowledges what waits, and lifts the halts that stand until somebody does."""
    told = subprocess.run([GAMMA, "status", "--json"], cwd=folder, check=True, capture_output=True, text=True)
    for halt in json.loads(told.stdout)["halts"]:
        if not halt["until_utc_ns"]:
            subprocess.run([GAMMA, "resume", "--ack", halt["id"]], cwd=folder, check=False, stdout=subprocess.DEVNULL)
    subprocess.run([GAMMA, "ack"], cwd=folder, check=False, stdout=subprocess.DEVNULL)


def grown(found):
    """What was more on a later day than on the fifth."""
    if len(found) <= EARLY_DAY:
        return []
    early, late = found[EARLY_DAY - 1], found[EARLY_DAY:]
    handles = max(day.handles for day in late)
    wrong = [f"{handles} open files, of {early.handles} on day {EARLY_DAY}"] if handles > early.handles + 2 else []
    most = max(day.resident_bytes for day in late)
    if most > MEMORY_MAX * early.resident_bytes:
        wrong.append(f"{most / 2**20:.1f} MiB, of {early.resident_bytes / 2**20:.1f} on day {EARLY_DAY}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--event-days", type=int, default=1)
    given = parser.parse_args()
    wrong = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        webhook = server.server_address[1]
        for name, config, days in (("futures", futures, given.days), ("events", events, given.event_days)):
            with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as made:
                folder = Path(made).absolute()
                config(folder, free_port(), webhook)
                print(name)
                if days:
                    found, sound = soaked(folder, port_of(folder), days)
                    wrong += [f"{name}: {text}" for text in grown(found)] + [f"{name}: not sound"] * (not sound)
        server.shutdown()
    print("\n".join(wrong) or "nothing has grown")
    sys.exit(1 if wrong else 0)


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        return one.getsockname()[1]


def port_of(folder):
    return int(re.search(r"^port = (\d+)", (folder / "config.toml").read_text(), re.MULTILINE)[1])


if __name__ == "__main__":
    main()
