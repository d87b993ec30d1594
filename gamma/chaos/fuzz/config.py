"""Configurations that are wrong in every way: each is refused in a clear sentence, or is within its documented limits.

One seed is one input: a small configuration of drawn sizers and guards, mutated, with overrides from the
environment and credential files, through the very steps of a start.
"""

import random
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from gamma import plugins
from gamma.assembly import assemble
from gamma.chaos import Trial
from gamma.chaos.fuzz.limits import beyond
from gamma.chaos.fuzz.mutations import mutated, value
from gamma.chaos.places import kept_folder
from gamma.complaints import toml
from gamma.config import Config, accounts_of, load
from gamma.errors import ConfigInvalid
from gamma.ledger.connections import file_of
from gamma.params import revealed

CANARY: Final = "k4n4ryk4n4ryk4n4ryk4n4ryk4n4ryk4n4ry"
_MARK: Final = "k4n4ry"
_SECRET_KEYS: Final = ("discord_critical", "discord_routine", "dead_man_url", "secret", "token", "database")
_LINE_MAX: Final = 1_000
_LINES_MAX: Final = 60
_PLACE: Final = re.compile(r"\[[^\]]+\]|line \d+|end of document|env GAMMA__|credential |^config\b|config\.toml")
_PYTHON: Final = re.compile(
    r"Traceback|<class|object at 0x|Value error|pydantic|NoneType|Decimal\(|datetime\.|dict_|\('\w+',|\{'\w+':"
)
_ACCOUNT: Final = ("[account]", 'name = "paper"', "starting_capital_usd = 50_000", 'profile = "own_50k"')
_SEVERAL_EVERY: Final = 8
_ACCOUNTS: Final = (
    "[accounts.a]",
    "[accounts.a.account]",
    "starting_capital_usd = 50_000",
    "[accounts.b.gamma]",
    f'database = "postgresql+psycopg://gamma:{CANARY}@host/db?schema=b"',
    "[accounts.b.metrics]",
    "port = 9464",
    "[accounts.b.alerts.paper]",
    f'discord_critical = "https://host/{CANARY}"',
)
_OPTIONAL: Final = (
    ("[gamma]", 'mode = "paper"', f'database = "postgresql+psycopg://gamma:{CANARY}@host/db"', 'log_level = "info"'),
    ("[account.overrides]", "start_balance_usd = 50_000", "drawdown_usd = 10_000", 'phase = "funded"'),
    ("[feed]", 'use = "sim"', "bar_s = 300", "seed = 1", "speed = 300", 'start = "2026-03-02"'),
    ("[feed]", 'use = "file"', 'files = [{ path = "bars.csv", market = "MNQ" }]', "bar_length_s = 300"),
    ("[brokers.paper]", 'fill_at = "next_open"', "participation_frac = 0.1", "spread_ticks = 1", "slippage_ticks = 1"),
    ("[markets.MNQ]", "commission_usd = 0.6", "slippage_ticks = 1", "lots_max = 12"),
    ("[alerts.paper]", f'discord_critical = "https://host/{CANARY}"', f'discord_routine = "{CANARY}"'),
    ("[alerts]", f'dead_man_url = "https://host/{CANARY}"'),
    ("[schedule]", "reconcile_s = 60", "heartbeat_s = 15.0", "misfire_grace_s = 30", "drain_s = 20"),
    ("[paths]", 'kill_switch = "gamma.kill"', 'backups = "backups"', 'models = ""', 'reports = "reports"'),
)
_SIGNALS: Final = (
    '{ use = "breakout", entry_bars = 55, atr_bars = 14, stop_atr = 1.5, target_r = 3.0, cooldown_bars = 0 }',
    f'{{ use = "webhook", port = 8700, secret = "{CANARY}", per_minute = 10, burst_max = 5 }}',
)
_LEDGERS: Final = (f"postgresql+psycopg://gamma:{CANARY}@", f"gamma:{CANARY}@", f"mysql://u:a/{CANARY}@", "sqlite://")
_EXITS: Final = "exits = { break_even_r = 1.0, trail_from_r = 2.0, trail_atr = 2.0, time_bars = 40 }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a start is given: the file, the environment, and credential files by their names."""

    text: bytes
    env: Mapping[str, str]
    credentials: Mapping[str, bytes]


