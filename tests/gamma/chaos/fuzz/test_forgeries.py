"""Forged webhook messages: none is taken; and a webhook with a hole in it would be found out."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from gamma import loopback
from gamma.chaos import Trial
from gamma.chaos.fuzz import forgeries
from gamma.signals import webhook
from gamma.signals.signature import MemoryNonces, Signed, sign

Patch = Callable[[pytest.MonkeyPatch], None]


def broken(seeds: range) -> list[Trial]:
    return [found for found in map(forgeries.trial, seeds) if found.violations]


def test_no_forgery_is_taken_and_each_genuine_message_is_taken_once() -> None:
    assert broken(range(2_000)) == []


def _without_a_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(webhook, "verify", lambda secret, m, _now, _window: _same(secret, m, m.body))


def _without_the_body(patch: pytest.MonkeyPatch) -> None:
    """The window and the proof of who sent it hold; what it says is not looked at."""
    signed: dict[str, bytes] = {}

    def verify(secret: bytes, message: Signed, now_utc_ns: int, window_s: int) -> bool:
        body = signed.setdefault(message.signature, message.body)
        near = message.timestamp.isdigit() and abs(now_utc_ns - message.ts_utc_ns) <= window_s * 10**9
        return near and _same(secret, dataclasses.replace(message, body=body), body)

    patch.setattr(webhook, "verify", verify)


def _nonces_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryNonces, "claim", lambda *_: True)


def _not_deaf_after_a_start(patch: pytest.MonkeyPatch) -> None:
    begin = MemoryNonces.__init__
    patch.setattr(MemoryNonces, "__init__", lambda self, since, window: begin(self, since - 10**12, window))


def _methods_alike(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(webhook.Webhook, "answer", _posting(webhook.Webhook.answer))


def _doors_alike(patch: pytest.MonkeyPatch) -> None:
    """/signal/ and /signal? are /signal too."""
    parse = loopback._parse_head

    def lax(head: bytes) -> tuple[str, str, dict[str, str]]:
        method, path, headers = parse(head)
        return method, path.rstrip("/?#"), headers

    patch.setattr(loopback, "_parse_head", lax)


def _same(secret: bytes, message: Signed, body: bytes) -> bool:
    formed = message.timestamp.isdigit() and "." not in message.nonce and 16 <= len(message.nonce) <= 64
    return formed and sign(secret, message.timestamp, message.nonce, body) == message.signature


def _with(message: Signed, signature: str) -> Signed:
    return dataclasses.replace(message, signature=signature)


def _posting(answer: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, request: answer(self, dataclasses.replace(request, method="POST"))


@pytest.mark.parametrize(
    "hole",
    [
        _without_a_window,
        _without_the_body,
        _nonces_forgotten,
        _not_deaf_after_a_start,
        _methods_alike,
        _doors_alike,
    ],
)
def test_a_hole_would_be_found(monkeypatch: pytest.MonkeyPatch, hole: Patch) -> None:
    hole(monkeypatch)
    assert broken(range(1, 400))
