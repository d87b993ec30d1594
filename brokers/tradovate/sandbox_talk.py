"""Conversations at Tradovate's sandbox by WebSocket: what happens to the account, prices, and any operation."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, final

from brokers.numerals import moment
from brokers.sandbox.answers import Answer, Request
from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import Change, What
from brokers.sandbox.prices import Touch
from brokers.sandbox.sockets import Said
from brokers.tradovate import sandbox_shapes
from brokers.tradovate.reading import stamp
from brokers.tradovate.sandbox_contracts import front, number_of, traded
from gamma.clock import NS
from gamma.errors import InputInvalid

PATH: Final = "/v1/websocket"
HEARTBEAT_NS: Final = round(2.5 * NS)
DEAF_NS: Final = 15 * NS
CLOSED: Final = 1_000
CHART_BARS_MAX: Final = 4_000


@dataclass(slots=True)
class Talk:
    """One conversation: whose token it has, up to which change it was told, and which prices it wants."""

    heard_utc_ns: int
    token: str = ""
    beaten_utc_ns: int = 0
    watched: int = -1
    quoted: dict[str, Touch | None] = field(default_factory=dict)
    charts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of a conversation."""

    operation: str
    number: int
    query: str
    body: str


@final
class Talks:
    """All conversations of one account; `admit` lets a request in, `answer` carries it out."""

    def __init__(
        self,
        floor: Floor,
        admit: Callable[[Request, int], Answer | None],
        answer: Callable[[Request, int], Answer],
    ) -> None:
        self._floor = floor
        self._admit = admit
        self._answer = answer
        self._talks: dict[int, Talk] = {}

    def open(self, number: int, now_utc_ns: int) -> Said:
        """Say that it is open."""
        self._talks[number] = Talk(heard_utc_ns=now_utc_ns, beaten_utc_ns=now_utc_ns)
        return Said(messages=("o",))

    def close(self, number: int) -> None:
        """It is over."""
        self._talks.pop(number, None)

    def hear(self, number: int, message: str, now_utc_ns: int) -> Said:
        """Answer a message; a heartbeat is not answered."""
        talk = self._talks[number]
        talk.heard_utc_ns = now_utc_ns
        if message == "[]":
            return Said()
        asked = _asked(message)
        if asked is None:
            return Said(messages=('c[1003,"Bad frame"]',), close_code=CLOSED)
        if asked.operation == "authorize":
            talk.token = asked.body.strip()
        refused = self._admit(_request("GET", "", talk.token), now_utc_ns)
        if refused is not None:
            return _said({"s": refused.status, "i": asked.number, "d": "Access is denied"})
        return (
            _said({"s": 200, "i": asked.number})
            if asked.operation == "authorize"
            else self._told(talk, asked, now_utc_ns)
        )

    def news(self, number: int, now_utc_ns: int) -> Said:
        """What happened since; a heartbeat now and then; and the end for who is not heard any more."""
        talk = self._talks[number]
        if now_utc_ns - talk.heard_utc_ns > DEAF_NS:
            return Said(messages=('c[1000,"Heartbeat is missing"]',), close_code=CLOSED)
        found: list[dict[str, Any]] = []
        if talk.watched >= 0:
            fresh = self._floor.changes[talk.watched :]
            talk.watched = len(self._floor.changes)
            found += [event for change in fresh for event in self._events(change)]
        found += [event for symbol in talk.quoted if (event := self._quote(talk, symbol, now_utc_ns))]
        if not found and now_utc_ns - talk.beaten_utc_ns >= HEARTBEAT_NS:
            talk.beaten_utc_ns = now_utc_ns
            return Said(messages=("h",))
        return _said(*found) if found else Said()

    def _told(self, talk: Talk, asked: Asked, now_utc_ns: int) -> Said:
        try:
            given: Any = json.loads(asked.body or "{}", parse_float=Decimal)
        except ValueError:
            return _said({"s": 400, "i": asked.number, "d": "the body is no JSON"})
        if asked.operation == "user/syncrequest":
            talk.watched = len(self._floor.changes)
            return _said({"s": 200, "i": asked.number, "d": self._snapshot(given, now_utc_ns)})
        if asked.operation.startswith("md/"):
            return self._prices(talk, asked, given, now_utc_ns)
        method = "POST" if asked.body else "GET"
        request = _request(method, f"/v1/{asked.operation}", talk.token, asked.query, asked.body)
        answer = self._answer(request, now_utc_ns)
        told = json.loads(answer.body) if answer.body[:1] in (b"{", b"[") else answer.body.decode()
        return _said({"s": answer.status, "i": asked.number, "d": told})

    def _snapshot(self, given: Mapping[str, Any], now_utc_ns: int) -> dict[str, Any]:
        """All of the kinds that were asked for; of none where none was."""
        kinds = [str(kind) for kind in given.get("entityTypes", ())]
        known = {kind.lower(): kind for kind in kinds}
        found = {f"{known[k]}s": rows(self._floor) for k, (_, rows) in sandbox_shapes.ENTITIES.items() if k in known}
        if "position" in known:
            found["positions"] = sandbox_shapes.positions(self._floor, now_utc_ns)
        return found

    def _events(self, change: Change) -> list[dict[str, Any]]:
        """What a change is told as: the order, and the fill."""
        order, found = change.order, []
        if order is None:
            return []
        kind = "Created" if change.what is What.RECEIVED else "Updated"
        rows = {row["id"]: row for row in sandbox_shapes.orders(self._floor)}
        found.append(_props("order", kind, rows[order.number]))
        if change.execution is not None:
            done = sandbox_shapes.fills(self._floor)[change.execution.number - 1]
            found.append(_props("fill", "Created", done))
        return found

    # Prices.

    def _prices(self, talk: Talk, asked: Asked, given: Mapping[str, Any], now_utc_ns: int) -> Said:
        contract = traded(str(given.get("symbol")), now_utc_ns)
        if asked.operation in ("md/unsubscribequote", "md/cancelchart"):
            if contract is not None:
                talk.quoted.pop(contract.market, None)
            return _said({"s": 200, "i": asked.number})
        if contract is None:
            return _said(
                {"s": 200, "i": asked.number, "d": {"errorText": "Symbol is not found", "errorCode": "UnknownSymbol"}}
            )
        if asked.operation == "md/subscribequote":
            talk.quoted[contract.market] = None
            quote = self._quote(talk, contract.market, now_utc_ns)
            return _said({"s": 200, "i": asked.number, "d": {"mode": "RealTime"}}, *([quote] if quote else ()))
        if asked.operation != "md/getchart":
            return _said({"s": 404, "i": asked.number, "d": "Not Found"})
        try:
            bars = self._bars(contract.market, given, now_utc_ns)
        except (InputInvalid, KeyError, TypeError, ValueError) as error:
            return _said({"s": 200, "i": asked.number, "d": {"errorText": str(error), "errorCode": "BadRequest"}})
        talk.charts += 2
        past, now = talk.charts - 1, talk.charts
        chart = {"e": "chart", "d": {"charts": [{"id": past, "bars": bars}, {"id": past, "eoh": True}]}}
        return _said({"s": 200, "i": asked.number, "d": {"historicalId": past, "realtimeId": now}}, chart)

    def _bars(self, symbol: str, given: Mapping[str, Any], now_utc_ns: int) -> list[dict[str, Any]]:
        asked, span = given["chartDescription"], given["timeRange"]
        if asked["underlyingType"] != "MinuteBar":
            raise ValueError("MinuteBar alone is told here")
        bar_s = 60 * int(asked["elementSize"])
        since = moment(span["asFarAsTimestamp"]) if "asFarAsTimestamp" in span else 0
        most = int(span.get("asMuchAsElements", CHART_BARS_MAX))
        found = self._floor.prices.bars(symbol, bar_s, max(since, now_utc_ns - most * bar_s * NS * 3), now_utc_ns)
        return [
            {
                "timestamp": stamp(bar.ts_open_utc_ns),
                "open": bar.open_points,
                "high": bar.high_points,
                "low": bar.low_points,
                "close": bar.close_points,
                "upVolume": round(bar.volume_lots) // 2,
                "downVolume": round(bar.volume_lots) - round(bar.volume_lots) // 2,
                "upTicks": 1,
                "downTicks": 1,
                "bidVolume": 0,
                "offerVolume": 0,
            }
            for bar in found[-most:]
        ]

    def _quote(self, talk: Talk, symbol: str, now_utc_ns: int) -> dict[str, Any]:
        """A quote, where it is another one than was told last."""
        touch, before = self._floor.prices.touch(symbol, now_utc_ns), talk.quoted[symbol]
        talk.quoted[symbol] = touch
        if before is not None and _same(before, touch):
            return {}
        market = self._floor.prices.market(symbol)
        named = {"Bid": touch.bid_ticks, "Offer": touch.ask_ticks, "Trade": touch.last_ticks}
        entries = {name: {"price": ticks * market.tick_points, "size": 10} for name, ticks in named.items()}
        contract = number_of(front(symbol, now_utc_ns))
        told = {"timestamp": stamp(touch.ts_utc_ns), "contractId": contract, "entries": entries}
        return {"e": "md", "d": {"quotes": [told]}}


def _same(before: Touch, touch: Touch) -> bool:
    return all(getattr(before, name) == getattr(touch, name) for name in ("bid_ticks", "ask_ticks", "last_ticks"))


def _props(entity: str, kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"e": "props", "d": {"entityType": entity, "eventType": kind, "entity": row}}


def _asked(message: str) -> Asked | None:
    """A request of four lines; None where it is none."""
    operation, number, query, body = [*message.split("\n", 3), "", "", "", ""][:4]
    if not number.isdecimal():
        return None
    return Asked(operation=operation.lower(), number=int(number), query=query, body=body)


def _request(method: str, path: str, token: str, query: str = "", body: str = "") -> Request:
    params = dict(part.partition("=")[::2] for part in query.split("&") if part)
    return Request(
        method=method, path=path, params=params, headers={"authorization": f"Bearer {token}"}, body=body.encode()
    )


def _said(*told: Mapping[str, Any]) -> Said:
    return Said(messages=(f"a{json.dumps(list(told), default=float)}",))
