"""The paper broker: fills from bars and quotes, and keeps its own state across a restart."""

from brokers.paper.broker import PaperBroker
from brokers.paper.params import Fault, PaperParams
from brokers.paper.store import paper_truth

__all__ = ["Fault", "PaperBroker", "PaperParams", "paper_truth"]
