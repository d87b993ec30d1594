"""What the account has: contracts by market, and money."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, final

from brokers.kalshi import reading
from brokers.kalshi.market_data import KalshiMarkets
from brokers.kalshi.questions import POSITIONS, Questions
from brokers.kalshi.requests import Requests
from gamma.ports import BrokerAccount
from gamma.wire import understood

BALANCE: Final = "/portfolio/balance"


@final
class Holdings:
    """Reads positions and money; what is held of each question of a series is held of the series."""

    def __init__(self, requests: Requests, questions: Questions, told: KalshiMarkets) -> None:
        self._requests = requests
        self._questions = questions
        self._told = told

    async def positions(self) -> Mapping[str, int]:
        """What is held and not settled, by market: YES above 0, NO below.

        Raises: Transient.
        """
        rows = await self._requests.every(POSITIONS, "market_positions", {"count_filter": "position"})
        held: dict[str, int] = {}
        with understood("positions"):
            for ticker, count in {reading.name(row["ticker"]): row["position_fp"] for row in rows}.items():
                if symbol := self._questions.symbol(ticker):
                    held[symbol] = held.get(symbol, 0) + reading.whole(count)
        return {symbol: count for symbol, count in held.items() if count}

    async def account(self, name: str) -> BrokerAccount:
        """Money: the balance is cash and what was paid for what is held; the cash what each shard of ours has.

        Raises: Transient.
        """
        told = await self._requests.read(BALANCE)
        rows = await self._requests.every(POSITIONS, "market_positions", {"count_filter": "position"})
        shards = await self.shards()
        with understood("balance"):
            cash = _cash_microusd(told)
            worth = int(reading.number(told["portfolio_value"]) * reading.MICRO_PER_CENT)
            cost = sum(abs(reading.microusd(row["market_exposure_dollars"])) for row in rows)
            by_shard = {
                int(row["exchange_index"]): reading.microusd(row["balance"])
                for row in told.get("balance_breakdown") or []
            }
            free = min((by_shard.get(shard, 0) for shard in shards), default=cash) if by_shard else cash
        return BrokerAccount(
            account=name,
            balance_microusd=cash + cost,
            equity_microusd=cash + worth,
            cash_microusd=min(cash, free),
        )

    async def shards(self) -> list[int]:
        """The shards of what is traded.

        Raises: Transient.
        """
        known = [await self._told.terms(ticker) for ticker in self._questions.tickers]
        return sorted({terms.shard for terms in known if terms is not None} | await self._questions.shards())


def _cash_microusd(told: Mapping[str, Any]) -> int:
    """Cash to the last decimal where it is told so, else in whole cents."""
    if told.get("balance_dollars") is not None:
        return reading.microusd(told["balance_dollars"])
    return int(Decimal(reading.number(told["balance"])) * reading.MICRO_PER_CENT)
