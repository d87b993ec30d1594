"""The brokers of the suite."""

from tests.contract import paper, tradier

CASES = (paper.CASE, tradier.CASE)
