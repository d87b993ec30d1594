"""One answer of a size picker, in process as the daemon asks it: the closed bar seen, every size judged, lots chosen.

    .venv/bin/python benchmarks/picker.py
    .venv/bin/python benchmarks/picker.py FOLDER      # another checkpoint than the one that ships

The account and the candles are simulated; what is timed is all that a signal costs more for having a picker.
"""

import gc
import itertools
import sys
from dataclasses import replace
from pathlib import Path

from _measure import show, timed

from gamma import checkpoints
from gamma.book import Setup, fold, open_book
from gamma.codec import encode
from gamma.events import BarClosed, SignalMade
from gamma.feeds.sim import SimFeed
from gamma.markets import MICRO, market
from gamma.outlook import look
from gamma.picking import Picking
from gamma.ports import Capabilities, Dedupe
from gamma.rules import Rules, StrategyRules
from gamma.sizing import size
from sizers.size_picker import SizePicker

START_NS = 1_772_463_600_000_000_000  # Mon 2026-03-02 15:00 UTC
SHIPPED = "gold-picker"
GOLD = market("XAU_USD")
TIMES = 5_000
BARS = 500


def strategy_of(sizer):
    return StrategyRules(name="gold", market=GOLD, sizers=(("size_picker", sizer),), guards=())


def rules_of(sizer):
    can = Capabilities(
        name="",
        dedupe=Dedupe.NONE,
        direct_lookup=False,
        bracket=False,
        multi_leg=False,
        replace=False,
        reduce_only=False,
        order_stream=False,
    )
    return Rules(strategies={"gold": strategy_of(sizer)}, capabilities=can, day_market="XAU_USD")


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else SHIPPED
    shelf, folder = checkpoints.named(name, ())
    told = shelf.told(Path(folder))
    sizer = SizePicker(checkpoint=name, sha256=told.sha256)
    picking = Picking(checkpoints.picker(name, told.sha256, GOLD, ()), sizer, GOLD)
    rules = rules_of(sizer)
    book = open_book(
        Setup(account="gold", mode="paper", starting_capital_microusd=1_000 * MICRO, markets={"XAU_USD": GOLD})
    )
    bars = SimFeed(markets=("XAU_USD",), seed=1, bar_s=3600).history("XAU_USD", START_NS, BARS)
    for bar in bars:
        book = fold(book, BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))
        picking.see(bar)
    signal = SignalMade(
        strategy="gold",
        market="XAU_USD",
        signal_id="gold-1",
        slot_utc_ns=bar.ts_close_utc_ns,
        side=1,
        stop_ticks=5_000,
        target_ticks=0,
        ts_event_utc_ns=bar.ts_close_utc_ns,
    )
    strategy = rules.strategies["gold"]
    view = look(book, rules, strategy, signal)
    sizes, judged = sizer.sizes(view), replace(view, curve=picking.curve(view))
    assert not judged.curve.why, judged.curve.told
    closing = itertools.cycle(bars)  # each answer is to candles that it was not asked about before
    gc.collect()
    gc.freeze()  # as the daemon does once it is warm

    def answered():
        picking.picker.see(next(closing))
        return picking.picker.pick(sizes)

    def asked():
        picking.picker.see(next(closing))
        seen = look(book, rules, strategy, signal)
        return size(strategy.sizers, replace(seen, curve=picking.curve(seen)))

    print(f"{told.kind}, {len(sizes.lots)} sizes")
    alone = timed(answered, TIMES)
    show("a closed bar seen, and the picker's answer", alone)
    show("the sizer's choice and its trace", timed(lambda: size(strategy.sizers, judged), TIMES), alone)
    show("a closed bar seen, a signal looked at, judged and sized", timed(asked, TIMES), alone)
    more = len(encode(judged)) - len(encode(view))
    print(f"what is recorded of it with the decision: {more:,} bytes")


if __name__ == "__main__":
    main()
