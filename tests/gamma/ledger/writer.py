"""A daemon's writing and nothing else, to be killed: it says each number that it was told is on disk."""

import sys

from gamma.ledger import Ledger
from tests.gamma.ledger.facts import decision, entry, fill, notice, tick


def main(url: str) -> None:
    ledger = Ledger.open(url, account="DU1234", mode="paper")
    first = ledger.head[0] * 10
    sys.stdout.write("ready\n")
    for n in range(first, first + 1_000_000):
        ledger.append([decision(n), entry(n, n)], [notice(f"n{n}")], [tick(n)])
        ledger.append([fill(f"x{n}", f"g1a-1-{n}", 2, 80_000, n)])
        ledger.commit()
        sys.stdout.write(f"{ledger.head[0]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
