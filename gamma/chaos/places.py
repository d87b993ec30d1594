"""Where trials put their files: on a disk in memory where there is one, for they are made by the hundred thousand."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  (folders in it are made with mkdtemp, for their owner alone)


@contextmanager
def folder_for(purpose: str) -> Iterator[Path]:
    """A folder for one session."""
    with tempfile.TemporaryDirectory(prefix=f"gamma-{purpose}-", dir=_memory()) as folder:
        yield Path(folder)


def kept_folder() -> Path:
    """A folder for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="gamma-chaos-", dir=_memory()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _memory() -> Path | None:
    return _MEMORY if _MEMORY.is_dir() else None
