"""The certificate is issued where every rule passes on a fresh profile, says what it stands on, and never differs."""

import io

import pytest
from pypdf import PdfReader

from gamma.compliance import Case, Report, check
from gamma.compliance.certificate import Subject, certificate, why_not
from gamma.errors import InputInvalid
from gamma.profiles import load_profile
from tests.gamma.compliance.case import ON, conduct, history, stand, trade

DAY = "2026-03-02"
HASHES = [("ledger, last event", "a1" * 32), ("configuration", "b2" * 32), ("code", "c3" * 32), ("model", "d4" * 32)]
SUBJECT = Subject(told=[("record", "ledger of the paper account paper"), ("span", "one day")], hashes=HASHES)


def report(profile: str = "own_50k", **more: object) -> Report:
    held = [stand(DAY, "10:00", {"MNQ": 1}), stand(DAY, "10:30")]
    of = conduct(history({DAY: [(50_010, 49_990, 50_005)]}, [trade(DAY, 5)]), held)
    return check(Case(profile=load_profile(profile, more), conduct=of, on_date=ON))


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_it_names_its_record_its_hashes_its_rules_and_their_sources() -> None:
    text = text_of(certificate(report(), SUBJECT))
    assert all(sha256 in text for _, sha256 in HASHES)
    for told in (
        "ledger of the paper account paper",
        "pessimistic",
        "optimistic",
        "set by the owner",
        "Every rule passes",
    ):
        assert told in text


def test_the_same_input_gives_the_same_bytes() -> None:
    assert certificate(report(), SUBJECT) == certificate(report(), SUBJECT)


def test_another_hash_gives_another_certificate() -> None:
    other = Subject(told=SUBJECT.told, hashes=[("ledger, last event", "e5" * 32)])
    assert certificate(report(), SUBJECT) != certificate(report(), other)


def test_there_is_none_from_a_stale_profile() -> None:
    with pytest.raises(InputInvalid, match=r"no certificate: .*STALE: topstep_50k"):
        certificate(report("topstep_50k"), SUBJECT)


def test_there_is_none_where_a_rule_fails_or_could_not_be_looked_at() -> None:
    assert why_not(report(drawdown_usd=5)) == "floor failed"
    assert why_not(report(news_window_s=60)) == "news_window could not be evaluated"
    assert why_not(report()) == ""
    with pytest.raises(InputInvalid, match="floor failed"):
        certificate(report(drawdown_usd=5), SUBJECT)
