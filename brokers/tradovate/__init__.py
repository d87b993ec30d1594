"""Tradovate: index futures, e-mini and micro, each entry with the stop and target that the broker holds."""

from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.params import TradovateParams

__all__ = ["TradovateBroker", "TradovateParams"]
