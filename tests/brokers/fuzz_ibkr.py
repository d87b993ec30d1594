"""Messages of TWS that went wrong on their way: none may be taken for more than it says.

    python -m tests.brokers.fuzz_ibkr 100000

lets so many calls of the adapter hear them, and prints what came of those. What it may do: understand them, or raise
Transient, ConfigInvalid or MarkerUnknown; and never tell an order of what was never carried out.
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.sandbox_wire import packed
from brokers.ibkr.writing import REFUSALS
from gamma.errors import ConfigInvalid, Transient
from gamma.events import OrderState
from gamma.ports import Accepted, BrokerAccount, BrokerOrder, FillPage, Found, Inconclusive, Lost, NotListed, Rejected
from tests.brokers.desk import approve, bracket, entry
from tests.brokers.option_quotes import SHORT, sold
from tests.contract.ibkr import IbkrRig

ODD: Final = (
    *("", "0", "-1", "1", "7", "nan", "inf", "1e300", "1.7976931348623157E308", "0.1", "True", "Filled", "Inactive"),
    *("Cancelled", "BUY", "SLD", "LMT", "BAG", "FUT", "20261120", "g-1-1", "9" * 30, "DU7777777", "x"),
)
CALLS_EACH: Final = 60


def mutated(rng: random.Random, message: bytes) -> bytes:
    """A message with something wrong in it: a field, one too many or too few, or bytes."""
    if rng.random() < 0.1:
        at = rng.randrange(4, max(5, len(message)))
        return message[:at] + bytes([rng.randrange(256)]) + message[at + 1 :]
    fields = message[4:].decode(errors="replace").split("\0")[:-1]
    if len(fields) == 2:  # the greeting
        return message
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(fields))
        match rng.randrange(6):
            case 0:
                del fields[at:]
            case 1:
                fields.insert(at, rng.choice(ODD))
            case 2:
                del fields[at]
            case _:
                fields[at] = rng.choice(ODD)
        if not fields:
            break
    return packed(*fields)


class Calls:
    """A sandbox with some orders in it, and one call of the adapter after another."""

    def __init__(self, rng: random.Random, folder: Path) -> None:
        self.rng = rng
        self.rig = IbkrRig(folder)
        for n in range(3):
            self._carry_out(self.rig.resting(f"g-1-{n}", 3))
        self._carry_out(sold("g-1-8", 2))
        whole = entry("g-1-9", 1, 1)
        self.rig.run(self.rig.broker.place(approve(whole), whole, bracket(whole, 79_600)))
        self.rig.quotes.set(SHORT, "1.65", "1.75")
        self.rig.trade(1)
        self.rig.settle()
        self.rig.quotes.set(SHORT, "1.00", "1.10")
        self.count = 0
        self.heard: list[bytes] = []

    def _carry_out(self, intent: Any) -> None:
        assert isinstance(self.rig.run(self.rig.broker.place(approve(intent), intent, ())), Accepted)

    def one(self) -> tuple[Any, str]:
        """What came of the next call, and what is wrong with that; "" where nothing is."""
        self.rig.line.hang_up()
        self.rig.line.wait(5)
        self.rig.line.came.clear()
        self.heard.clear()
        self.count += 1
        broker = self.rig.opened()
        share = self.rng.choice((0.02, 0.1, 0.5))

        def changed(message: bytes) -> bytes:
            told = mutated(self.rng, message) if self.rng.random() < share else message
            self.heard.append(told)
            return told

        self.rig.line.change = changed
        lost = self.rng.random() < 0.5
        self.rig.line.fates.clear()
        if lost:
            self.rig.line.fates.append((b"", False))
        name, ask = self.rng.choice(list(self.asked(broker).items()))
        try:
            got = self.rig.run(ask())
        except (Transient, ConfigInvalid) as error:
            got = error
        finally:
            self.rig.line.change = lambda message: message
        sent = sum(fields[0] == "3" for fields in self.rig.line.came)
        if sent > 1:
            return got, f"{name} sent {sent} orders"
        return got, self.wrong(got, lost=lost)

    def asked(self, broker: IbkrBroker) -> dict[str, Callable[[], Coroutine[Any, Any, Any]]]:
        """What can be asked."""
        intent = self.rng.choice((self.rig.resting, sold))(f"f-{self.count}", 1)
        return {
            "place": lambda: broker.place(approve(intent), intent, ()),
            "cancel": lambda: broker.cancel("g-1-1"),
            "replace": lambda: broker.replace("g-1-2", 79_004),
            "find": lambda: broker.find("g-1-0"),
            "orders": lambda: broker.orders({"g-1-0": "", "g-1-8": "", "g-1-9": ""}),
            "open": broker.open_orders,
            "fills": lambda: broker.fills_since(""),
            "positions": broker.positions,
            "account": broker.account,
            "connect": broker.connect,
            "clock": broker.clock,
            "quotes": lambda: broker.quotes(["MNQ", SHORT]),
            "expirations": lambda: broker.expirations("SPX"),
            "bars": lambda: broker.bars("MNQ", 60, self.rig.line.now_utc_ns - 10**12),
        }

    def wrong(self, got: Any, *, lost: bool) -> str:
        """What is wrong with an answer; "" where nothing is."""
        if isinstance(got, Accepted) and got.broker_order_ids and lost:
            return f"an order that was never carried out: {got}"
        if isinstance(got, Rejected) and got.code.isdecimal() and int(got.code) in REFUSALS:
            plain = any(f"\0{got.code}\0".encode() in message for message in self.heard)
            return "" if plain else f"a refusal that nobody spoke: {got}"
        if isinstance(got, FillPage):
            bad = [f for f in got.fills if f.lots <= 0 or f.market not in ("MNQ", "SPX") or not f.execution_id]
            return f"fills {bad}" if bad else ""
        orders = got if isinstance(got, list) else [got.order] if isinstance(got, Found) else []
        for order in orders:
            if isinstance(order, BrokerOrder):
                over = not 0 <= order.filled_lots <= order.lots
                if over or (order.state is OrderState.FILLED and order.filled_lots != order.lots):
                    return f"an order {order}"
        if isinstance(got, BrokerAccount) and not abs(got.equity_microusd) < 2**63:
            return f"an account {got}"
        return ""


def fuzz(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """What became of so many calls, by kind; and what was wrong."""
    rng, kinds, found = random.Random(seed), Counter[str](), list[str]()
    while kinds.total() < count:
        with tempfile.TemporaryDirectory() as folder:
            calls = Calls(rng, Path(folder))
            for _ in range(min(CALLS_EACH, count - kinds.total())):
                got, bad = calls.one()
                kinds[_kind(got)] += 1
                if bad:
                    found.append(bad)
    return kinds, found


def _kind(got: Any) -> str:
    known = (Accepted, Rejected, Lost, Found, NotListed, Inconclusive, Transient, ConfigInvalid)
    return type(got).__name__ if isinstance(got, known) else "read"


if __name__ == "__main__":
    told, bad = fuzz(int(sys.argv[2]) if len(sys.argv) > 2 else 1, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    sys.stdout.write("".join(f"{kind:<16} {n:>9,}\n" for kind, n in told.most_common()))
    sys.stdout.write("\n".join([f"{len(bad)} wrong", *bad[:20], ""]))
    sys.exit(bool(bad))
