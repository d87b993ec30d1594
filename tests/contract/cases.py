"""The brokers of the suite."""

from tests.contract import paper

CASES = (paper.CASE,)
