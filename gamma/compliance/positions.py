"""Rules about what is held and at work: size, flat in time, hedging, stops. Pure."""

from collections.abc import Iterator
from typing import Final

from gamma import calendar
from gamma.bars import Session
from gamma.compliance.conduct import NOWHERE, Conduct, Stand, Where
from gamma.compliance.findings import Case, Finding, Outcome
from gamma.profiles import Profile
from gamma.rules import ProfilePolicy

# Sums of tenths of a mini; a thousandth of a micro is no lot.
EXACT: Final = 1e-6
BARE_MAX_NS: Final = 2_000_000_000
ORDERS_UNKNOWN: Final = "orders at work are not told of by a list of trades"


def size(case: Case) -> Finding:
    """Lots held, and the entries at work beside them, in e-minis: ten micros are one."""
    tiers = case.profile.minis_tiers
    policy = ProfilePolicy(minis_tiers=tiers)
    most, least, broken = 0.0, tiers[0][1], None
    for stand in case.conduct.stands:
        minis = minis_of(case.conduct, stand)
        allowed = policy.minis_max(stand.balance_usd)
        most, least = max(most, minis), min(least, round(allowed - minis, 6))
        if minis > allowed + EXACT:
            broken = (stand, minis)
            break
    scaled = "".join(f", {minis:g} from {from_usd:,.0f} usd" for from_usd, minis in tiers[1:])
    known = "held or working" if case.conduct.orders_known else "held"
    found = f"{broken[1]:g} e-minis {known}" if broken else f"at most {most:g} e-minis {known}"
    return _judged(
        case,
        Finding(
            rule="size",
            outcome=Outcome.FAIL if broken else Outcome.PASS,
            asked=f"at most {tiers[0][1]:g} e-minis or {10 * tiers[0][1]:g} micros with working orders{scaled}",
            found=found,
            where=_where(broken[0]) if broken else NOWHERE,
            fields=("minis_funded" if case.profile.phase == "funded" else "minis_evaluation",),
            margin="" if broken else f"{least:g} e-minis",
        ),
    )


def minis_of(conduct: Conduct, stand: Stand) -> float:
    """The size in e-minis if the worse side of the entries at work were filled, over all markets."""
    total = 0.0
    for symbol in {*stand.held, *(order.market for order in stand.working)}:
        entries = [o.side * o.lots for o in stand.working if o.entry and o.market == symbol]
        lots = stand.held.get(symbol, 0)
        long, short = lots + sum(n for n in entries if n > 0), lots + sum(n for n in entries if n < 0)
        total += max(abs(long), abs(short)) * conduct.market(symbol).mini_equivalent
    return total


def flat_by(case: Case) -> Finding:
    """Nothing is held from the cut-off of a session until the next one opens."""
    profile = case.profile
    fields = ("flat_by_new_york", "overnight")
    if profile.overnight.value:
        found = "positions may be held overnight"
        return Finding(rule="flat_by", outcome=Outcome.PASS, asked="not asked for", found=found, fields=fields)
    late = next((one for one in _late(case) if one[2]), None)
    return Finding(
        rule="flat_by",
        outcome=Outcome.FAIL if late else Outcome.PASS,
        asked=f"flat by {profile.flat_by_new_york.value} New York, earlier on early closes",
        found=f"{late[1]} was held" if late else "flat at every cut-off",
        where=Where(ts_utc_ns=late[0], row=late[3].row) if late else NOWHERE,
        fields=fields,
    )


def nothing_working(case: Case) -> Finding:
    """No order works from the cut-off of a session until the next one opens: the firm may not cancel it."""
    late = next((one for one in _late(case) if not one[2]), None)
    return _judged(
        case,
        Finding(
            rule="nothing_working",
            outcome=Outcome.FAIL if late else Outcome.PASS,
            asked=f"no order at work at {case.profile.flat_by_new_york.value} New York",
            found=f"{late[1]} was at work" if late else "nothing worked at any cut-off",
            where=Where(ts_utc_ns=late[0], row=late[3].row) if late else NOWHERE,
            fields=("flat_by_new_york",),
        ),
    )


