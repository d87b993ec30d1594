"""Orders and executions of the account as they are listed there, by whomever; a list that is not whole is none."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, final

from ib_async.objects import ExecutionFilter

from brokers.ibkr import reading
from brokers.ibkr.contracts import Contracts
from brokers.ibkr.gateway import Complaint, Gateway, Heard
from brokers.ibkr.reading import Executed, Row
from brokers.ibkr.writing import REFUSALS
from gamma.errors import Transient
from gamma.wire import understood

KEPT: Final = 512
EXECUTIONS_KEPT: Final = 8_192


@final
class Lists:
    """What works, what ended today, and what was executed.

    `numbers` are the order numbers of this client by their ids; `refused` those of them that were refused, and why.
    """

    def __init__(self, gateway: Gateway, contracts: Contracts) -> None:
        self.numbers: dict[str, int] = {}
        self.refused: dict[str, Complaint] = {}
        self._gateway = gateway
        self._contracts = contracts
        self._executed: dict[str, Executed] = {}
        self._fees: dict[str, int] = {}
        self._odd = ""
        gateway.listeners.append(self._listen)

    # Orders.

    async def working(self) -> list[Row]:
        """All that works, whosever it is.

        Raises: Transient.
        """
        heard = await self._gateway.ask(
            "the open orders", lambda client: client.reqAllOpenOrders(), lambda h: h.name == "openOrderEnd"
        )
        rows: dict[tuple[int, int, int], Row] = {}
        with understood("open orders"):
            for told in heard:
                if told.name == "openOrder":
                    order_id, contract, order, state = told.parts
                    if order.account != self._gateway.params.account_id or order.whatIf:
                        continue
                    row = Row(
                        order_id=order_id,
                        client_id=order.clientId,
                        perm_id=order.permId,
                        contract=contract,
                        order=order,
                        word=state.status,
                        filled=Decimal(0),
                    )
                    before = rows.get(_key(row))
                    rows[_key(row)] = replace(row, filled=before.filled) if before else row
                elif told.name == "orderStatus":
                    order_id, word, filled, _, _, perm_id, _, _, client_id, *_ = told.parts
                    key = (client_id, order_id, perm_id)
                    if key in rows:
                        most = max(reading.number(filled), rows[key].filled)
                        rows[key] = replace(rows[key], word=word, filled=most)
        for row in rows.values():
            if row.client_id == self._gateway.params.client_id and row.order_id > 0:
                self.note(row.client_order_id, row.order_id)
        return sorted(rows.values(), key=lambda row: (row.perm_id, row.order_id))

    async def ended(self) -> list[Row]:
        """The orders that ended today.

        Raises: Transient.
        """
        heard = await self._gateway.ask(
            "the completed orders",
            lambda client: client.reqCompletedOrders(False),
            lambda h: h.name == "completedOrdersEnd",
        )
        rows = []
        with understood("completed orders"):
            for told in heard:
                if told.name == "completedOrder" and told.parts[1].account == self._gateway.params.account_id:
                    contract, order, state = told.parts
                    rows.append(
                        Row(
                            order_id=0,
                            client_id=-1,
                            perm_id=order.permId,
                            contract=contract,
                            order=order,
                            word=state.status,
                            filled=_filled(order.filledQuantity),
                            ended_text=str(state.completedStatus),
                            ended_time=str(state.completedTime),
                            over=True,
                        )
                    )
        return rows

    async def all(self) -> dict[int, Row]:
        """Every order that works or ended today, by its lasting number; what ended meanwhile counts as ended.

        Raises: Transient.
        """
        rows = await self.working()
        found = {row.perm_id or -1 - n: row for n, row in enumerate(rows)}
        return found | {row.perm_id: row for row in await self.ended()}

    def note(self, client_order_id: str, order_id: int) -> None:
        """Keep which number an order of this client has, of those that were told of last."""
        if client_order_id:
            self.numbers.pop(client_order_id, None)
            self.numbers[client_order_id] = order_id
        for forgotten in list(self.numbers)[:-KEPT]:
            del self.numbers[forgotten]
            self.refused.pop(forgotten, None)

    # Executions.

    async def executions(self) -> Mapping[str, Executed]:
        """All executions of the day in markets of ours, and those of earlier days that were heard of, by their names.

        Raises: Transient.
        """
        number = self._gateway.number(await self._gateway.ready())
        params = self._gateway.params
        asked = ExecutionFilter(acctCode=params.account_id)
        await self._gateway.ask(
            "the executions",
            lambda client: client.reqExecutions(number, asked),
            lambda h: h == Heard("execDetailsEnd", (number,)),
        )
        if self._odd:
            odd, self._odd = self._odd, ""
            raise Transient(odd)
        return dict(self._executed)

    def fee_microusd(self, name: str) -> int | None:
        """The commission of an execution; None while it is not told."""
        return self._fees.get(name)

    def lots_of(self, perm_id: int) -> int:
        """How many lots of an order were executed, as far as is known."""
        mine = [done for done in self._executed.values() if done.perm_id == perm_id]
        whole = [done for done in mine if done.sec_type == "BAG"] or [d for d in mine if d.sec_type == "FUT"]
        return sum(done.lots for done in whole)

    def _listen(self, heard: Heard) -> None:
        try:
            if heard.name == "execDetails":
                self._take(heard.parts[1], heard.parts[2])
            elif heard.name == "commissionReport":
                fee = reading.fee_microusd(heard.parts[0])
                if fee is not None:
                    self._fees[_name(heard.parts[0].execId)] = fee
            elif heard.name == "error":
                self._take_refusal(heard.parts[0])
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            self._odd = f"{heard.name}: not understood ({type(error).__name__}: {error})"

    def _take(self, contract: Any, told: Any) -> None:
        market = self._contracts.market_of(contract)
        if market is None or told.acctNumber != self._gateway.params.account_id:
            return
        done = reading.executed_of(told, contract, market)
        before = self._executed.get(done.name)
        if before is None or done.correction > before.correction:
            self._executed[done.name] = done
        for forgotten in list(self._executed)[:-EXECUTIONS_KEPT]:
            del self._executed[forgotten]
            self._fees.pop(forgotten, None)

    def _take_refusal(self, told: Complaint) -> None:
        if told.code not in REFUSALS:
            return
        for client_order_id, number in self.numbers.items():
            if number == told.about:
                self.refused[client_order_id] = told


def _key(row: Row) -> tuple[int, int, int]:
    return (row.client_id, row.order_id, row.perm_id)


def _name(exec_id: str) -> str:
    return exec_id.rsplit(".", 1)[0]


def _filled(value: Any) -> Decimal:
    """What a completed order filled; a quantity that is not told is none."""
    return Decimal(0) if value in ("", None) or float(value) > 1e300 else reading.number(value)
