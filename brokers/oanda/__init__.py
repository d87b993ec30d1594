"""OANDA: spot gold, with a stop and a target that the broker holds from the fill on."""

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams

__all__ = ["OandaBroker", "OandaParams"]