def hedging(case: Case) -> Finding:
    """No opposite positions in correlated markets, which are those of one family."""
    allowed = case.profile.hedging.value == "allowed"
    opposed = None if allowed else next((s for s in case.conduct.stands if _opposed(case.conduct, s)), None)
    return Finding(
        rule="hedging",
        outcome=Outcome.FAIL if opposed else Outcome.PASS,
        asked="allowed" if allowed else "no opposite positions in one family of markets",
        found=f"held {_opposed(case.conduct, opposed)}" if opposed else "not asked for" if allowed else "none",
        where=_where(opposed) if opposed else NOWHERE,
        fields=("hedging",),
    )


def stop_present(case: Case) -> Finding:
    """Every position has a live stop, or a defined largest loss, within two seconds."""
    bare = next((s for s in _bare(case.conduct)), None)
    asked = "a live stop, or a defined largest loss, within 2 s of each entry"
    return _judged(
        case,
        Finding(
            rule="stop_present",
            outcome=Outcome.FAIL if bare else Outcome.PASS,
            asked=asked,
            found=f"{', '.join(bare.bare)} was held without one" if bare else "every position had one",
            where=_where(bare) if bare else NOWHERE,
        ),
    )


def _bare(conduct: Conduct) -> Iterator[Stand]:
    """The stands with which a market began to be held without a stop for longer than is allowed."""
    since: dict[str, Stand] = {}
    for stand, ts_end in conduct.spans:
        since = {market: since.get(market, stand) for market in stand.bare}
        yield from (begun for begun in since.values() if ts_end - begun.ts_utc_ns > BARE_MAX_NS)


def _late(case: Case) -> Iterator[tuple[int, str, bool, Stand]]:
    """What stood after a cut-off: since when, what, whether it was held (or only at work), and the stand."""
    for stand, ts_end in case.conduct.spans:
        for symbol in sorted({m for m, lots in stand.held.items() if lots}):
            if ts := _past_cut_off(case.profile, symbol, stand.ts_utc_ns, ts_end):
                yield ts, f"{stand.held[symbol]:+d} {symbol}", True, stand
        for order in stand.working:
            if ts := _past_cut_off(case.profile, order.market, stand.ts_utc_ns, ts_end):
                yield ts, f"{order.order_id} in {order.market}", False, stand


def _past_cut_off(profile: Profile, symbol: str, ts_utc_ns: int, ts_end_utc_ns: int) -> int:
    """The first time in a span that lies after the cut-off of a session and before the next; 0 where none does."""
    session = _session(profile, symbol, ts_utc_ns)
    if ts_utc_ns > session.ts_flat_by_utc_ns:
        return ts_utc_ns if ts_end_utc_ns > ts_utc_ns else 0
    return session.ts_flat_by_utc_ns if ts_end_utc_ns > session.ts_flat_by_utc_ns else 0


def _session(profile: Profile, symbol: str, ts_utc_ns: int) -> Session:
    # By the firm's own time; on a day that closes early, by the close.
    cut_off = calendar.FlatBy(time=profile.flat_by_new_york.value, margin_s=0)
    # An order of the very moment of the open belongs to the session that opens.
    return calendar.last_session(symbol, ts_utc_ns + 1, cut_off)


def _opposed(conduct: Conduct, stand: Stand) -> str:
    """The first two markets of a family that are held on opposite sides; "" where none are."""
    by_family: dict[str, list[str]] = {}
    for symbol, lots in sorted(stand.held.items()):
        if lots:
            by_family.setdefault(conduct.market(symbol).family, []).append(symbol)
    for symbols in by_family.values():
        long = [s for s in symbols if stand.held[s] > 0]
        short = [s for s in symbols if stand.held[s] < 0]
        if long and short:
            return f"{stand.held[long[0]]:+d} {long[0]} against {stand.held[short[0]]:+d} {short[0]}"
    return ""


def _judged(case: Case, finding: Finding) -> Finding:
    """The finding, but where orders are not told of: there a rule that was not broken could not be looked at."""
    if case.conduct.orders_known or finding.outcome is Outcome.FAIL:
        return finding
    found = f"{ORDERS_UNKNOWN}; {finding.found}" if finding.rule == "size" else ORDERS_UNKNOWN
    return Finding(
        rule=finding.rule,
        outcome=Outcome.NOT_EVALUABLE,
        asked=finding.asked,
        found=found,
        fields=finding.fields,
    )


def _where(stand: Stand) -> Where:
    return Where(ts_utc_ns=stand.ts_utc_ns, row=stand.row)
