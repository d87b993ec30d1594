"""Schedules of crashes and faults with Tradier's adapter, at its sandbox: the daemon sells credit spreads in XSP.

    python -m tests.chaos.tradier_schedule 1000        seeds 1 to 1,000
    python -m tests.chaos.tradier_schedule 1 --seed 7  one seed, step by step

The world, the network, the person and the judge are those of `gamma chaos`; the observer's log is made of the
sandbox's own orders.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import parse_qs

import httpx

from brokers.sandbox.answers import Request
from brokers.sandbox.option_market import Quoted
from brokers.sandbox.tickets import Store, Ticket
from brokers.tradier.adapter import TradierBroker
from brokers.tradier.params import TradierParams
from brokers.tradier.sandbox import ACCOUNT, TradierSandbox
from gamma import requests
from gamma.assembly import Assembly, Hours, rules_of, setup_of
from gamma.chaos.broker.observed import Canceled, Doubled, Executed, Received, Record, Refused
from gamma.chaos.simulation import judge, setting
from gamma.chaos.simulation.eyes import seats
from gamma.chaos.simulation.faults import Fault, Plan, plan
from gamma.chaos.simulation.inspector import Inspector
from gamma.chaos.simulation.loop import Crash, Stuck, Time, live
from gamma.chaos.simulation.network import Network, Points, Served
from gamma.chaos.simulation.person import Person
from gamma.chaos.simulation.tap import OnDisk, Tap, one_in
from gamma.chaos.simulation.trials import in_a_folder
from gamma.chaos.simulation.world import BRISK, MISSING_SHARE, START_UTC_NS, WorldFeed, move_at
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.errors import Corrupt, GammaError, InputInvalid, InvariantBroken, LedgerFailed, Transient
from gamma.invariants.patrol import examine
from gamma.ledger import Ledger
from gamma.messengers import Messengers
from gamma.options import Greeks, Option
from tests.contract.tradier import PARAMS

TAIL_MAX_S: Final = 2_400
LIVES_MAX: Final = 40
LEFT_OUT: Final = frozenset({Fault.RIVAL, Fault.NUMBERS, Fault.SLUGGISH, Fault.BLIND, Fault.FILLS, Fault.CLOCK})
REJECT_FRAC: Final = 0.15
_XSP: Final = setting.SPREAD
_LONG_POINTS: Final = Decimal(1)


class World:
    """Quotes of the two options: the one that is sold is dearer by the world's price of the spread."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def spot(self, underlying: str, now_utc_ns: int) -> Decimal:  # noqa: ARG002
        if underlying != _XSP:
            raise InputInvalid(f"{underlying} is not quoted")
        return Decimal(600)

    def quote(self, option: Option, now_utc_ns: int) -> Quoted:
        move_ns = BRISK.move_s * NS
        close = move_at(self._seed, _XSP, BRISK, max(START_UTC_NS, now_utc_ns // move_ns * move_ns)).close
        points = _LONG_POINTS + (Decimal(close) / 20 if option.strike_points == 580 else 0)
        return Quoted(bid=points, ask=points)

    def expirations(self, underlying: str, now_utc_ns: int) -> list[date]:  # noqa: ARG002
        return [date(2026, 4, 17)]

    def chain(self, underlying: str, expires: date, now_utc_ns: int) -> list[tuple[Option, Greeks]]:  # noqa: ARG002
        return []


@dataclass
class Outcome:
    """What came of a schedule."""

    crashes: int = 0
    orders: int = 0
    fills: int = 0
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


class Schedule:
    """A plan at work, with Tradier's adapter."""

    def __init__(self, drawn: Plan, folder: Path) -> None:
        self.plan = replace(drawn, faults=drawn.faults - LEFT_OUT)
        self.folder = folder
        self.outcome = Outcome()
        self.rng = random.Random(f"tradier {drawn.seed}")
        self.time = Time(START_UTC_NS)
        self.tail_utc_ns = START_UTC_NS + drawn.minutes * 60 * NS
        store = Store(None, ACCOUNT)
        capital = Decimal(setting.START_MICROUSD) / 1_000_000
        self.sandbox = TradierSandbox(World(drawn.seed), store, capital_usd=capital)
        can = TradierBroker(TradierParams.model_validate(PARAMS), {}).capabilities
        made = setting.config(folder, can)
        self.config = made.model_copy(update={"strategies": tuple(s for s in made.strategies if s.market == _XSP)})
        self.setup, self.rules = setup_of(self.config), rules_of(self.config, can)
        self.on_disk = OnDisk(folder / "gamma.db")
        folder_of_requests = requests.folder_of(self.config.gamma.database, setting.ACCOUNT)
        self.person = Person(self.plan, self.time, folder_of_requests, self.say)
        self.sent: set[str] = set()

    @property
    def faulty(self) -> bool:
        return self.time.now < self.tail_utc_ns

    def say(self, text: str) -> None:
        self.outcome.trace.append(f"{(self.time.now - START_UTC_NS) / NS:10.3f}  {text}")

    def run(self) -> Outcome:
        """From the first start to the last word."""
        self._move()
        self.person.begin(self.tail_utc_ns)
        deaths = list(self.plan.deaths)
        for _ in range(LIVES_MAX):
            if self._live(deaths.pop(0) if deaths else 0):
                break
            self.time.advance(self.time.now + round(self.rng.uniform(0.5, 20.0) * NS))
        else:
            self._wrong(f"tail: it started {LIVES_MAX} times and never came to rest")
        self.on_disk.close()
        log = list(self._log())
        self.outcome.orders = sum(isinstance(r, Received) for r in log)
        self.outcome.fills = sum(isinstance(r, Executed) for r in log)
        self.outcome.violations += judge.at_the_end(log, self.folder / "gamma.db", setting.caps(self.rules))
        self.outcome.violations += map(str, examine(self.config.gamma.database, self.setup, self.rules).violations)
        return self.outcome

    def _live(self, die_at: int) -> bool:
        """One life of the daemon; whether it came to a good end."""
        opened: list[Ledger] = []
        try:
            until = self.tail_utc_ns + TAIL_MAX_S * NS
            live(self.time, until, self._work(Points(self.time, die_at, self.say), opened))
        except Crash:
            self.outcome.crashes += 1
        except Stuck:
            self._wrong(f"tail: {TAIL_MAX_S // 60} minutes without a fault, and no rest: {self.person.wants}")
            return True
        except GammaError as error:
            self.say(f"the daemon ended: {type(error).__name__} {error}")
            if isinstance(error, InvariantBroken) or not self._excused(error):
                self._wrong(f"the daemon ended with {type(error).__name__}: {error}")
                return True
        else:
            return True
        finally:
            for ledger in opened:
                ledger.abandon()
        return False

    def _excused(self, error: GammaError) -> bool:
        bad_disk = Fault.DISK in self.plan.faults and isinstance(error, LedgerFailed | Corrupt)
        return bad_disk or (isinstance(error, Transient) and self.time.now < self.tail_utc_ns + 90 * NS)

    async def _work(self, points: Points, opened: list[Ledger]) -> None:
        fails = one_in(self.rng, 150) if Fault.DISK in self.plan.faults else lambda: False
        ledger = Ledger.open(
            self.config.gamma.database,
            account=setting.ACCOUNT,
            mode="paper",
            clock_ns=self.time.wall_ns,
            between=lambda raw: Tap(raw, points, lambda: self.faulty and fails()),
        )
        opened.append(ledger)
        network = Network(
            self.time,
            points,
            self._serve,
            self.plan,
            faulty=lambda: self.faulty,
            rng=self.rng,
            leaving=self._leave,
            told=self.say,
        )
        broker = TradierBroker(TradierParams.model_validate(PARAMS), self.setup.markets, network)
        async with httpx.AsyncClient(transport=network) as client:
            daemon = Daemon(
                self._assembly(broker),
                ledger,
                messengers=Messengers(self.config, ledger, client, self.time, jitter=self.rng.random),
                observers=(Inspector(self._wrong),),
                clock=self.time,
            )
            by_client = {ticket.tag: ticket for ticket in self.sandbox.floor.tickets.values()}
            exchange = SimpleNamespace(floor=SimpleNamespace(by_client=by_client))
            self.person.watch(daemon, exchange, self.on_disk)
            await daemon.run(1.0)
        ledger.close()

    def _assembly(self, broker: Any) -> Assembly:
        missing = MISSING_SHARE if Fault.FEED in self.plan.faults else 0.0
        return Assembly(
            config=self.config,
            setup=self.setup,
            rules=self.rules,
            broker=broker,
            feed=WorldFeed(self.plan.seed, (_XSP,), lambda: self.time.now, missing),
            seats={_XSP: seats(self.rules, self.plan.seed, self.tail_utc_ns)[_XSP]},
            streams=(),
            hours=Hours(),
            start_utc_ns=0,
        )

    def _leave(self, method: str, target: str, body: bytes) -> None:
        """I1 and I6: each order leaves once, and its intent is on disk by then."""
        if method != "POST" or not target.endswith("/orders"):
            return
        [tag] = parse_qs(body.decode())["tag"]
        if tag in self.sent:
            self._wrong(f"I1: {tag} was sent a second time")
        self.sent.add(tag)
        if self.on_disk.intended(tag) is None:
            self._wrong(f"I6: {tag} was sent, and no intent of it was on disk")

    def _serve(self, method: str, host: str, target: str, body: bytes) -> Served:
        if host != "127.0.0.1":
            bad = self.faulty and Fault.ALERTS in self.plan.faults and self.rng.random() < 0.7
            return (500, {}, b"") if bad else (200, {}, b"{}")
        if method == "POST" and self.faulty and Fault.REJECTS in self.plan.faults and self.rng.random() < REJECT_FRAC:
            self.sandbox.floor.refuse_next.append("AccountMarginRuleViolation")
        url = httpx.URL(f"http://{host}{target}")
        headers = {"authorization": f"Bearer {PARAMS['token']}", "accept": "application/json"}
        request = Request(method=method, path=url.path, params=dict(url.params), headers=headers, body=body)
        answer = self.sandbox.handle(request, self.time.now)
        return answer.status, answer.headers, answer.body

    def _move(self) -> None:
        def step() -> None:
            self.sandbox.advance(self.time.now)
            self.time.at(self.time.now + BRISK.move_s * NS, step)

        self.time.at(START_UTC_NS + BRISK.move_s * NS, step)

    def _log(self) -> Iterator[Record]:
        """The sandbox's orders as an observer would have written them down."""
        records = [record for ticket in self.sandbox.floor.tickets.values() for record in _records(ticket)]
        tags: dict[str, str] = {}
        for record in sorted(records, key=lambda r: r.ts_utc_ns):
            if isinstance(record, Received) and record.client_order_id in tags:
                yield Doubled(
                    ts_utc_ns=record.ts_utc_ns,
                    client_order_id=record.client_order_id,
                    order_id=record.order_id,
                    first_order_id=tags[record.client_order_id],
                )
            if isinstance(record, Received):
                tags[record.client_order_id] = record.order_id
            yield record

    def _wrong(self, text: str) -> None:
        self.say(f"WRONG {text}")
        self.outcome.violations.append(text)


def _records(ticket: Ticket) -> Iterator[Record]:
    order_id, tag = str(ticket.number), ticket.tag
    side = -1 if ticket.legs[0].ratio < 0 else 1  # the first of its two options is the dearer one
    yield Received(
        ts_utc_ns=ticket.ts_created_utc_ns,
        client_order_id=tag,
        order_id=order_id,
        market=ticket.underlying,
        side=side,
        lots=ticket.lots,
        kind=ticket.kind,
        price_ticks=int(abs(ticket.limit_points or Decimal(0)) * 20),
        reduces=not ticket.legs[0].opens,
    )
    number = 0
    for execution in ticket.executions:
        net = -sum((leg.ratio * p for leg, p in zip(ticket.legs, execution.leg_points, strict=True)), Decimal(0))
        for _ in range(execution.lots):
            number += 1
            yield Executed(
                ts_utc_ns=execution.ts_utc_ns,
                execution_id=f"{order_id}-{number}",
                order_id=order_id,
                client_order_id=tag,
                market=ticket.underlying,
                side=side,
                lots=1,
                price_ticks=-side * int(net * 20),
                fee_microusd=int(execution.fee_usd * 1_000_000 / execution.lots),
            )
    if ticket.state in ("canceled", "expired"):
        yield Canceled(ts_utc_ns=ticket.ts_updated_utc_ns, order_id=order_id, client_order_id=tag, by="client")
    if ticket.state == "rejected":
        yield Refused(ts_utc_ns=ticket.ts_updated_utc_ns, client_order_id=tag, order_id=order_id, code=ticket.reason)


def run(seed: int) -> Outcome:
    """One seed."""
    with in_a_folder() as folder:
        return Schedule(plan(seed, ("forever",)), folder).run()


def _main(given: Mapping[str, Any]) -> int:
    if given["seed"]:
        outcome = run(given["seed"])
        sys.stdout.write("\n".join([*outcome.trace, *outcome.violations, ""]))
        return bool(outcome.violations)
    totals, bad = Outcome(), 0
    for seed in range(1, given["count"] + 1):
        outcome = run(seed)
        totals.crashes += outcome.crashes
        totals.orders += outcome.orders
        totals.fills += outcome.fills
        for text in outcome.violations[:3]:
            sys.stdout.write(f"seed {seed}: {text}\n")
        bad += bool(outcome.violations)
    sys.stdout.write(
        f"{given['count']:,} schedules, {totals.crashes:,} crashes, {totals.orders:,} orders, {totals.fills:,} lots "
        f"filled, {bad} with violations\n"
    )
    return bool(bad)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=0)
    sys.exit(_main(vars(parser.parse_args())))
