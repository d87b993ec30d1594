"""A process that has imported everything and run nothing; each life is forked from it.

    python -m gamma.chaos.kill.nursery

One line of JSON on stdin is one life, and one line on stdout its exit code. It imports by assembling the config of
the folder that it runs in, and throws that away.
"""

import gc
import json
import os
import signal
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Self, final

from gamma.chaos.kill import lives, points, setting
from gamma.chaos.kill.lives import Death


@final
class Nursery:
    """The other end of it, for who wants lives."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "nursery.log"
        with self._log.open("w") as errors:
            self._process = Popen(
                [sys.executable, "-m", "gamma.chaos.kill.nursery"],
                cwd=folder,
                env=setting.environment(folder),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def live(self, log: Path, death: Death) -> int:
        """Fork a daemon, and have it die; its exit code.

        Raises: RuntimeError when the nursery itself has ended.
        """
        told, heard = self._process.stdin, self._process.stdout
        assert told is not None  # noqa: S101  (pipes were asked for)
        assert heard is not None  # noqa: S101
        told.write(json.dumps({"log": str(log), "death": asdict(death)}) + "\n")
        told.flush()
        if not (code := heard.readline()):
            raise RuntimeError(f"the nursery is gone: {self._log.read_text()[-1000:]}")
        return int(code)


@final
class Child:
    """A process that was forked from this one."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def poll(self) -> int | None:
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def fork(log: Path, death: Death) -> Child:
    """Fork a daemon; what it says goes to the log."""
    pid = os.fork()
    if pid:
        return Child(pid)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(out, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if death.point:
        points.arm(death.point, death.nth)
    sys.argv = list(lives.COMMAND)
    code = 1
    try:
        _entry_point()()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _entry_point() -> "lives.Command":
    found: lives.Command = next(iter(metadata.entry_points(group="console_scripts", name=lives.COMMAND[0]))).load()
    return found


def main() -> None:
    """Fork lives until nobody wants any more."""
    _import_all()
    for line in sys.stdin:
        asked = json.loads(line)
        log, death = Path(asked["log"]), Death(**asked["death"])
        log.touch()
        sys.stdout.write(f"{lives.outlive(fork(log, death), log, death)}\n")
        sys.stdout.flush()


def _import_all() -> None:
    from gamma.alerts import open_client  # noqa: F401, PLC0415
    from gamma.assembly import assemble, paper_state_path  # noqa: PLC0415
    from gamma.config import load  # noqa: PLC0415
    from gamma.daemon import Daemon  # noqa: F401, PLC0415
    from gamma.logs import set_up  # noqa: F401, PLC0415
    from gamma.screen import Screen  # noqa: F401, PLC0415

    _entry_point()
    config = load(Path(setting.CONFIG), {})
    assemble(config, state_path=paper_state_path(config))
    gc.collect()
    gc.freeze()  # what is here for good need not be looked through by every child


if __name__ == "__main__":
    main()
