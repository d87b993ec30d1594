"""`Sight`: all that a page may look at, of one account and one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final
from urllib.parse import urlencode

import numpy as np

from gamma.account import Standing
from gamma.config import Config
from gamma.dashboard.aside import Aside
from gamma.ledger import Reader
from gamma.stats import Floats, Ints
from gamma.vitals import Sign

Query = Mapping[str, str]
"""What stands in the address behind the question mark."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One filter: what stands in the address under `name`, chosen among `options` (value and words), or typed."""

    name: str
    title: str
    options: Sequence[tuple[str, str]] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """Equity at its marks [usd], and the floor as it stood then (NaN without one); all [N], oldest first."""

    ts_utc_ns: Ints
    high_usd: Floats
    low_usd: Floats
    close_usd: Floats
    floor_usd: Floats


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Whether a daemon works on the ledger: its process and last sign of life, and how old that and the ledger are [s].

    What is None is not known.
    """

    pid: int | None
    sign: Sign | None
    sign_age_s: float | None
    written_age_s: float | None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """One account at one moment: what `reader` gives and `now` is are of the same event, `head_seq`.

    The trading day began after the event `day_seq`; `accounts` are the names of all that this dashboard shows.
    """

    config: Config
    reader: Reader
    now: Standing
    course: Course
    head_seq: int
    day_seq: int
    pulse: Pulse
    accounts: tuple[str, ...]
    aside: Aside

    @property
    def account(self) -> str:
        """The account's name."""
        return self.config.account.name

    @property
    def told(self) -> str:
        """What a command at a terminal is told behind its own words: which account, where there are several."""
        return f" --account {self.account}" if len(self.accounts) > 1 else ""

    def typed(self, command: str) -> str:
        """What a person types in a terminal, about this account."""
        return f"{command} --account {self.account}" if len(self.accounts) > 1 else command

    def link(self, path: str, **query: object) -> str:
        """The address of a page that shows this account."""
        return link(path, self.account if len(self.accounts) > 1 else "", **query)


def link(path: str, account: str = "", **query: object) -> str:
    """The address of a page; an account is named where there are several."""
    told = {name: str(value) for name, value in query.items() if value not in ("", None)}
    told = {"account": account, **told} if account else told
    return f"{path}?{urlencode(told)}" if told else path


def empty_course() -> Course:
    """A course on which nothing was marked yet."""
    none = np.empty(0)
    return Course(ts_utc_ns=np.empty(0, np.int64), high_usd=none, low_usd=none, close_usd=none, floor_usd=none)
