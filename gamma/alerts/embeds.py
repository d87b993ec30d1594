"""What a notice looks like in Discord: embeds within its limits, and numbers with their units.

Lengths are counted in UTF-16 units, which are never fewer than the characters that Discord counts.
Source: Discord developer documentation, "Embed Limits" and "Execute Webhook".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gamma.notices import Notice, Severity
from gamma.reasons import Fact

if TYPE_CHECKING:
    from discord_webhook import DiscordEmbed

TITLE_MAX: Final = 256
TEXT_MAX: Final = 4096
NAME_MAX: Final = 256
VALUE_MAX: Final = 1024
FIELDS_MAX: Final = 25
TOTAL_MAX: Final = 6000
CONTENT_MAX: Final = 2000
FOOTER_MAX: Final = 200
DIGEST_NAME_MAX: Final = 80

# Blue, yellow, vermilion of the Okabe-Ito palette: told apart under every common colour blindness.
COLOURS: Final = {Severity.INFO: 0x56B4E9, Severity.WARNING: 0xF0E442, Severity.CRITICAL: 0xD55E00}
_WORDS: Final = {Severity.INFO: "", Severity.WARNING: "Warning: ", Severity.CRITICAL: "CRITICAL: "}
_ELLIPSIS: Final = "…"
_NOBODY: Final[Mapping[str, Sequence[str]]] = {
    "parse": ()
}  # an empty mapping would be left out of the payload, and everybody could be mentioned
_SENT: Final = ("content", "embeds", "allowed_mentions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Who speaks, under each message."""

    account: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Notices of one key: their numbers in the outbox, and the newest of them."""

    ids: tuple[int, ...]
    newest: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is posted. `plain` is the same without an embed, for when Discord refuses the `payload`."""

    ids: tuple[int, ...]
    severity: Severity
    payload: Mapping[str, Any]
    plain: Mapping[str, Any]


def compose(groups: Sequence[Group], sign: Sign, *, again: bool = False) -> Message:
    """One message of one group in full, or of up to 25 in short; `again` when nobody has acknowledged.

    All groups are of one severity.
    """
    severity = groups[0].newest.severity
    embed = _single(groups[0], again) if len(groups) == 1 else _digest(groups, again)
    embed.set_color(COLOURS[severity])
    embed.footer = {"text": _footer(groups, sign)}
    lines = [f"{_title(group, again)}\n{_clean(group.newest.text)}" for group in groups]
    return Message(
        ids=tuple(id_ for group in groups for id_ in group.ids),
        severity=severity,
        payload=_payload(embeds=[_bare(embed)]),
        plain=_payload(content=cut("\n".join([*lines, _footer(groups, sign)]), CONTENT_MAX)),
    )


def cut(text: str, limit: int) -> str:
    """The text within `limit` UTF-16 units, with an ellipsis where something was left out."""
    wide = text.encode("utf-16-le", "replace")
    if len(wide) <= 2 * limit:
        return wide.decode("utf-16-le")
    return wide[: 2 * (limit - 1)].decode("utf-16-le", "ignore") + _ELLIPSIS


def shown(name: str, value: Fact) -> tuple[str, str]:
    """A fact for people: `balance_usd` 9999.0 is ("Balance", "$9,999.00")."""
    unit = next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "")
    label = _label(name.removesuffix(f"_{unit}"))
    try:
        text = _UNITS[unit](value) if unit and not isinstance(value, (bool, str)) else _plain(name, value)
    except (OverflowError, ValueError):
        text = "too large to show"  # one fact never holds the message up
    return label, text


def _embed(**parts: Any) -> "DiscordEmbed":
    # The library loads a second HTTP client with it: only who sends to Discord waits for that.
    from discord_webhook import DiscordEmbed  # noqa: PLC0415

    return DiscordEmbed(**parts)


def _single(group: Group, again: bool) -> "DiscordEmbed":
    notice = group.newest
    embed = _embed(title=_title(group, again), description=cut(_filled(notice.text), TEXT_MAX), timestamp=_iso(notice))
    left = TOTAL_MAX - FOOTER_MAX - _units(embed.title) - _units(embed.description)
    facts = [shown(name, value) for name, value in notice.facts.items()]
    for number, (name, value) in enumerate(facts):
        rest = len(facts) - number
        name, value = cut(_filled(name), NAME_MAX), cut(_filled(value), VALUE_MAX)  # noqa: PLW2901  (the same, shorter)
        full = number == FIELDS_MAX - 1 and rest > 1
        # 40 units are kept for the line that says how many were left out.
        if full or _units(name) + _units(value) > left - 40:
            embed.add_embed_field(name=_ELLIPSIS, value=f"and {rest} more")
            break
        left -= _units(name) + _units(value)
        embed.add_embed_field(name=name, value=value)
    return embed