def trial(seed: int) -> Trial:
    """One mutated configuration, judged."""
    given = drawn(random.Random(seed), several=seed % _SEVERAL_EVERY == 0)
    return Trial(seed=seed, violations=tuple(judged(given)))


def drawn(rng: random.Random, *, several: bool = False) -> Given:
    """A configuration, mutated, and what the environment and the credentials say beside it; of several accounts too."""
    lines = _example() if rng.random() < 0.01 else _small(rng)
    if several:
        lines = [line for line in lines if not line.startswith('name = "paper"')] + list(_ACCOUNTS)
    env = dict(_override(rng, lines) for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 3))))
    return Given(text=mutated(rng, lines), env=env, credentials=_credentials(rng))


@cache
def _example() -> list[str]:
    path = Path(__file__).parents[3] / "config.example.toml"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else list(_ACCOUNT)


@cache
def _sections(group: str) -> Mapping[str, tuple[str, ...]]:
    """A section for each installed plugin, every parameter with its default or its example."""
    found = {}
    for name, plugin in plugins.find(group).items():
        model = plugins.params_model(plugin.load())
        fields = model.model_fields if model is not None else {}
        example: Mapping[str, Any] = getattr(model, "example", {})
        params = {key: example.get(key, field.get_default()) for key, field in fields.items()}
        plain = {key: item for key, item in params.items() if isinstance(item, str | int | float | Mapping)}
        kind = group.rpartition(".")[2]
        found[name] = (f"[{kind}.{name}]", *(f"{key} = {toml(item)}" for key, item in plain.items()))
    return found


def _small(rng: random.Random) -> list[str]:
    sizers, guards = _sections(plugins.SIZERS), _sections(plugins.GUARDS)
    chain = rng.sample(list(sizers), rng.randint(1, 3))
    watch = rng.sample(list(guards), rng.randint(1, 4))
    strategy = (
        "[[strategies]]",
        'name = "mnq"',
        'market = "MNQ"',
        f"signal = {rng.choice(_SIGNALS)}",
        f"sizers = {toml(chain)}",
        f"guards = {toml(watch)}",
        *([_EXITS] if rng.random() < 0.5 else []),
    )
    sections = [_ACCOUNT, strategy, *(sizers[name] for name in chain), *(guards[name] for name in watch)]
    more = rng.sample(_OPTIONAL, rng.randint(0, 2))
    heads = {section[0]: section for section in (*sections, *more)}
    return [line for section in heads.values() for line in section]


def _override(rng: random.Random, lines: list[str]) -> tuple[str, str]:
    """An override: of a key that stands in the file, of one that does not, or of none at all."""
    section, keys = "", []
    for line in lines:
        section = line.strip("[]").replace("strategies", "strategies.mnq") if line.startswith("[") else section
        if "=" in line and not line.startswith("#"):
            keys.append(f"{section}.{line.partition('=')[0].strip()}")
    path = rng.choice(keys or ["gamma.mode"])
    drawn = rng.random()
    if drawn < 0.2:
        path = path.rpartition(".")[0]
    elif drawn < 0.3:
        path = f"{path}.{rng.choice(('x', '0', '', 'a.b', 'é', ' '))}"
    elif drawn < 0.35:
        path = rng.choice(("alerts.live.discord_critical", "brokers.paper.token", "strategies.9.name", "x", ""))
    text = value(rng) if rng.random() < 0.9 else rng.choice(("\udcff", "k=v", "\n", "a\nb", '"', "[", CANARY))
    key = path.rpartition(".")[2]
    if key in _SECRET_KEYS:
        # A URL's password is secret; its host is not.
        text = rng.choice(_LEDGERS) + text.replace(CANARY, "") if key == "database" else f"{text}{CANARY}"
    return f"GAMMA__{path.replace('.', '__').upper()}", text.replace("\0", "")


def _credentials(rng: random.Random) -> Mapping[str, bytes]:
    if rng.random() < 0.97:
        return {}
    names = (
        "alerts.paper.discord_critical",
        "alerts.dead_man_url",
        "brokers.paper.token",
        "account.name",
        "x",
        "gamma",
    )
    contents = (CANARY.encode(), b"\xff" + CANARY.encode(), b"", CANARY.encode() + b"\n", b"x" * 70_000, b"\0")
    return {rng.choice(names): rng.choice(contents)}


