"""The brokers of the suite."""

from tests.contract import kalshi, paper, tradier, tradovate

CASES = (paper.CASE, kalshi.CASE, tradier.CASE, tradovate.CASE)
