"""Event markets by chance: questions whose order books move, look by look, until they are decided."""

from gamma.feeds.events.feed import EventSimFeed
from gamma.feeds.events.shape import BITCOIN_15M, EventShape
from gamma.feeds.events.simulator import simulate
from gamma.feeds.events.tape import LEVELS, LOOK_S, WINDOW_LOOKS, Tape

__all__ = ["BITCOIN_15M", "LEVELS", "LOOK_S", "WINDOW_LOOKS", "EventShape", "EventSimFeed", "Tape", "simulate"]
