"""A file of trades made by hand, and what a report tells of it."""

import math
from datetime import date
from itertools import product
from pathlib import Path

from gamma.history import of_trade_file
from gamma.report import Subject

HEADER = "ts_open,ts_close,market,side,lots,pnl_usd,fees_usd,mae_usd,mfe_usd"
START_USD = 50_000.0


def trade_file(folder: Path, months: int = 4) -> Path:
    """Three trades on each weekday morning of so many months of 2025; they win a little more than they lose."""
    rows = [HEADER]
    for month in range(1, months + 1):
        for day, hour in product(range(6, 25), (15, 17, 19)):
            if date(2025, month, day).weekday() < 5:
                number = month * 1_000 + day * 10 + hour
                pnl = round(140 * math.sin(number * 1.7) + 12, 2)
                side = "long" if number % 3 else "short"
                at = f"2025-{month:02d}-{day:02d}T{hour}"
                worst, best = max(20.0, -pnl) + 10, max(20.0, pnl) + 10
                rows.append(
                    f"{at}:05:00Z,{at}:{20 + number % 30}:00Z,MNQ,{side},{1 + number % 4},{pnl},2.4,{worst},{best}"
                )
    path = folder / "trades.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def subject(folder: Path, months: int = 4) -> Subject:
    told = of_trade_file(trade_file(folder, months), START_USD)
    return Subject(title="A made account", source="Trades made by hand", history=told, hashes={"trades.csv": "ab" * 32})
