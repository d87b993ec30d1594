"""Fills of an account since a marker. Only executions of the day are listed there, and their commissions apart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, final
from zoneinfo import ZoneInfo

from brokers.ibkr.contracts import FUTURES
from brokers.ibkr.gateway import Gateway
from brokers.ibkr.listing import Lists
from brokers.ibkr.reading import Executed, price_ticks
from gamma.clock import NS
from gamma.errors import MarkerUnknown
from gamma.events import Fill
from gamma.markets import Market
from gamma.ports import FillPage
from gamma.wire import understood

# So long a fill waits for its commission, which is told apart from it; then the market's is booked [ns].
FEE_WAIT_NS: Final = 10 * NS
_NEW_YORK: Final = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """When fills were read last, and those of them that were listed and told."""

    ts_utc_ns: int = 0
    told: frozenset[str] = field(default_factory=frozenset)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([self.ts_utc_ns, sorted(self.told)])


def marker_of(text: str) -> Marker:
    """Read a marker back.

    Raises: MarkerUnknown.
    """
    if not text:
        return Marker()
    try:
        ts_utc_ns, told = json.loads(text)
        return Marker(ts_utc_ns=int(ts_utc_ns), told=frozenset(str(name) for name in told))
    except (ValueError, TypeError) as error:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of fills at Interactive Brokers") from error


@final
class Fills:
    """Reads fills on from a marker.

    What came after a marker can be told where an execution that was told by then is still listed, or where all since
    was heard: on one connection from then on, or within a day. Where it cannot, that is said once of each marker:
    whoever then reads all that there is knows as much as can be known.
    """

    def __init__(self, gateway: Gateway, lists: Lists, markets: Mapping[str, Market]) -> None:
        self._gateway = gateway
        self._lists = lists
        self._markets = markets
        self._heard_since_utc_ns: int | None = None
        self._read_utc_ns = 0
        self._epoch = -1
        self._lacking: set[str] = set()
        self._waits: dict[str, int] = {}

    async def since(self, marker: str, now_utc_ns: int) -> FillPage:
        """What was executed since, oldest first; a fill is told once its commission is.

        Raises: MarkerUnknown; Transient.
        """
        known = marker_of(marker)
        done = await self._lists.executions()
        self._account_for(now_utc_ns)
        if marker and not self._covers(known, done) and marker not in self._lacking:
            self._lacking.add(marker)
            raise MarkerUnknown("no execution is listed any more that was told by then")
        order = sorted(done.values(), key=lambda each: (each.ts_event_utc_ns, each.name))
        lots = [each for each in order if each.sec_type in ("FUT", "BAG")]
        fresh = [each for each in lots if each.name not in known.told]
        fills, told = [], known.told & done.keys()
        with understood("executions"):
            for each in fresh:
                fee = self._fee_microusd(each, order)
                if fee is not None or self._is_late(each.name, now_utc_ns):
                    fills.append(self._fill(each, fee))
                    told |= {each.name}
        return FillPage(fills=fills, marker=Marker(ts_utc_ns=self._safe_utc_ns(fresh, told), told=told).text())

    def _fill(self, done: Executed, fee_microusd: int | None) -> Fill:
        market = self._markets[done.market]
        price = price_ticks(done, market)
        return Fill(
            execution_id=done.name,
            client_order_id=done.client_order_id,
            market=done.market,
            side=done.side,
            lots=done.lots,
            price_ticks=price,
            fee_microusd=market.fee_microusd(done.lots, price) if fee_microusd is None else fee_microusd,
            ts_event_utc_ns=done.ts_event_utc_ns,
            fee_estimated=fee_microusd is None,
        )

    def _fee_microusd(self, done: Executed, all_of_them: Sequence[Executed]) -> int | None:
        """What was charged for an execution; of a structure for its legs, which trade together with it."""
        if self._markets[done.market].kind in FUTURES:
            return self._lists.fee_microusd(done.name)
        legs = [e for e in all_of_them if (e.perm_id, e.match) == (done.perm_id, done.match) and e is not done]
        fees = [fee for leg in legs if (fee := self._lists.fee_microusd(leg.name)) is not None]
        if len(legs) < 2 or len(fees) < len(legs) or any(leg.lots % done.lots for leg in legs):
            return None
        return sum(fees, self._lists.fee_microusd(done.name) or 0)

    def _is_late(self, name: str, now_utc_ns: int) -> bool:
        """Whether a commission was waited for long enough."""
        return now_utc_ns - self._waits.setdefault(name, now_utc_ns) >= FEE_WAIT_NS

    # What can be told.

    def _account_for(self, now_utc_ns: int) -> None:
        """All was listed now: keep from when on everything is known."""
        unbroken = self._epoch == self._gateway.epoch or _day(self._read_utc_ns) == _day(now_utc_ns)
        if self._heard_since_utc_ns is None or not unbroken:
            self._heard_since_utc_ns = _midnight_utc_ns(now_utc_ns)
        self._epoch, self._read_utc_ns = self._gateway.epoch, now_utc_ns

    def _covers(self, known: Marker, done: Mapping[str, Executed]) -> bool:
        since = self._heard_since_utc_ns
        return (since is not None and since <= known.ts_utc_ns) or not known.told.isdisjoint(done)

    def _safe_utc_ns(self, fresh: Sequence[Executed], told: frozenset[str]) -> int:
        """The time up to which all is told: that of the first execution that waits for its commission."""
        waiting = [each.ts_event_utc_ns for each in fresh if each.name not in told]
        return min([self._read_utc_ns, *waiting])


def _day(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(_NEW_YORK).date().isoformat()


def _midnight_utc_ns(ts_utc_ns: int) -> int:
    at = datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(_NEW_YORK)
    return int(at.replace(hour=0, minute=0, second=0).timestamp()) * NS
