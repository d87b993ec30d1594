"""Markets as a card tells of them. Nothing here needs JAX."""

import hashlib

from gamma.feeds.events.tape import Tape
from models.events.cards import Markets


def markets_of(tape: Tape, name: str, *, real: bool) -> Markets:
    """The markets of a tape, by the hash of all of their looks."""
    total = hashlib.sha256()
    for array in tape.names:
        total.update(getattr(tape, array).tobytes())
    return Markets(name=name[:200], sha256=total.hexdigest(), real=real, markets=len(tape))
