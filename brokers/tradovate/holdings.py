"""The account at Tradovate: which one it is, what it holds, and its money."""

from collections import Counter
from typing import final

from brokers import numerals
from brokers.tradovate import reading
from brokers.tradovate.contracts import Contracts
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.reading import Row
from brokers.tradovate.requests import Requests
from gamma.errors import ConfigInvalid, Transient
from gamma.ports import BrokerAccount
from gamma.wire import understood


@final
class Holdings:
    """One account of the user's; found by its name, and then by the number that Tradovate gives it."""

    def __init__(self, params: TradovateParams, requests: Requests, contracts: Contracts) -> None:
        self._params = params
        self._requests = requests
        self._contracts = contracts
        self._account: Row | None = None

    async def own(self, *, anew: bool = False) -> Row:
        """The account as Tradovate lists it.

        Raises: ConfigInvalid where it is none of this user's; Transient.
        """
        if self._account is None or anew:
            told = reading.rows(await self._requests.read("/account/list"), "account")
            with understood("accounts"):
                named = {str(row["name"]): {**row, "id": numerals.positive(row["id"])} for row in told}
            if self._params.account_id not in named:
                raise ConfigInvalid(
                    f"[brokers.tradovate] account_id = {self._params.account_id}: is none of this user's accounts in "
                    f"the {self._params.environment} environment; those are {', '.join(named) or 'none'}"
                )
            self._account = named[self._params.account_id]
        return self._account

    async def own_or_wait(self) -> Row:
        """As `own`, where the account was seen before.

        Raises: Transient.
        """
        try:
            return await self.own()
        except ConfigInvalid as error:
            raise Transient(str(error)) from error

    async def account(self) -> BrokerAccount:
        """Money: the cash with all that was realized, that with what is open, and what new positions can use.

        Raises: Transient.
        """
        account = await self.own()
        told = await self._requests.ask("/cashBalance/getcashbalancesnapshot", {"accountId": account["id"]})
        with understood("cash balance"):
            equity = numerals.microusd(told["netLiq"])
            return BrokerAccount(
                account=self._params.account_id,
                balance_microusd=numerals.microusd(told["totalCashValue"]),
                equity_microusd=equity,
                cash_microusd=equity - numerals.microusd(told["initialMargin"]),
            )

    async def positions(self) -> dict[str, int]:
        """What is held of each market, all months together [signed lots]."""
        return {symbol: lots for symbol, lots in (await self._by_symbol()).items() if lots}

    async def _positions(self) -> list[Row]:
        account = await self.own_or_wait()
        told = reading.rows(await self._requests.read("/position/list"), "position")
        with understood("positions"):
            return [row for row in told if numerals.positive(row["accountId"]) == account["id"]]

    async def by_contract(self) -> dict[str, int]:
        """What is held by the names of contracts [signed lots]."""
        held = await self._positions()
        with understood("positions"):
            lots = {numerals.positive(row["contractId"]): numerals.signed(row["netPos"]) for row in held}
        await self._contracts.symbols(lots)
        return {self._contracts.name(number): count for number, count in lots.items()}

    async def _by_symbol(self) -> Counter[str]:
        held: Counter[str] = Counter()
        for row in await self._positions():
            with understood("positions"):
                number, lots = numerals.positive(row["contractId"]), numerals.signed(row["netPos"])
            symbol = (await self._contracts.symbols([number]))[number] if lots else ""
            if symbol in self._contracts.markets:
                held[symbol] += lots
        return held
