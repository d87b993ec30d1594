"""The brokers of the suite."""

from tests.contract import alpaca, kalshi, paper, tradier, tradovate

CASES = (paper.CASE, alpaca.CASE, kalshi.CASE, tradier.CASE, tradovate.CASE)
