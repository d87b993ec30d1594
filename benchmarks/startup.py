"""Start-up and memory of the installed daemon, on the simulator; beside `python -c pass` and `import pandas`.

.venv/bin/python benchmarks/startup.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GAMMA = str(Path(sys.executable).with_name("gamma"))


def measured(*command, cwd=None):
    """Seconds and peak memory [MiB] of one run of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def line(what, *command, cwd=None):
    runs = [measured(*command, cwd=cwd) for _ in range(5)]
    seconds, memory, code = sorted(runs)[2]
    print(f"{what:<44} {seconds:6.2f} s   {memory:6.0f} MiB   exit {code}")


def main():
    line("python -c pass", sys.executable, "-c", "pass")
    line("python -c 'import pandas'", sys.executable, "-c", "import pandas")
    line("gamma --help", GAMMA, "--help")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([GAMMA, "init", "--defaults"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        line("gamma size --dry-run", GAMMA, "size", "--dry-run", cwd=folder)
        line(
            "gamma run, to ready and one bar, and stop",
            GAMMA,
            "run",
            "--plain",
            "--speed",
            "max",
            "--bars",
            "1",
            cwd=folder,
        )
        line(
            "gamma run, 5,000 more bars of two markets",
            GAMMA,
            "run",
            "--plain",
            "--speed",
            "max",
            "--bars",
            "5000",
            cwd=folder,
        )


if __name__ == "__main__":
    main()
