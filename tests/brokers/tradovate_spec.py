"""What Tradovate's own description of its API says of the messages that are used: fields, types, what must be there.

Source: Tradovate's OpenAPI 3.1 document "REST API Endpoints", version 1.0.0, as of 2026-08-21, kept at GitHub under
SharurTrading/tradovate-rs, spec/official/openapi-2026-08-21.json, components/schemas. The table is typed by hand.
A field's type stands behind its name; a star marks what is required.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

_WORDS: Final = {
    "Action": "Buy Sell",
    "OrderType": "Limit LimitIfTouched MIT Market QTS Stop StopLimit TrailingStop TrailingStopLimit",
    "TimeInForce": "Day FOK GTC GTD IOC",
    "OrdStatus": (
        "Canceled Completed Expired Filled PendingCancel PendingNew PendingReplace Rejected Suspended Unknown Working"
    ),
    "CommandType": "Cancel Modify New",
    "CommandStatus": (
        "AtExecution ExecutionRejected ExecutionStopped ExecutionSuspended OnHold Pending PendingExecution Replaced "
        "RiskPassed RiskRejected"
    ),
    "ExecType": (
        "Canceled Completed DoneForDay Expired New OrderStatus PendingCancel PendingNew PendingReplace Rejected "
        "Replaced Stopped Suspended Trade TradeCancel TradeCorrect"
    ),
    "Reason": (
        "AccountClosed AdvancedTrailingStopUnsupported AnotherCommandPending BackMonthProhibited "
        "ExecutionProviderNotConfigured ExecutionProviderUnavailable InvalidContract InvalidPrice "
        "KeyInformationDocumentRequired LiquidationOnly LiquidationOnlyBeforeExpiration MaxOrderQtyIsNotSpecified "
        "MaxOrderQtyLimitReached MaxPosLimitMisconfigured MaxPosLimitReached MaxTotalPosLimitReached "
        "MultipleAccountPlanRequired NoQuote NotEnoughLiquidity OtherExecutionRelated ParentRejected RiskCheckTimeout "
        "SSFRiskDisclosureAcknowledgmentRequired SessionClosed Success TooLate TradingLocked "
        "TrailingStopNonOrderQtyModify Unauthorized UnknownReason Unsupported"
    ),
    "AccountType": "Customer Employee Giveup House Omnibus Wash",
    "MarginAccountType": "Hedger Speculator",
    "LegalStatus": "Corporation GP IRA Individual Joint LLC LLP LP PTR Trust",
    "ProductType": "CommonStock Continuous Cryptocurrency Futures MarketInternals Options Spread Swap",
    "ProductStatus": "Inactive Locked ReadyForContracts ReadyToTrade Verified",
    "PriceFormatType": "Decimal Fractional",
}
WORDS: Final = {name: frozenset(words.split()) for name, words in _WORDS.items()}

_PRICES: Final = "price:number stopPrice:number limitIfTouchedPrice:number maxShow:int pegDifference:number"
_ENTRY: Final = (
    "accountSpec:text accountId:int clOrdId:text action*:Action symbol*:text orderQty*:int orderType*:OrderType "
    f"{_PRICES} timeInForce:TimeInForce expireTime:time text:text activationTime:time customTag50:text isAutomated:bool"
)
_FEES: Final = " ".join(
    f"{name}Fee:number {name}CurrencyId:int"
    for name in ("clearing", "exchange", "nfa", "brokerage", "ip", "orderRouting")
)
_MESSAGES: Final = {
    "AccessTokenRequest": (
        "hibpCheck:bool name*:text password*:text appId:text appVersion:text deviceId:text cid:text sec:text"
    ),
    "PlaceOrder": _ENTRY,
    "PlaceOSO": f"{_ENTRY} bracket1*:RestrainedOrderVersion bracket2:RestrainedOrderVersion",
    "RestrainedOrderVersion": (
        f"action*:Action clOrdId:text orderType*:OrderType {_PRICES} timeInForce:TimeInForce expireTime:time text:text"
    ),
    "ModifyOrder": (
        f"orderId*:int clOrdId:text orderQty*:int orderType*:OrderType {_PRICES} timeInForce:TimeInForce "
        "expireTime:time text:text activationTime:time customTag50:text isAutomated:bool"
    ),
    "CancelOrder": "orderId*:int clOrdId:text activationTime:time customTag50:text isAutomated:bool",
    "GetCashBalanceSnapshot": "accountId*:int",
    "PlaceOrderResult": "failureReason:Reason failureText:text orderId:int",
    "PlaceOsoResult": "failureReason:Reason failureText:text orderId:int oso1Id:int oso2Id:int",
    "CommandResult": "failureReason:Reason failureText:text commandId:int",
    "Order": (
        "id:int accountId*:int contractId:int spreadDefinitionId:int timestamp*:time action*:Action "
        "ordStatus*:OrdStatus executionProviderId:int ocoId:int parentId:int linkedId:int admin*:bool"
    ),
    "OrderVersion": (
        f"id:int orderId*:int orderQty*:int orderType*:OrderType {_PRICES} timeInForce:TimeInForce expireTime:time "
        "text:text"
    ),
    "Command": (
        "id:int orderId*:int timestamp*:time clOrdId:text commandType*:CommandType commandStatus*:CommandStatus "
        "senderId:int userSessionId:int activationTime:time customTag50:text isAutomated:bool"
    ),
    "CommandReport": (
        "id:int commandId*:int timestamp*:time commandStatus*:CommandStatus rejectReason:Reason text:text "
        "ordStatus:OrdStatus"
    ),
    "ExecutionReport": (
        "id:int commandId*:int name*:text accountId*:int contractId*:int timestamp*:time tradeDate:TradeDate "
        "orderId*:int execType*:ExecType execRefId:text ordStatus:OrdStatus action*:Action cumQty:int avgPx:number "
        "lastQty:int lastPx:number rejectReason:Reason text:text exchangeOrderId:text"
    ),
    "Fill": (
        "id:int orderId*:int contractId*:int timestamp*:time tradeDate*:TradeDate action*:Action qty*:int "
        "price*:number active*:bool finallyPaired*:int"
    ),
    "FillFee": f"id:int {_FEES} commission:number commissionCurrencyId:int",
    "Position": (
        "id:int accountId*:int contractId*:int timestamp*:time tradeDate*:TradeDate netPos*:int netPrice:number "
        "bought*:int boughtValue*:number sold*:int soldValue*:number prevPos*:int prevPrice:number"
    ),
    "TradeDate": "year*:int month*:int day*:int",
    "Account": (
        "id:int name*:text userId*:int accountType*:AccountType restricted:bool closed:bool clearingHouseId*:int "
        "riskCategoryId*:int autoLiqProfileId*:int marginAccountType*:MarginAccountType legalStatus*:LegalStatus "
        "timestamp*:time evaluationSize:number readonly:bool ccEmail:text futuresDisabled:bool"
    ),
    "CashBalanceSnapshot": (
        "errorText:text totalCashValue:number totalPnL:number initialMargin:number maintenanceMargin:number "
        "netLiq:number openPnL:number realizedPnL:number weekRealizedPnL:number netLiqSOD:number "
        "totalCashValueSOD:number cashUSD:number cashSODUSD:number fullInitialMargin:number autoLiqLevel:number"
    ),
    "Contract": "id:int name*:text contractMaturityId*:int timestamp*:time",
    "ContractMaturity": (
        "id:int productId*:int expirationMonth*:int expirationDate*:time firstIntentDate:time underlyingId:int "
        "isFront*:bool"
    ),
    "Product": (
        "id:int name*:text currencyId*:int productType*:ProductType description*:text exchangeId*:int "
        "contractGroupId*:int riskDiscountContractGroupId:int status*:ProductStatus months:text isSecured:bool "
        "valuePerPoint*:number priceFormatType*:PriceFormatType priceFormat*:int tickSize*:number"
    ),
    "SyncRequest": "users:ints accounts:ints splitResponses:bool cutoffTimestamp:time entityTypes:texts",
}
# Limits of texts that the description names in words.
TEXT_MAX: Final = {"clOrdId": 64, "accountSpec": 64, "symbol": 64, "text": 64, "customTag50": 50, "deviceId": 64}


def against(message: str, told: Any) -> list[str]:
    """What is wrong with a message by the description; a field that it does not know is wrong too."""
    if not isinstance(told, Mapping):
        return [f"{message} is {told!r}"]
    fields = [field.partition(":") for field in _MESSAGES[message].split()]
    kinds = {name.rstrip("*"): kind for name, _, kind in fields}
    required = {name.rstrip("*") for name, _, _ in fields if name.endswith("*")}
    found = [f"{message}.{name} is missing" for name in sorted(required - told.keys())]
    for name, value in told.items():
        if name not in kinds:
            found.append(f"{message}.{name} is not known")
        else:
            found += _value(f"{message}.{name}", kinds[name], value)
            if name in TEXT_MAX and isinstance(value, str) and len(value) > TEXT_MAX[name]:
                found.append(f"{message}.{name} is longer than {TEXT_MAX[name]}")
    return found


def _value(where: str, kind: str, value: Any) -> list[str]:
    if kind in _MESSAGES:
        return against(kind, value)
    if kind in WORDS:
        return [] if value in WORDS[kind] else [f"{where} is {value!r}"]
    if kind in ("ints", "texts"):
        one = kind.rstrip("s")
        return [wrong for each in value for wrong in _value(where, one, each)]
    fits = {
        "int": type(value) is int,
        "number": type(value) in (int, float, Decimal),
        "text": isinstance(value, str),
        "bool": isinstance(value, bool),
        "time": isinstance(value, str) and _is_time(value),
    }
    return [] if fits[kind] else [f"{where} is {value!r}, and no {kind}"]


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
