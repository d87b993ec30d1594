"""Errors, named for what the daemon does next.

    GammaError
    |-- ConfigInvalid    refuse to start (exit 78)
    |   `-- LedgerInUse  another process trades this account
    |-- InputInvalid     a value given by hand or in a file is wrong: say which, do nothing (exit 1)
    |   `-- InputMissing a value that is needed is not known (yet)
    |-- Transient        try again later, with a limit
    |   `-- MarkerUnknown   read the fills again, from the first
    |-- OutcomeUnknown   sent, and no answer: never again before reconcile has asked the broker
    |-- BrokerRefused    record it, carry on
    |-- LedgerFailed     nothing can be recorded, so nothing may be sent: stop at once (exit 1)
    |-- AlreadyRecorded  the same slot, order or execution stands in the ledger; nothing of this was written
    |-- InvariantBroken  a durable halt, a page, exit 70
    `-- Corrupt          halt and page: what is on disk is not what was written

A refusal by a guard or a sizer is no error: it is data in the decision's trace.
"""

from typing import Final

LINE_MAX: Final = 600
LINES_MAX: Final = 40


def told(text: str) -> str:
    """The text as a person can read it: what does not print is escaped, a long line or list loses its middle."""
    lines = text.split("\n")
    if len(lines) > LINES_MAX:
        left_out = f"... and {len(lines) - LINES_MAX:,} lines more ..."
        lines = [*lines[: LINES_MAX // 2], left_out, *lines[-LINES_MAX // 2 :]]
    return "\n".join(_line(line) for line in lines)


def _line(text: str) -> str:
    if len(text) > LINE_MAX:
        text = f"{text[: LINE_MAX // 2]} ... {len(text) - LINE_MAX:,} characters ... {text[-LINE_MAX // 2 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class GammaError(Exception):
    """Root of every error that gamma raises on purpose."""


class ConfigInvalid(GammaError):
    """The configuration cannot be traded with; the message names the field, the value and the mend."""

    def __init__(self, text: str = "") -> None:
        super().__init__(told(text))


class LedgerInUse(ConfigInvalid):
    """Another process holds the ledger; the message names it."""


class InputInvalid(GammaError):
    """A value from a file or the command line is wrong; the message names it and says what to do."""

    def __init__(self, text: str = "") -> None:
        super().__init__(told(text))


class InputMissing(InputInvalid):
    """A value that is needed is unknown; the message names it and says where it comes from."""


class Transient(GammaError):
    """The call failed before it could have had any effect; it may be made again."""


class MarkerUnknown(Transient):
    """The broker does not know this marker of its fills, or no longer: nothing after it can be told."""


class OutcomeUnknown(GammaError):
    """The request may have been carried out; only the broker can tell."""


class BrokerRefused(GammaError):
    """The broker answered no, and said so definitely."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class LedgerFailed(GammaError):
    """The ledger cannot be written to now (disk full, in use); a restart asks the broker what it missed."""


class AlreadyRecorded(GammaError):
    """The ledger holds this already: the slot was decided on, the order intended, the execution booked."""


class InvariantBroken(GammaError):
    """Something that must always hold does not."""


class Corrupt(GammaError):
    """Stored data fails its own check."""