def judged(given: Given) -> Iterator[str]:
    """What is wrong with how this configuration is taken."""
    try:
        configs = started(given)
    except ConfigInvalid as refused:
        yield from told_badly(str(refused), given)
    except BaseException as fault:
        if isinstance(fault, KeyboardInterrupt | SystemExit):
            raise
        yield f"{type(fault).__name__} instead of a refusal: {str(fault)[:200]}"
    else:
        for config in configs:
            yield from _beyond_limits(config)


def started(given: Given) -> list[Config]:
    """What a start does with its configuration, up to the first bar; of several accounts, that of each."""
    path = _folder() / "config.toml"
    path.write_bytes(given.text)
    env = dict(given.env)
    if given.credentials:
        env["CREDENTIALS_DIRECTORY"] = str(_with_credentials(given.credentials))
    configs = [load(path, env, account=name) for name in accounts_of(path) or ("",)]
    for config in configs:
        plugins.check(config)
        assemble(config, state_path=None)
        file_of(config.gamma.database)
    return configs


@cache
def _folder() -> Path:
    folder = kept_folder()
    (folder / "config.toml").touch(mode=0o600)
    return folder


def _with_credentials(credentials: Mapping[str, bytes]) -> Path:
    folder = _folder() / "credentials"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in credentials.items():
        (folder / name).write_bytes(content)
    return folder


def told_badly(message: str, given: Given) -> Iterator[str]:
    """What is wrong with a refusal: it must name the place, fit, print, and keep secrets."""
    lines = message.split("\n")
    if not message.strip():
        yield "an empty message"
    if len(lines) > _LINES_MAX:
        yield f"a message of {len(lines)} lines"
    for line in lines:
        if len(line) > _LINE_MAX:
            yield f"a line of {len(line)} characters: {line[:200]}"
        if not line.isprintable():
            yield f"a line that does not print: {line[:200]!r}"
        if found := _PYTHON.search(line):
            yield f"Python in a message ({found[0]}): {line[:300]}"
    if not _PLACE.search(message):
        yield f"no place in a message: {message[:300]}"
    if _MARK in message and not _published(given):
        yield f"a secret in a message: {message[:300]}"


def _published(given: Given) -> bool:
    """Whether a mutation put the secret under a key that holds none, where nobody can know that it is one."""
    if any(_MARK in text and name.rpartition("__")[2].lower() not in _SECRET_KEYS for name, text in given.env.items()):
        return True
    if _MARK.encode() in b"".join(given.credentials.values()) and "account.name" in given.credentials:
        return True
    try:
        values = tomllib.loads(given.text.decode())
    except (ValueError, RecursionError):
        return False
    return _open_canary(values)


def _open_canary(values: Any, key: str = "") -> bool:
    if isinstance(values, Mapping):
        return any(_MARK in name or _open_canary(item, name) for name, item in values.items())
    if isinstance(values, list):
        return any(_open_canary(item, key) for item in values)
    if not isinstance(values, str) or _MARK not in values:
        return False
    return key not in _SECRET_KEYS or (key == "database" and f":{CANARY}@" not in values)


def _beyond_limits(config: Config) -> Iterator[str]:
    values = plain(config.model_dump(exclude_unset=True))
    schema = _schema()
    for kind in (plugins.SIZERS, plugins.GUARDS):
        sections = values.pop(kind.rpartition(".")[2], {})
        for name, section in sections.items():
            use = section.pop("use", name)
            limits = schema["$defs"]["Config"]["properties"][kind.rpartition(".")[2]]["properties"].get(use, {})
            yield from beyond(section, limits, schema, f"{name}")
    yield from beyond(values, schema, schema)


def plain(values: Any) -> Any:
    """Values as TOML had them, secrets in plain text."""
    if isinstance(values, BaseModel):
        return plain(values.model_dump(exclude_unset=True))
    return revealed(values)


@cache
def _schema() -> Mapping[str, Any]:
    return plugins.config_schema()
