"""The brokers of the suite."""

from tests.contract import paper, tradier, tradovate

CASES = (paper.CASE, tradier.CASE, tradovate.CASE)
