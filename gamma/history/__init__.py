"""What an account did over a span: the one form that figures, rule checks, simulations and reports read.

It is made from a ledger, from a rehearsal, or from a file of trades; whoever reads it need not know which.
"""

from gamma.history.form import History
from gamma.history.ledgers import of_ledger, trades_of
from gamma.history.trade_files import of_trade_file

__all__ = ["History", "of_ledger", "of_trade_file", "trades_of"]
