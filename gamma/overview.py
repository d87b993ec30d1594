"""All accounts of a configuration at a glance. It reads, and cannot write; what is wrong with one is told beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gamma.account import book_of, opened, positions
from gamma.assembly import setup_of
from gamma.book import Book
from gamma.complaints import without_password
from gamma.config import Config, accounts_of, load
from gamma.errors import GammaError
from gamma.ledger import Reader
from gamma.ledger.lease import holder
from gamma.markets import MICRO


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands by its ledger: money in usd, and how many positions, halts and critical alerts stand.

    `room_usd` is None without a floor.
    """

    state: str
    ts_event_utc_ns: int
    equity_usd: float
    room_usd: float | None
    day_pnl_usd: float
    positions: int
    halts: int
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One account: whose ledger lies where, and where it stands; `problem` says why that cannot be told."""

    account: str
    mode: str = ""
    ledger: str = ""
    daemon_pid: int | None = None
    standing: Standing | None = None
    problem: str = ""


def overview(path: Path, env: Mapping[str, str], accounts: tuple[str, ...] = ()) -> tuple[Glance, ...]:
    """Each account of a configuration file, or these of them, in the file's order.

    Raises: ConfigInvalid when the file itself cannot be read; what is wrong with one account is in its `problem`.
    """
    return tuple(_glance(path, env, name) for name in accounts or accounts_of(path) or ("",))


def _glance(path: Path, env: Mapping[str, str], name: str) -> Glance:
    try:
        config = load(path, env, account=name)
    except GammaError as error:
        if not name:
            raise
        return Glance(account=name, problem=str(error))
    return glance(config)


def glance(config: Config) -> Glance:
    """One account, by its configuration."""
    standing, problem = None, ""
    try:
        standing = _standing(config)
    except GammaError as error:
        problem = str(error)
    return Glance(
        account=config.account.name,
        mode=config.gamma.mode,
        ledger=without_password(config.gamma.database),
        daemon_pid=holder(config.gamma.database),
        standing=standing,
        problem=problem,
    )


def _standing(config: Config) -> Standing:
    with opened(config) as reader, reader.at_once():
        return standing_of(book_of(reader, setup_of(config), database=config.gamma.database), reader)


def standing_of(book: Book, reader: Reader) -> Standing:
    """Where an account stands by its book; the reader tells what waits for a person."""
    money = book.money
    floor = money.floor.floor_microusd if money.floor else None
    return Standing(
        state=book.state,
        ts_event_utc_ns=book.ts_event_utc_ns,
        equity_usd=money.equity_microusd / MICRO,
        room_usd=None if floor is None else (money.equity_microusd - floor) / MICRO,
        day_pnl_usd=(money.equity_microusd - money.day_equity_microusd) / MICRO,
        positions=len(positions(book)),
        halts=len(book.halts),
        alerts=len(reader.standing_alerts()),
    )
