"""Futures and option structures at Interactive Brokers, by way of TWS or IB Gateway on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, final

from brokers.ibkr.params import IbkrParams
from gamma.errors import ConfigInvalid
from gamma.markets import Market
from gamma.params import parse
from gamma.ports import Broker

__all__ = ["Ibkr"]


@final
class Ibkr:
    """Index futures and option structures at Interactive Brokers, by way of TWS or IB Gateway on this machine."""

    # What the adapter needs beyond gamma is looked for only when it is opened.

    Params: ClassVar = IbkrParams

    @classmethod
    def open(
        cls,
        params: Mapping[str, Any],
        *,
        account: str,  # noqa: ARG003  (Interactive Brokers has a number for it)
        starting_capital_microusd: int,  # noqa: ARG003  (it knows what the account has)
        markets: Mapping[str, Market],
        state_path: Path | None,  # noqa: ARG003  (it keeps the orders, and we keep none)
    ) -> Broker:
        """Open the way to the account; nothing is sent yet.

        Raises: ConfigInvalid when the parameters are wrong, or of paper and live at once, or ib_async is not installed.
        """
        checked = parse(IbkrParams, params, "brokers.ibkr")
        try:
            from brokers.ibkr.adapter import IbkrBroker  # noqa: PLC0415  (it needs ib_async)
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] not in ("ib_async", "eventkit"):
                raise
            raise ConfigInvalid(
                "[brokers.ibkr] is spoken to by way of ib_async, which is not installed; "
                "install it: pip install 'gamma-daemon[ibkr]'"
            ) from None
        return IbkrBroker(checked, markets)
