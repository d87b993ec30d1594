"""Commands that a person gives a trading account: halt, resume, flatten, arm, ack, resolve, reconcile.

A running daemon takes them from its folder of requests and answers; where none runs, the command opens
the ledger itself and does the same through the same engine.
"""

import getpass
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli.chosen import again, configuration
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.events import Command

ANSWER_S = 30.0


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (halt, resume, flatten, arm, ack, resolve, reconcile):
        app.command(command.__name__)(command)


def halt(
    reason: Annotated[str, typer.Argument(help="Why; it stands in the ledger and in the alert.")] = "",
    *,
    strategy: Annotated[str, typer.Option(help="Only this strategy.", metavar="NAME")] = "",
    market: Annotated[str, typer.Option(help="Only this market.", metavar="SYMBOL")] = "",
    hard: Annotated[bool, typer.Option("--hard", help="Stop exits too: nothing is sent but cancels.")] = False,
    kill: Annotated[bool, typer.Option("--kill", help="Put the kill switch on: works when the daemon hangs.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take no new risk; exits and stops go on working unless --hard.

    Example: gamma halt "news" --market MNQ
    """
    from gamma.events import HaltRequested, Level

    if strategy and market:
        raise typer.BadParameter("give --strategy or --market, not both")
    if kill and (strategy or market):
        raise typer.BadParameter("--kill stops the whole account; leave --strategy and --market out")
    config = _config(path)
    if kill:
        _switch_off(Path(config.paths.kill_switch).absolute(), reason or "kill switch", as_json)
        return
    if strategy:
        config.strategy(strategy)
    _traded(config, market)
    scope, target = ("strategy", strategy) if strategy else ("market", market) if market else ("account", "")
    level = Level.HALTED if hard else Level.REDUCING
    _give(
        config,
        HaltRequested(**_header(), text=reason, level=level, scope=scope, target=target),
        as_json,
    )


def _switch_off(switch: Path, reason: str, as_json: bool) -> None:
    try:
        switch.write_text(f"{_actor()}: {reason}\n")
    except OSError as error:
        raise InputInvalid(f"the kill switch {switch} cannot be written: {error.strerror}") from error
    then = f"gamma resume --ack ID{again()}"
    _say(True, f"the kill switch is on: {switch}; to go on remove that file, then: {then}", as_json)


def resume(
    *,
    halt_id: Annotated[
        str, typer.Option("--ack", help="The halt to lift; gamma status shows its id.", metavar="ID")
    ] = "",
    rebase: Annotated[bool, typer.Option("--rebase", help="Measure drawdown from today's equity on.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Lift one halt. It is refused while its guard would only halt again.

    Example: gamma resume --ack h3
    """
    from gamma.events import ResumeRequested

    config = _config(path)
    if not halt_id:
        raise typer.BadParameter(f"say which halt: gamma resume --ack ID{again()}; standing: {_standing(config)}")
    _give(config, ResumeRequested(**_header(), halt_id=halt_id, rebase=rebase), as_json)


def flatten(
    *,
    market: Annotated[str, typer.Option(help="Only this market.", metavar="SYMBOL")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Cancel working entries and close positions at market.

    Example: gamma flatten --market MNQ --yes
    """
    from gamma.events import FlattenRequested

    config = _config(path)
    _traded(config, market)
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("nobody can be asked here: add --yes")
        typer.confirm(f"Close {market or 'every position'} at market?", abort=True, err=True)
    _give(config, FlattenRequested(**_header(), market=market), as_json)


def arm(
    *,
    account: Annotated[str, typer.Option(help="The account's name, typed out.", metavar="NAME")],
    max_loss: Annotated[float, typer.Option(help="The most that this session may lose.", metavar="USD")],
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Arm live trading of this very configuration until the session ends.

    Example: gamma arm --account U1234 --max-loss 500
    """
    from gamma import calendar
    from gamma.config import accounts_of, config_hash
    from gamma.events import ArmRequested
    from gamma.markets import MICRO

    config = configuration(path, account=account if accounts_of(path) else "")
    if not config.account.name.endswith(account.lstrip(".")):
        raise InputInvalid(f"--account {account!r} is not this configuration's account; type its name, or its end")
    if not 0 < max_loss < float("inf"):
        raise InputInvalid(f"--max-loss {max_loss} must be an amount in usd above 0")
    now, symbol = time.time_ns(), config.strategies[0].market
    session = calendar.session_at(symbol, now) or calendar.next_session(symbol, now)
    _give(
        config,
        ArmRequested(
            **_header(),
            config_hash=config_hash(config),
            loss_max_microusd=round(max_loss * MICRO),
            until_utc_ns=session.ts_close_utc_ns,
        ),
        as_json,
    )


def ack(
    alert: Annotated[str, typer.Argument(help="Number or key of the alert; without it, all.", metavar="ALERT")] = "",
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Acknowledge critical alerts, so that they are not repeated.

    Example: gamma ack safety_halt
    """
    from gamma.events import AckRequested

    _give(_config(path), AckRequested(**_header(), alert=alert), as_json)


def resolve(
    client_order_id: Annotated[str, typer.Argument(help="The order.", metavar="ORDER")],
    *,
    outcome: Annotated[str, typer.Option("--as", help="filled or absent, as the broker's own page shows.")],
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say what became of an order whose fate the broker could not tell.

    Example: gamma resolve g7f-3-12 --as absent
    """
    from gamma.events import ResolveRequested

    if outcome not in ("filled", "absent"):
        raise InputInvalid(f"--as {outcome!r} is neither filled nor absent")
    _give(_config(path), ResolveRequested(**_header(), client_order_id=client_order_id, outcome=outcome), as_json)


def reconcile(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Ask the broker for orders, fills and positions now, and take the differences into the ledger.

    Example: gamma reconcile
    """
    from gamma.events import ReconcileRequested

    _give(_config(path), ReconcileRequested(**_header()), as_json)


def _traded(config: "Config", market: str) -> None:
    traded = sorted({s.market for s in config.strategies})
    if market and market not in traded:
        raise InputInvalid(f"no strategy trades {market!r}; traded: {', '.join(traded)}")


def _standing(config: "Config") -> str:
    from gamma.account import opened

    with opened(config) as reader:
        halts = reader.standing_halts()
    return ", ".join(f"{halt['halt_id']} ({halt['reason']})" for halt in halts) or "none"


def _config(path: Path) -> "Config":

    return configuration(path)


def _actor() -> str:
    return getpass.getuser()


def _header() -> dict[str, Any]:
    """Who asks, and when; the daemon puts its own time to it when it takes the command up."""
    return {"command_id": secrets.token_hex(6), "actor": _actor(), "ts_event_utc_ns": time.time_ns()}


def _give(config: "Config", command: "Command", as_json: bool) -> None:
    from gamma.asking import ask

    with working("asking"):
        answer = ask(config, command, ANSWER_S)
    _say(answer.ok, answer.text, as_json)


def _say(ok: bool, text: str, as_json: bool) -> None:
    if as_json:
        print_json({"ok": ok, "text": text})
    else:
        console().print(text if ok else f"refused: {text}", markup=False, soft_wrap=True)
    if not ok:
        raise typer.Exit(FAILED)
