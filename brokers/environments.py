"""Where an adapter may be pointed to: its broker, or a sandbox on this machine in the broker's stead."""

from typing import Final

import httpx

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def refuse_url(url: str, environment: str) -> None:
    """See that an address that is set is a sandbox's on this machine, on paper; an empty one is none.

    Raises: ValueError.
    """
    if url and (environment != "paper" or not _is_here(url)):
        raise ValueError('url is for a sandbox on this machine, with environment = "paper"; else leave it out')


def _is_here(url: str) -> bool:
    try:
        return httpx.URL(url).host in _LOOPBACK
    except (httpx.InvalidURL, ValueError):
        return False