def _digest(groups: Sequence[Group], again: bool) -> "DiscordEmbed":
    severity = groups[0].newest.severity
    count = sum(len(group.ids) for group in groups)
    waiting = " not acknowledged" if again else ""
    embed = _embed(
        title=f"{_WORDS[severity]}{count} notices{waiting}", timestamp=_iso(max((g.newest for g in groups), key=_ts))
    )
    each = min(VALUE_MAX, (TOTAL_MAX - FOOTER_MAX - TITLE_MAX) // len(groups) - DIGEST_NAME_MAX)
    for group in groups:
        notice = group.newest
        facts = ", ".join(f"{name}: {value}" for name, value in (shown(*fact) for fact in notice.facts.items()))
        text = " - ".join(part for part in (_clean(notice.text), facts) if part)
        name = cut(_filled(_counted(notice.title, group, DIGEST_NAME_MAX)), DIGEST_NAME_MAX)
        embed.add_embed_field(name=name, value=cut(_filled(text), each), inline=False)
    return embed


def _title(group: Group, again: bool) -> str:
    notice = group.newest
    word = _WORDS[notice.severity]
    if again:
        word = word.replace(":", " (again):")
    return _counted(f"{word}{notice.title}", group, TITLE_MAX)


def _counted(title: str, group: Group, limit: int) -> str:
    count = f" x {len(group.ids)}" if len(group.ids) > 1 else ""
    return cut(_filled(title), limit - len(count)) + count


def _footer(groups: Sequence[Group], sign: Sign) -> str:
    newest = max((group.newest for group in groups), key=_ts)
    parts = [sign.account, sign.mode, _utc(newest.ts_event_utc_ns)]
    if newest.severity is Severity.CRITICAL and any(group.ids for group in groups):  # else it lies in no outbox
        name = "" if len(groups) > 1 else f" {groups[0].ids[0] if len(groups[0].ids) == 1 else newest.key}"
        parts.append(f"repeated until: gamma ack{name}")
    return cut(" · ".join(parts), FOOTER_MAX)


def _payload(**parts: Any) -> dict[str, Any]:
    """The library's own rendering; its network call is never used, for it has no timeout and tells the token."""
    from discord_webhook import DiscordWebhook  # noqa: PLC0415

    webhook = DiscordWebhook(url="", allowed_mentions=dict(_NOBODY), **parts)
    return {name: value for name, value in webhook.json.items() if name in _SENT and value}


def _bare(embed: "DiscordEmbed") -> dict[str, Any]:
    return {name: value for name, value in vars(embed).items() if value is not None}


def _clean(text: str) -> str:
    return text.encode("utf-16-le", "replace").decode("utf-16-le").strip()


def _filled(text: str) -> str:
    """Discord refuses a message with an empty part."""
    return _clean(text) or "-"


def _units(text: str | None) -> int:
    return len((text or "").encode("utf-16-le")) // 2


def _label(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _plain(name: str, value: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if name == "lots":
        return f"{value:+,}"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _money(value: float) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def _utc(ts_utc_ns: float) -> str:
    try:
        return f"{datetime.fromtimestamp(int(ts_utc_ns) // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return str(ts_utc_ns)


def _iso(notice: Notice) -> str | None:
    text = _utc(notice.ts_event_utc_ns)
    return text.removesuffix(" UTC").replace(" ", "T") + "Z" if text.endswith("UTC") else None


def _ts(notice: Notice) -> int:
    return notice.ts_event_utc_ns


_UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "usd": _money,
    "microusd": lambda value: _money(value / 1_000_000),
    "frac": lambda value: f"{value * 100:,.3f}".rstrip("0").rstrip(".") + "%",
    "points": lambda value: f"{value:,.10g}",
    "utc_ns": _utc,
    "ms": lambda value: f"{value:,.10g} ms",
    "s": lambda value: f"{value:,.10g} s",
}
