"""The event environment once more, as one would write it: one market at a time, in plain Python and whole cents.

It shares nothing with `models.events` but the tape: the rules of the policy, the caps of event contracts, fills, fees and
settlement are written out again, so that a test can hold one against the other, and a benchmark too.
"""

from typing import Any

from gamma.feeds.events import Tape

Lists = dict[str, Any]

SIZES = (5, 10, 20, 50, 100)
HOLD, BUY_YES, SELL_YES, BUY_NO, SELL_NO = range(5)
POSITION_MAX, VALUE_MAX_CENTS, CASH_MIN_CENTS, IMPACT_MAX_CENTS = 500, 50_000, 5_000, 2


def fee_cents(lots: int, price: int) -> int:
    return -(-7 * lots * price * (100 - price) // 10_000)


class Market:
    """One environment: `mask()`, then `step(action)`, until it is over."""

    def __init__(self, tape: Lists, row: int, cash_cents: int = 100_000) -> None:
        self.tape, self.row, self.cash, self.lots, self.at = tape, row, cash_cents, 0, 0

    def look(self, at: int | None = None) -> tuple[int, int, list[int], list[int], float]:
        """Best bid and ask of YES, the levels of both sides, and ten minutes' volume."""
        row, at = self.row, self.at if at is None else at
        tape = self.tape
        return (
            tape["yes_bid"][row][at],
            100 - tape["no_bid"][row][at],
            tape["yes_lots"][row][at],
            tape["no_lots"][row][at],
            tape["volume"][row][at],
        )

    def mask(self) -> list[bool]:
        """Which of the 21 actions are legal."""
        bid, ask, yes_lots, no_lots, volume = self.look()
        legal = [True] + [False] * 20
        for base in (BUY_YES, BUY_NO):
            yes = base == BUY_YES
            if self.lots * (1 if yes else -1) < 0:
                continue
            price, waits = limit(bid, ask, yes)
            for index, size in enumerate(SIZES):
                if waits and self.affords(size, price if yes else 100 - price, (bid, ask), volume):
                    legal[5 * (base - 1) + index + 1] = near(size, no_lots if yes else yes_lots, (bid, ask), yes)
        closing, held = (SELL_YES, self.lots) if self.lots > 0 else (SELL_NO, -self.lots)
        for index, below in enumerate((0, *SIZES[:-1])):
            legal[5 * (closing - 1) + index + 1] = held > below
        return legal

    def affords(self, size: int, cost: int, book: tuple[int, int], volume: float) -> bool:
        """Every cap that looks at the account, and the one that looks at what trades."""
        held, twice = abs(self.lots), book[0] + book[1]
        worth = 2 * self.cash + held * (twice if self.lots > 0 else 200 - twice)  # twice the equity
        return (
            held + size <= POSITION_MAX
            and size * cost <= VALUE_MAX_CENTS
            and 10 * (held + size) * cost <= worth
            and self.cash - size * cost - fee_cents(size, cost) >= CASH_MIN_CENTS
            and volume * twice > 2 * 1_000_000
            and 20 * size <= volume
        )

    def step(self, action: int) -> tuple[int, bool]:
        """Order, fill, and go on to the next look; what the account made of it, twice [cents], and whether it is over."""
        base, size = (HOLD, 0) if action == 0 else ((action - 1) // 5 + 1, SIZES[(action - 1) % 5])
        bid, ask, *_ = self.look()
        before = self.worth(bid + ask)
        last = self.at + 1 >= self.tape["looks"][self.row]
        if base != HOLD and not last:
            self.trade(base, size if base in (BUY_YES, BUY_NO) else min(size, abs(self.lots)))
        if last:
            paid = self.tape["payout"][self.row]
            return self.worth(bid + ask if paid < 0 else 2 * paid) - before, True
        self.at += 1
        after_bid, after_ask, *_ = self.look()
        return self.worth(after_bid + after_ask) - before, False

    def trade(self, base: int, lots: int) -> None:
        bid, ask, yes_lots, no_lots, _ = self.look()
        after_bid, after_ask, *_ = self.look(self.at + 1)
        yes = base in (BUY_YES, SELL_NO)
        price, waits = limit(bid, ask, yes)
        taken = self.tape["yes_taken" if yes else "no_taken"][self.row][self.at]
        if yes:
            own, best, after, against = price, bid, after_bid, after_ask <= price
            queue, standing = yes_lots[0], no_lots[0]
        else:
            own, best, after, against = 100 - price, 100 - ask, 100 - after_ask, after_bid >= price
            queue, standing = no_lots[0], yes_lots[0]
        if not waits:
            filled = min(lots, standing)
        elif against or (own == best and after < own):
            filled = lots
        else:
            come = taken * (own - best + 1) // (own - best + 1 + max(0, after - own))
            filled = max(0, min(lots, come - (queue if own == best else 0)))
        cost = price if yes else 100 - price
        sells = base in (SELL_YES, SELL_NO)
        self.cash += (filled * (100 - cost) if sells else -filled * cost) - fee_cents(filled, price)
        self.lots += filled if yes else -filled

    def worth(self, twice: int) -> int:
        """Twice the equity, at twice the middle [cents]."""
        return 2 * self.cash + abs(self.lots) * (twice if self.lots > 0 else 200 - twice)


def limit(bid: int, ask: int, yes: bool) -> tuple[int, bool]:
    """The price of YES that an order asks for, and whether it waits there for its fill."""
    if yes:
        price = min(99, max(1, min((bid + ask) // 2, ask - 1)))
        return price, price < ask
    price = min(99, max(1, -(-(bid + ask) // 2), bid + 1))
    return price, price > bid


def near(size: int, levels: list[int], book: tuple[int, int], yes: bool) -> bool:
    """Whether what the order would take stands near enough to the middle, on average."""
    left, paid = size, 0
    for step, lots in enumerate(levels):
        taken = min(left, lots)
        price = book[1] + step if yes else book[0] - step
        paid += taken * (2 * price - book[0] - book[1]) * (1 if yes else -1)
        left -= taken
    return left == 0 and paid <= 2 * IMPACT_MAX_CENTS * size


def plain(tape: Tape) -> Lists:
    """A tape as lists, which plain Python reads faster than arrays."""
    return {name: getattr(tape, name).tolist() for name in tape.names}
