"""The breakout rule in backtesting.py, a program for a Python that has it: BARS.npz in, TRADES.npz out.

What a user of it would write: the channel, the true range and the crossings as columns, then one look a bar.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, __version__


def main(source, target):
    with np.load(source) as told:
        bars = {name: told[name] for name in told.files}
    tick, span, stop_atr, target_r = (float(bars[n]) for n in ("tick", "entry_bars", "stop_atr", "target_r"))
    data = pd.DataFrame({n: bars[n] for n in ("Open", "High", "Low", "Close")}, index=pd.to_datetime(bars["ts"]))
    began = time.process_time()
    high = data.High.rolling(int(span)).max().shift(1)
    low = data.Low.rolling(int(span)).min().shift(1)
    beyond = ((data.Close > high).astype(int) - (data.Close < low).astype(int)).to_numpy()
    crossed = np.where(beyond != np.concatenate(([0], beyond[:-1])), beyond, 0)
    last = data.Close.shift(1).fillna(data.High.iloc[0])
    below = data.Close.shift(1).fillna(data.Low.iloc[0])
    ranges = (np.maximum(data.High, last) - np.minimum(data.Low, below)).to_numpy().tolist()
    atr, average = [], ranges[0]
    for number, one in enumerate(ranges):
        average += (one - average) / min(number + 1, 14) if number else 0.0
        atr.append(average)
    stops = np.maximum(1, np.ceil(stop_atr * np.array(atr) / tick - 1e-6))
    targets = np.ceil(target_r * stops - 1e-6)

    class Breakout(Strategy):
        def init(self):
            self.signal = self.I(lambda: crossed, name="signal", plot=False)

        def next(self):
            side = self.signal[-1]
            if side and not self.position:
                at, close = len(self.data) - 1, self.data.Close[-1]
                bracket = {"sl": close - side * stops[at] * tick, "tp": close + side * targets[at] * tick}
                (self.buy if side > 0 else self.sell)(size=1, **bracket)

    test = Backtest(data, Breakout, cash=10_000_000, commission=0, trade_on_close=False, exclusive_orders=False)
    stats = test.run()
    seconds = time.process_time() - began
    made = stats["_trades"]
    columns = ("Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice")
    np.savez(target, **{name: made[name].to_numpy() for name in columns})
    print(json.dumps({"seconds": seconds, "trades": len(made), "version": __version__}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
