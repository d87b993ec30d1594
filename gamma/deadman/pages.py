"""What the dead-man tells people, worded here once."""

from collections.abc import Mapping
from typing import Final

from gamma.notices import Notice, Severity
from gamma.reasons import Fact

SILENT: Final = "dead_man:silent"
GRAVE: Final = "dead_man:silent_open"
ACTS: Final = "dead_man:acts"
FLAT: Final = "dead_man:flat"
BLIND: Final = ("dead_man:blind", "dead_man:blind_silent")
STUCK: Final = "dead_man:stuck"


def silent(ts_utc_ns: int, why: str, *, grave: bool) -> Notice:
    """The daemon is silent, and it is not yet time to act; `grave` where something is open that nobody manages."""
    then = " It is closed when the close or a limit is near." if grave else ""
    severity = Severity.CRITICAL if grave else Severity.WARNING
    return _notice(ts_utc_ns, GRAVE if grave else SILENT, severity, "Daemon silent", f"{_sentence(why)}{then}")


def back(ts_utc_ns: int) -> Notice:
    """The daemon gives signs of life again."""
    return _notice(ts_utc_ns, "dead_man:back", Severity.INFO, "Daemon back", "It gives signs of life again.")


def acts(ts_utc_ns: int, why: str, lots: Mapping[str, int], waits: str) -> Notice:
    """The account is taken, and is being closed."""
    text = f"{_sentence(why)} The account is taken: orders are cancelled, positions closed. {waits}".strip()
    return _notice(ts_utc_ns, ACTS, Severity.CRITICAL, "Dead-man closes positions", text, dict(lots))


def flat(ts_utc_ns: int, why: str, switch: str, exits: int) -> Notice:
    """The account is flat, and stays in the dead-man's hands until a person takes it back."""
    text = (
        f"{_sentence(why)} Closed by {exits} order(s): what had to be flat is flat. The kill switch holds the daemon. "
        f"Look at the account; then remove {switch}, and resume once the daemon runs."
    )
    return _notice(ts_utc_ns, FLAT, Severity.CRITICAL, "Dead-man: flat", text)


def released(ts_utc_ns: int) -> Notice:
    """A person took the account back."""
    return _notice(ts_utc_ns, "dead_man:released", Severity.INFO, "Dead-man", "A person took the account back.")


def blind(ts_utc_ns: int, cause: str, *, grave: bool) -> Notice:
    """The dead-man's own session with the broker does not work."""
    severity = Severity.CRITICAL if grave else Severity.WARNING
    text = f"The dead-man cannot see the account: {cause}." + (" The daemon is silent, too." if grave else "")
    return _notice(ts_utc_ns, BLIND[grave], severity, "Dead-man blind", text)


def stuck(ts_utc_ns: int, why: str, cause: str) -> Notice:
    """It would act, and cannot."""
    return _notice(
        ts_utc_ns, STUCK, Severity.CRITICAL, "Dead-man cannot act", f"{_sentence(why)} It does nothing: {cause}."
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _notice(  # noqa: PLR0917 - a notice has these
    ts_utc_ns: int, key: str, severity: Severity, title: str, text: str, facts: Mapping[str, Fact] | None = None
) -> Notice:
    return Notice(key=key, severity=severity, title=title, text=text, ts_event_utc_ns=ts_utc_ns, facts=facts or {})
