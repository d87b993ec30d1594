"""Which code this is: the commit that it was checked out at, and a hash of every file of it."""

import hashlib
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("gamma", "sizers", "brokers", "models")
DISTRIBUTION: Final = "gamma-daemon"
_ROOT: Final = Path(__file__).resolve().parents[2]


@cache
def code_commit() -> str:
    """The commit of the checkout, with `-dirty` where a file of a package is not as committed; else the version."""
    head = _git("rev-parse", "HEAD") if (_ROOT / ".git").exists() else None
    if not head:
        return _version()
    changed = _git("status", "--porcelain", "--", *PACKAGES)
    return head if changed == "" else f"{head}-dirty"


@cache
def code_sha256() -> str:
    """The SHA-256 of all modules of the packages, by path and content."""
    total = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            name, content = path.relative_to(_ROOT).as_posix(), path.read_bytes()
            total.update(f"{name} {len(content)}\n".encode() + content)
    return total.hexdigest()


def _version() -> str:
    try:
        return f"v{version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return "unknown"


def _git(*arguments: str) -> str | None:
    """What git says; None where there is no git, or it cannot tell."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603  (our own words)
    return done.stdout.strip() if done.returncode == 0 else None
