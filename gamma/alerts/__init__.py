"""Alerts: from the outbox to Discord, and the ping that calls somebody when it stops.

Notices lie in the ledger's outbox, written with the step that they tell of. A `Courier` takes what is
due, groups and words it, and hands it to the `Discord` sender; what did not arrive stays for later.
"""

from gamma.alerts.courier import Courier, Outbox, Queued, cried
from gamma.alerts.embeds import Message, Sign
from gamma.alerts.webhooks import Answer, Discord, Outcome, Pace, address, open_client, ping

__all__ = [
    "Answer",
    "Courier",
    "Discord",
    "Message",
    "Outbox",
    "Outcome",
    "Pace",
    "Queued",
    "Sign",
    "address",
    "cried",
    "open_client",
    "ping",
]
