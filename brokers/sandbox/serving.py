"""A sandbox as `gamma brokers sandbox` serves it: its faults, its port, and what it tells of each request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from brokers.sandbox.answers import Answer, Request, Sandbox
from brokers.sandbox.faults import Fault, faults_of
from brokers.sandbox.server import Server
from gamma.ports import SandboxAnswered, SandboxOrder

TEXT_MAX: Final = 200


def refusal(answer: Answer | None) -> str:
    """What an answer says that is an error by its status; "" of any other."""
    return "" if answer is None or answer.status < 400 else answer.body[:TEXT_MAX].decode(errors="replace")


@final
@dataclass(kw_only=True)
class Serving:
    """Serves one sandbox as it was ordered: `answered` hears of each request, a path without `prefix`.

    `asked` and `text` say in a few words what a request asks for, and what an answer says that is an error.

    Raises: InputInvalid when the faults are none.
    """

    order: SandboxOrder
    answered: Callable[[SandboxAnswered], None]
    asked: Callable[[Request], str]
    text: Callable[[Answer | None], str] = refusal
    prefix: str = ""

    def __post_init__(self) -> None:
        self._faults = faults_of(self.order.faults)

    async def run(self, sandbox: Sandbox, opened: Callable[[int], None]) -> None:
        """Serve until it is cancelled; `opened` hears of the port."""
        server = Server(sandbox=sandbox, faults=self._faults, seed=self.order.seed, told=self._told)
        async with server.listening(self.order.port) as port:
            opened(port)
            await asyncio.Event().wait()

    def _told(self, request: Request, answer: Answer | None, fault: Fault | None) -> None:
        self.answered(
            SandboxAnswered(
                method=request.method,
                path=request.path.removeprefix(self.prefix),
                asked=self.asked(request),
                status=answer.status if answer is not None else 0,
                text=self.text(answer),
                fault=str(fault or ""),
            )
        )
