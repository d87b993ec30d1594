"""Tradier: credit spreads and iron condors on index options, each as one order of several legs."""

from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams

__all__ = ["TradierBroker", "TradierParams"]
