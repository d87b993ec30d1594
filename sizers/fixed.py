"""`fixed`: always the same number of lots."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, final

from pydantic import BaseModel, Field

from gamma.reasons import Fact, Reason
from gamma.views import Num, View


@final
class Fixed(BaseModel, frozen=True, extra="forbid"):
    """Propose the same number of lots whatever the account and the market: lots = N."""

    example: ClassVar[dict[str, Any]] = {"lots": 1}

    lots: Annotated[int, Field(ge=1)]

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it looks at nothing
        return self.lots

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it looks at nothing
        return {"fixed_lots": self.lots, "reason": Reason.OK}
