"""Alpaca: credit spreads and iron condors on options of funds, each as one order of several legs."""

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import AlpacaParams

__all__ = ["AlpacaBroker", "AlpacaParams"]
