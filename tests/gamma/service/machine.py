"""A machine of its own with systemd as its first process, in namespaces of this one and on a copy of its root.

Nothing that is done in it stays. It needs root, and a kernel that lets it overlay the root.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, Self, final

ROOT: Final = Path(__file__).parents[3]
SYSTEMD: Final = Path("/usr/lib/systemd/systemd")
START_MAX_S: Final = 20.0
# The kernel is this machine's, so that what would set it, or the devices, is read-only or left out.
_BOOT: Final = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs {folder}
mkdir {folder}/up {folder}/work {folder}/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/up,workdir={folder}/work {folder}/root
cd {folder}/root
{binds}
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount --rbind /dev dev
rm -rf etc/systemd/system etc/machine-id var/lib/gamma
for target in sysinit local-fs multi-user timers; do rm -rf usr/lib/systemd/system/$target.target.wants; done
mkdir -p etc/systemd/system var/lib/gamma oldroot
ln -s /lib/systemd/system/multi-user.target etc/systemd/system/default.target
echo 0123456789abcdef0123456789abcdef > etc/machine-id
pivot_root . oldroot
umount -l /oldroot
mount --make-rshared /
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin {systemd} --system --log-target=journal --show-status=0
"""


class NotHere(Exception):
    """This machine lets no other run in it; the message says why."""


@final
class Machine:
    """One that runs, until it is closed.

    Raises: NotHere.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            raise NotHere("it needs root")
        if not SYSTEMD.exists() or shutil.which("unshare") is None or shutil.which("nsenter") is None:
            raise NotHere("systemd, unshare or nsenter is missing")
        # Folders on other file systems are not in an overlay of the root.
        elsewhere = {path for path in (ROOT, Path(sys.prefix), Path(sys.base_prefix)) if _other_disk(path)}
        binds = "\n".join(f"mkdir -p .{path} && mount --bind {path} .{path}" for path in sorted(elsewhere))
        script = _BOOT.format(folder=folder, binds=binds, systemd=SYSTEMD)
        self._cgroup = _cgroups() / f"gamma-test-{os.getpid()}"
        self._cgroup.mkdir()
        enter = 'echo $$ > "$0/cgroup.procs" && exec unshare -m -p -u -i -C -f --kill-child bash -c "$1"'
        self._outer = subprocess.Popen(
            ["bash", "-c", enter, self._cgroup, script],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._pid = 0
        try:
            self._await()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and all that runs in it."""
        for pid in {self._pid or self._first(), self._outer.pid} - {0}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._outer.communicate()
        until_s = time.monotonic() + START_MAX_S
        while "populated 1" in (self._cgroup / "cgroup.events").read_text() and time.monotonic() < until_s:
            time.sleep(0.05)
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            Path(folder).rmdir()

    def run(self, *command: str | Path, given: str = "", folder: str = "/") -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        inside = ["nsenter", "-t", str(self._pid), "-m", "-p", "-u", "-i", "-C", "-r", "-w"]
        clean = ["env", "-i", "-C", folder, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "NO_COLOR=1"]
        return subprocess.run([*inside, *clean, *command], input=given, capture_output=True, text=True, check=False)

    def property(self, unit: str, name: str) -> str:
        """What systemd tells of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def _first(self) -> int:
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        return int(next(iter(children.read_text().split()), "0")) if children.exists() else 0

    def _await(self) -> None:
        until_s = time.monotonic() + START_MAX_S
        while time.monotonic() < until_s:
            if self._outer.poll() is not None:
                raise NotHere(f"no namespaces: {(self._outer.stderr.read() if self._outer.stderr else '').strip()}")
            self._pid = self._first()
            if self._pid and self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise NotHere("systemd did not come up in it")


def _cgroups() -> Path:
    """Where groups of processes are made.

    Raises: NotHere.
    """
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if found is None or not os.access(found, os.W_OK):
        raise NotHere("there is no cgroup2 that may be written to")
    return found


def _other_disk(path: Path) -> bool:
    return path.stat().st_dev != Path("/").stat().st_dev
