"""The service manager, told how the daemon does: systemd's notification protocol, a datagram for each word."""

import os
import socket
from collections.abc import Mapping
from typing import Final, Self, final

import structlog

_USEC_PER_S: Final = 1_000_000

log = structlog.get_logger("gamma.service")


@final
class ServiceManager:
    """Listens where $NOTIFY_SOCKET says; `watchdog_s` is how long it waits for a sign of life, None where for ever."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        self.watchdog_s = watchdog_s
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._deaf = False

    @classmethod
    def listening(cls, env: Mapping[str, str]) -> Self | None:
        """The one that started this process and listens to it; None where nobody does."""
        address = env.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return None
        return cls(address, _watchdog_s(env))

    def tell(self, *words: str) -> None:
        """Send words as `READY=1`. One that does not arrive is lost: nothing may wait for who only looks on."""
        try:
            self._socket.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            if not self._deaf:
                log.warning("service_manager_deaf", cause=str(error))
            self._deaf = True
        else:
            self._deaf = False

    def close(self) -> None:
        """Tell nothing more."""
        self._socket.close()


def _watchdog_s(env: Mapping[str, str]) -> float | None:
    """What the watchdog waits [s], where it is this very process that it watches."""
    usec, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(usec) / _USEC_PER_S
