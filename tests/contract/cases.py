"""The brokers of the suite."""

from tests.contract import alpaca, paper, tradier, tradovate

CASES = (paper.CASE, alpaca.CASE, tradier.CASE, tradovate.CASE)
