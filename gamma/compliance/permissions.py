"""Rules about what the firm lets one do at all, and about what we know of its rules. Pure."""

from dataclasses import replace
from datetime import date

from gamma.compliance.conduct import NOWHERE, Where
from gamma.compliance.findings import Case, Finding, Outcome
from gamma.profiles import VERIFIED_AGE_MAX_DAYS, Profile, stale, stale_text


def products(case: Case) -> Finding:
    """Only what the firm lists was held or ordered."""
    allowed = case.profile.products.value
    foreign = None
    if allowed:
        for stand in case.conduct.stands:
            traded = {*(m for m, lots in stand.held.items() if lots), *(order.market for order in stand.working)}
            if others := sorted(traded - set(allowed)):
                foreign = (stand, others[0])
                break
    return Finding(
        rule="products",
        outcome=Outcome.FAIL if foreign else Outcome.PASS,
        asked=f"only {', '.join(allowed)}" if allowed else "any market",
        found=f"{foreign[1]} was traded" if foreign else "nothing else was traded" if allowed else "not asked for",
        where=Where(ts_utc_ns=foreign[0].ts_utc_ns, row=foreign[0].row) if foreign else NOWHERE,
        fields=("products",),
    )


def news_window(case: Case) -> Finding:
    """No trade around news, where the firm forbids it; when news came is not known to gamma."""
    window_s = case.profile.news_window_s.value
    return Finding(
        rule="news_window",
        outcome=Outcome.NOT_EVALUABLE if window_s else Outcome.PASS,
        asked=f"no position within {window_s:g} s of news" if window_s else "trading on news is allowed",
        found="there is no list of when news came" if window_s else "not asked for",
        fields=("news_window_s",),
    )


def automation(case: Case) -> Finding:
    """Whether the firm lets a program trade the account, and from this machine."""
    finding = allowed_by(case.profile, case.conduct.traded_by, attested=case.attested)
    return replace(finding, where=case.conduct.begin if finding.outcome is Outcome.FAIL else NOWHERE)


def freshness(case: Case) -> Finding:
    """Every rule of the profile was verified, and not long ago."""
    return freshness_of(case.profile, case.on_date)


def allowed_by(profile: Profile, traded_by: str, *, attested: bool) -> Finding:
    """What a profile says of the one who traded: gamma, `live`, on `paper` or in a `rehearsal`; or nobody knows who."""
    rule = profile.automation.value
    asked = {
        "allowed": "a program may trade",
        "own_machine": "a program may trade from the trader's own machine, no VPS",
        "banned": "no program may trade the account",
    }[rule]
    if rule == "allowed":
        outcome, found = Outcome.PASS, "allowed"
    elif not traded_by:
        outcome, found = Outcome.NOT_EVALUABLE, "nothing tells who or what made these trades"
    elif attested:
        outcome, found = Outcome.PASS, "the operator attests that the firm allows it (account.automation_attested)"
    elif rule == "own_machine":
        outcome = Outcome.NOT_EVALUABLE
        found = "whose machine this is cannot be seen: attest it with account.automation_attested = true"
    else:
        outcome = Outcome.FAIL
        found = f"gamma traded this by itself ({traded_by}); live that is refused without account.automation_attested"
    return Finding(rule="automation", outcome=outcome, asked=asked, found=found, fields=("automation",))


def freshness_of(profile: Profile, on_date: date) -> Finding:
    """Every rule of the profile was verified within 60 days before a day."""
    told = stale_text(profile, on_date)
    return Finding(
        rule="profile_fresh",
        outcome=Outcome.FAIL if told else Outcome.PASS,
        asked=f"every rule verified within {VERIFIED_AGE_MAX_DAYS} days before {on_date}",
        found=told or "every rule is",
        fields=stale(profile, on_date),
    )
