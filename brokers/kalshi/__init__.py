"""Kalshi: event contracts, bought and sold by limit in whole cents."""

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.params import KalshiParams

__all__ = ["KalshiBroker", "KalshiParams"]
