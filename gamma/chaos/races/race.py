"""One race of contenders: killed, stopped, cut off from their server, at moments of chance."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, final

from gamma.chaos.races.contender import Contender, Line, Log
from gamma.chaos.races.judge import judge
from gamma.chaos.races.postgresql import Server, leaseholders, session

_PAUSE_MAX_S: Final = 0.1
_GAP_MAX_S: Final = 0.08


@final
@dataclass(slots=True, kw_only=True)
class Race:
    """Two or three contend, something is done to them a few times, and in the end all are killed."""

    folder: Path
    url: str
    chance: Random
    server: Server | None
    log: Log = field(init=False)
    running: dict[int, int] = field(default_factory=dict)  # process by number
    started: int = 0
    crashes: int = 0
    sent: int = 0

    def run(self) -> list[str]:
        """What was wrong."""
        self.log = Log(self.folder / "log")
        try:
            self._run()
            lines = list(self.log.lines())
        finally:
            for who in list(self.running):
                self._end(who)
            self.log.close()
        self.sent = sum(line["what"] == "sent" for line in lines)
        return judge(lines, self.url)

    def _run(self) -> None:
        for _ in range(self.chance.choice((2, 2, 3))):
            self._start()
        deeds: list[Callable[[], None]] = [self._kill, self._kill, self._relay, self._pause]
        if self.server is not None:
            deeds += [self._cut, self._cut]
        for _ in range(self.chance.randrange(2, 6)):
            time.sleep(self.chance.uniform(0.0, _GAP_MAX_S))
            if self.server is not None and self.chance.random() < 0.01:
                self._restart(self.server)
            else:
                self.chance.choice(deeds)()
        time.sleep(self.chance.uniform(0.0, _GAP_MAX_S))
        for who in list(self.running):
            self._end(who)

    def _start(self) -> None:
        self.started += 1
        who = self.started
        chance = Random(f"{self.chance.random()} {who}")
        process = os.fork()
        if process:
            self.running[who] = process
            return
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            Contender(url=self.url, log=self.log, who=who, chance=chance).run()
            code = 0
        finally:  # nothing of the parent's may be unwound here
            os._exit(code)

    def _kill(self) -> None:
        """Kill one, more often the one that sends, and start another."""
        self._end(self._someone())
        self._start()

    def _relay(self) -> None:
        """The other is there before the first is gone."""
        self._start()
        self._end(self._someone())

    def _end(self, who: int) -> None:
        process = self.running.pop(who)
        self.log.write("kill", who)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        self.crashes += 1

    def _pause(self) -> None:
        """Stop one in the middle of whatever it does, for less than the quiet window."""
        process = self.running[self._someone()]
        os.kill(process, signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.0, _PAUSE_MAX_S))
        os.kill(process, signal.SIGCONT)

    def _cut(self) -> None:
        """End the session that has the lease, on the server; now and then while its process is stopped."""
        server, holder = self.server, self._holder()
        if server is None or holder is None:
            return
        with ExitStack() as later:
            if holder["who"] in self.running and self.chance.random() < 0.3:
                process = self.running[holder["who"]]
                os.kill(process, signal.SIGSTOP)
                later.callback(os.kill, process, signal.SIGCONT)
            later.callback(time.sleep, self.chance.uniform(0.0, _PAUSE_MAX_S))
            with session(server.url) as db:
                for lock in leaseholders(db, self.url):
                    self.log.write("cut", 0, session=lock)
                    db.execute("SELECT pg_terminate_backend(%s, 10000)", (lock,))
                    self.crashes += 1

    def _restart(self, server: Server) -> None:
        server.stop()
        self.log.write("restart", 0, ns=time.monotonic_ns())
        server.start()
        self.crashes += 1

    def _someone(self) -> int:
        holder = self._holder()
        if holder is not None and holder["who"] in self.running and self.chance.random() < 0.7:
            return int(holder["who"])
        return self.chance.choice(list(self.running))

    def _holder(self) -> Line | None:
        """Who was the last to have the lease."""
        return next((line for line in reversed(list(self.log.lines())) if line["what"] == "took"), None)
