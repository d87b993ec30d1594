"""The brokers of the suite."""

from tests.contract import alpaca, kalshi, oanda, paper, tradier, tradovate

CASES = (paper.CASE, alpaca.CASE, kalshi.CASE, oanda.CASE, tradier.CASE, tradovate.CASE)
