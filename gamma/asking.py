"""A person's command to an account: to the daemon where one runs, else carried out on the ledger itself."""

import asyncio

from gamma import requests
from gamma.config import Config
from gamma.effects import Answer
from gamma.errors import InputInvalid, LedgerInUse
from gamma.events import Command, HaltRequested
from gamma.offline import carry_out


def ask(config: Config, command: Command, timeout_s: float) -> Answer:
    """Have a command carried out, and give the answer; `timeout_s` is how long a daemon is waited for.

    Raises: InputInvalid when the daemon gives no answer, or its folder cannot be written; as `carry_out`.
    """
    try:
        return asyncio.run(carry_out(config, command))
    except LedgerInUse:
        return _of_daemon(config, command, timeout_s)


def _of_daemon(config: Config, command: Command, timeout_s: float) -> Answer:
    folder = requests.folder_of(config.gamma.database, config.account.name)
    try:
        requests.submit(folder, command)
        return requests.await_answer(folder, command.command_id, timeout_s)
    except OSError as error:
        raise InputInvalid(f"the daemon's folder {folder} cannot be written: {error.strerror}") from error
    except InputInvalid as error:
        if not isinstance(command, HaltRequested):
            raise
        raise InputInvalid(f"{error}; what works when the daemon hangs: gamma halt --kill") from error
