"""What is traded, as Interactive Brokers names it: futures by month, options by their parts, structures as one BAG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, final

from ib_async.contract import ComboLeg, Contract

from brokers.ibkr.gateway import Complaint, Gateway, Heard
from brokers.legs import contract as option_of
from gamma.bars import Session
from gamma.calendar import next_session, rolls, session_at
from gamma.errors import InputInvalid, Transient
from gamma.events import Leg
from gamma.markets import Kind, Market
from gamma.wire import understood

FUTURES: Final = (Kind.EMINI, Kind.MICRO)
SMART: Final = "SMART"
_NO_CONTRACT: Final = 200
INDEX_EXCHANGES: Final = {"SPX": "CBOE", "XSP": "CBOE", "NDX": "NASDAQ", "RUT": "RUSSELL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A contract that Interactive Brokers knows, and the market of ours that it belongs to."""

    con_id: int
    market: str
    exchange: str
    symbol: str


@final
class Contracts:
    """Finds contracts, and keeps what it found; what is not exactly the market that is configured is none."""

    def __init__(self, gateway: Gateway, markets: Mapping[str, Market]) -> None:
        self.markets = {s: m for s, m in markets.items() if m.kind in FUTURES or m.kind is Kind.OPTION_SPREAD}
        self._gateway = gateway
        self._found: dict[str, Instrument] = {}

    def market_of(self, contract: Contract) -> Market | None:
        """The market that a contract belongs to; None where it is none of ours."""
        kinds = {"FUT": FUTURES, "OPT": (Kind.OPTION_SPREAD,), "BAG": (Kind.OPTION_SPREAD,)}
        market = self.markets.get(contract.symbol)
        return market if market is not None and market.kind in kinds.get(contract.secType, ()) else None

    async def front(self, market: Market, now_utc_ns: int) -> Instrument:
        """The contract of a future that is in front.

        Raises: Transient, where it is not known there, or is another than the market that is configured.
        """
        session: Session = session_at(market.symbol, now_utc_ns) or next_session(market.symbol, now_utc_ns)
        month = rolls.front_contract(market.symbol, session.date).month
        wanted = Contract(
            secType="FUT",
            symbol=market.symbol,
            exchange=market.exchange,
            currency="USD",
            lastTradeDateOrContractMonth=month.replace("-", ""),
        )
        return await self._known(f"{market.symbol} {month}", wanted, market)

    async def option(self, symbol: str, market: Market) -> Instrument:
        """The contract of an option.

        Raises: Transient, where it is not known there; InputInvalid where the symbol is no option's.
        """
        named = option_of(symbol)
        if named is None or named.underlying != market.symbol:
            raise InputInvalid(f"{symbol!r} is no option on {market.symbol}; name options as SPXW261120P05800000")
        wanted = Contract(
            secType="OPT",
            symbol=market.symbol,
            exchange=SMART,
            currency="USD",
            lastTradeDateOrContractMonth=f"20{named.expires}",
            strike=float(named.strike_points),
            right="C" if named.call else "P",
            multiplier="100",
            tradingClass=named.root,
        )
        return await self._known(symbol, wanted, market)

    async def underlying(self, underlying: str) -> Instrument:
        """What options are on, an index or a fund, to be quoted.

        Raises: Transient, where it is not known there.
        """
        exchange = INDEX_EXCHANGES.get(underlying, SMART)
        wanted = Contract(secType=kind_of(underlying), symbol=underlying, exchange=exchange, currency="USD")
        return await self._known(underlying, wanted, None)

    async def bag(self, legs: Sequence[Leg], market: Market) -> Contract:
        """A structure as it is bought: each leg by its own ratio.

        Raises: Transient or InputInvalid, as `option` does.
        """
        found = [(leg, await self.option(leg.symbol, market)) for leg in legs]
        combo = [
            ComboLeg(
                conId=option.con_id, ratio=abs(leg.ratio), action="BUY" if leg.ratio > 0 else "SELL", exchange=SMART
            )
            for leg, option in found
        ]
        return Contract(secType="BAG", symbol=market.symbol, exchange=SMART, currency="USD", comboLegs=combo)

    async def _known(self, name: str, wanted: Contract, market: Market | None) -> Instrument:
        if name not in self._found:
            told = await self.details(wanted)
            if len(told) != 1:
                raise Transient(f"{name}: Interactive Brokers knows {len(told)} contracts of it, and one is needed")
            with understood(name):
                if market is not None:
                    _same(name, told[0], market)
                found = told[0].contract
                self._found[name] = Instrument(
                    con_id=found.conId, market=wanted.symbol, exchange=wanted.exchange, symbol=found.localSymbol
                )
        return self._found[name]

    async def details(self, wanted: Contract) -> list[Any]:
        """What is known of a contract; nothing, where it is not known.

        Raises: Transient.
        """
        number = self._gateway.number(await self._gateway.ready())

        def last(heard: Heard) -> bool:
            return heard == Heard("contractDetailsEnd", (number,)) or unknown(heard)

        def unknown(heard: Heard) -> bool:
            told = heard.parts[0] if heard.name == "error" else None
            return isinstance(told, Complaint) and told.about == number and told.code == _NO_CONTRACT

        heard = await self._gateway.ask(
            f"the contract of {wanted.symbol}", lambda client: client.reqContractDetails(number, wanted), last
        )
        return [h.parts[1] for h in heard if h.name == "contractDetails" and h.parts[0] == number]


def _same(name: str, told: Any, market: Market) -> None:
    """Raises: Transient, where a point or a tick is worth something else there than here."""
    contract = told.contract
    multiplier = Decimal(contract.multiplier or "0")
    if multiplier * 10**6 != market.tick_value_microusd * market.ticks_per_point:
        raise Transient(f"{name}: a point is worth {multiplier} usd there, {market.multiplier_usd_per_point:g} here")
    ticks = Decimal(str(told.minTick)) * market.ticks_per_point
    if not contract.conId > 0 or contract.currency != "USD" or ticks <= 0 or (ticks != 1 and market.kind in FUTURES):
        raise Transient(f"{name}: its tick is {told.minTick} there, {market.tick_points} here, in {contract.currency}")


def kind_of(underlying: str) -> str:
    """What options on it are on: an index, or the shares of a fund."""
    return "IND" if underlying in INDEX_EXCHANGES else "STK"


def utc_ns(at: datetime) -> int:
    """A time with its zone [UTC ns]; whole microseconds."""
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
