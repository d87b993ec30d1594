"""The brokers of the suite."""

from tests.contract import alpaca, ibkr, kalshi, oanda, paper, tradier, tradovate

CASES = (paper.CASE, alpaca.CASE, ibkr.CASE, kalshi.CASE, oanda.CASE, tradier.CASE, tradovate.CASE)
