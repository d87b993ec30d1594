"""Ledger commits a second, on this disk, each with fsync; beside a bare SQLite insert and commit.

.venv/bin/python benchmarks/ledger.py
"""

import sqlite3
import tempfile
from pathlib import Path

from _measure import p, show, timed

from gamma.events import EquityMarked
from gamma.ledger import Ledger
from gamma.ledger.verify import verify


def main():
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as folder:
        bare = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        bare.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (x TEXT)")
        payload = "x" * 200

        def bare_commit():
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO t VALUES (?)", (payload,))
            bare.execute("COMMIT")

        url = f"sqlite:///{folder}/ledger.db"
        ledger = Ledger.open(url, account="bench", mode="paper")
        count = iter(range(10**9))

        def fact():
            return EquityMarked(
                market="MNQ",
                high_points=1.0,
                low_points=1.0,
                high_microusd=1,
                low_microusd=1,
                close_microusd=1,
                ts_event_utc_ns=next(count),
            )

        def commit():
            ledger.append([fact()])
            ledger.commit()

        plain, ours = timed(bare_commit, 2_000), timed(commit, 2_000)
        show("bare sqlite3: insert and commit, synchronous=FULL", plain)
        show("ledger: chained fact, index row, commit", ours, plain)
        print(f"{1 / p(ours, 0.5):,.0f} commits a second (median)")
        ledger.close()
        ledger = Ledger.open(url, account="bench", mode="paper")
        facts = [fact() for _ in range(1_000)]
        batch = timed(lambda: ledger.append(facts), 20, warm=1)
        ledger.commit()
        print(f"{1_000 / p(batch, 0.5):,.0f} facts a second appended in one transaction")
        ledger.close()
        report = verify(url)
        print(f"verify: {report.events / report.seconds:,.0f} events a second, sound: {report.sound}")


if __name__ == "__main__":
    main()
