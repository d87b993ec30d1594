"""How long each command takes on a long ledger: seconds of a core, wall time, and memory.

    .venv/bin/python benchmarks/large_ledger.py bench-large     # makes one of a million events, in some minutes
    .venv/bin/python benchmarks/long_ledger.py bench-large

The first line is Python's start with gamma's commands. The daemon is started twice: the first start looks at the whole
ledger where no bookmark lies beside it, and leaves one; the second goes on from there, and so do the others.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

GAMMA = str(Path(sys.executable).with_name("gamma"))
ONE_BAR = ("run", "--plain", "--speed", "max", "--bars", "1")
COMMANDS = (
    ("--help",),
    ONE_BAR,
    ONE_BAR,
    ("status",),
    ("positions",),
    ("orders",),
    ("trades",),
    ("decisions",),
    ("size", "--dry-run"),
    ("halt", "a benchmark"),
    ("reconcile",),
    ("ack",),
    ("report",),
    ("compliance",),
    ("db", "verify"),
    ("db", "backup"),
    ("replay", "--verify"),
    ("doctor",),
)


def line(words, folder):
    """Run one command in the folder; the exit code of `compliance` and `doctor` tells what they found."""
    start = time.perf_counter()
    process = subprocess.Popen([GAMMA, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    core_s, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    code = os.waitstatus_to_exitcode(status)
    print(
        f"gamma {' '.join(words):<40} {core_s:7.1f} s of a core {wall_s:7.1f} s {memory:6.0f} MiB  exit {code}",
        flush=True,
    )


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "bench-large")
    if not (folder / "gamma.db").exists():
        sys.exit(f"{folder} holds no ledger; make one: {Path(sys.executable)} benchmarks/large_ledger.py {folder}")
    for words in COMMANDS:
        line(words, folder)


if __name__ == "__main__":
    main()
