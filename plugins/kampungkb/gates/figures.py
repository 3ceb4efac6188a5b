"""What the gates measure, in pure functions over profiles: volume, rejected rows, distribution, villages."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import log
from statistics import median

from kampungkb.gates.thresholds import Thresholds
from kampungkb.verdicts import UNKNOWN_VILLAGE, Level, Outcome, Profile

LEAST_SHARE = 1e-4
"""What the share of an absent code counts as in the stability index, so that its logarithm exists."""
NAMED = 3


def stability_index(expected: Mapping[str, int], actual: Mapping[str, int]) -> float:
    """The population stability index (PSI) of two counts by code: the sum of (a - e) ln(a / e) over their shares.

    Never below 0, and 0 where the shares are the same. Below 0.1 is taken as stable, above 0.25 as another population.
    Raises :class:`ValueError` where either counts nothing.

    >>> stability_index({"1": 50, "2": 50}, {"1": 5, "2": 5})
    0.0
    >>> round(stability_index({"1": 80, "2": 20}, {"1": 60, "2": 40}), 3)
    0.196
    """
    totals = sum(expected.values()), sum(actual.values())
    if not all(totals):
        raise ValueError("a distribution of no rows has no stability index")
    index = 0.0
    for code in sorted(expected.keys() | actual.keys()):
        before = max(expected.get(code, 0) / totals[0], LEAST_SHARE)
        after = max(actual.get(code, 0) / totals[1], LEAST_SHARE)
        index += (after - before) * log(after / before)
    return index


def level_above(measured: float, suspicious: float | None, closed: float | None) -> Level:
    """The level of a value that must not exceed its limits."""
    if closed is not None and measured > closed:
        return "closed"
    return "suspicious" if suspicious is not None and measured > suspicious else "open"


def level_below(measured: float, suspicious: float | None, closed: float | None) -> Level:
    """The level of a value that must not fall below its limits."""
    if closed is not None and measured < closed:
        return "closed"
    return "suspicious" if suspicious is not None and measured < suspicious else "open"


def volume(tonight: Profile, history: Sequence[Profile], limits: Thresholds) -> Iterator[Outcome]:
    """Landed rows of each table against the median of the loads before."""
    bounds = limits.volume
    for table, rows in sorted(tonight.read.items()):
        counts = [profile.read.get(table, 0) for profile in history]
        usual = median(counts) if counts else 0
        if usual < bounds.least_rows:
            continue
        times = rows / usual
        level: Level = level_above(times, bounds.suspicious_above, bounds.closed_above)
        if level == "open":
            level = level_below(times, bounds.suspicious_below, bounds.closed_below)
        yield Outcome(
            gate="volume",
            subject=table,
            level=level,
            measured=rows,
            usual=usual,
            suspicious_limit=_between(bounds.suspicious_below, bounds.suspicious_above, usual),
            closed_limit=_between(bounds.closed_below, bounds.closed_above, usual),
            loads=len(history),
            reason=f"{rows} rows in {table}, {usual:g} are usual{_greatest_changes(table, tonight, history)}",
        )


def _between(low: float | None, high: float | None, usual: float) -> str | None:
    terms = [f"< {low * usual:.0f}"] if low is not None else []
    terms += [f"> {high * usual:.0f}"] if high is not None else []
    return " / ".join(terms) or None


def usual_villages(table: str, history: Sequence[Profile]) -> dict[str, float]:
    """The median of accepted rows by village; a load without the village counts as none."""
    villages = {village for profile in history for village in profile.villages.get(table, {})}
    return {
        village: median(profile.villages.get(table, {}).get(village, 0) for profile in history) for village in villages
    }


def _greatest_changes(table: str, tonight: Profile, history: Sequence[Profile]) -> str:
    """The villages whose rows changed most, as `; village before → now`."""
    usual, now = usual_villages(table, history), tonight.villages.get(table, {})
    changes = {village: now.get(village, 0) - usual.get(village, 0) for village in usual.keys() | now.keys()}
    greatest = sorted((village for village in changes if changes[village]), key=lambda v: (-abs(changes[v]), v))[:NAMED]
    named = (f"{village} {usual.get(village, 0):g} → {now.get(village, 0)}" for village in greatest)
    return f"; most in {', '.join(named)}" if greatest else ""


def rejected_share(profile: Profile) -> float:
    """Rejected rows among all landed ones, 0-1."""
    return sum(profile.rejected.values()) / max(sum(profile.read.values()), 1)


def rejected(tonight: Profile, history: Sequence[Profile], limits: Thresholds) -> Iterator[Outcome]:
    """The share of rejected rows: against absolute limits, and its rise over the median of the loads before."""
    bounds = limits.rejected
    rows = sum(tonight.read.values())
    if rows < bounds.least_rows:
        return
    share = rejected_share(tonight)
    yield Outcome(
        gate="rejected",
        subject="share",
        level=level_above(share, bounds.suspicious_above, bounds.closed_above),
        measured=share,
        suspicious_limit=_above(bounds.suspicious_above),
        closed_limit=_above(bounds.closed_above),
        reason=f"{share:.1%} of {rows} rows are rejected{_most_broken(tonight)}",
    )
    if history:
        usual = median(rejected_share(profile) for profile in history)
        yield Outcome(
            gate="rejected",
            subject="rise",
            level=level_above(share - usual, bounds.suspicious_rise, bounds.closed_rise),
            measured=share - usual,
            usual=usual,
            suspicious_limit=_above(bounds.suspicious_rise),
            closed_limit=_above(bounds.closed_rise),
            loads=len(history),
            reason=f"{share:.1%} of {rows} rows are rejected, {usual:.1%} are usual{_most_broken(tonight)}",
        )


def _most_broken(tonight: Profile) -> str:
    """The rules that reject most rows, as `; most under rule (rows)`."""
    most = sorted(tonight.rules, key=lambda rule: (-tonight.rules[rule], rule))[:NAMED]
    return f"; most under {', '.join(f'{rule} ({tonight.rules[rule]})' for rule in most)}" if most else ""


def _above(limit: float | None) -> str | None:
    return None if limit is None else f"> {limit:g}"


def distribution(tonight: Profile, history: Sequence[Profile], limits: Thresholds) -> Iterator[Outcome]:
    """The stability index of each coded column against the loads before, taken together."""
    bounds = limits.distribution
    for table, columns in sorted(tonight.codes.items()):
        for column, actual in sorted(columns.items()):
            expected: Counter[str] = Counter()
            for profile in history:
                expected.update(profile.codes.get(table, {}).get(column, {}))
            if min(sum(actual.values()), sum(expected.values())) < bounds.least_rows:
                continue
            index = stability_index(expected, actual)
            yield Outcome(
                gate="distribution",
                subject=f"{table}.{column}",
                level=level_above(index, bounds.suspicious_above, bounds.closed_above),
                measured=index,
                usual=0,
                suspicious_limit=_above(bounds.suspicious_above),
                closed_limit=_above(bounds.closed_above),
                loads=len(history),
                reason=f"{table}.{column} has PSI {index:.2f}{_moved_code(expected, actual)}",
            )


def _moved_code(expected: Mapping[str, int], actual: Mapping[str, int]) -> str:
    """The code whose share changed most, as `; code before → now`."""
    totals = sum(expected.values()), sum(actual.values())
    shares = {
        c: (expected.get(c, 0) / totals[0], actual.get(c, 0) / totals[1]) for c in expected.keys() | actual.keys()
    }
    code = max(sorted(shares), key=lambda c: abs(shares[c][1] - shares[c][0]))
    before, now = shares[code]
    return f"; {f'code {code}' if code else 'missing'} {before:.0%} → {now:.0%}" if before != now else ""


def villages(tonight: Profile, history: Sequence[Profile], limits: Thresholds) -> Iterator[Outcome]:
    """The villages that usually have rows and have none tonight."""
    bounds = limits.villages
    usual = usual_villages(bounds.table, history)
    expected = sorted(v for v, rows in usual.items() if rows >= bounds.least_rows and v != UNKNOWN_VILLAGE)
    if not expected:
        return
    gone = [village for village in expected if not tonight.villages.get(bounds.table, {}).get(village)]
    named = ", ".join(f"{village} ({usual[village]:g} rows)" for village in gone[:NAMED])
    more = f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
    share = len(gone) / len(expected)
    yield Outcome(
        gate="villages",
        subject=bounds.table,
        level=level_above(share, bounds.suspicious_above, bounds.closed_above),
        measured=share,
        usual=0,
        suspicious_limit=_above(bounds.suspicious_above),
        closed_limit=_above(bounds.closed_above),
        loads=len(history),
        reason=f"{len(gone)} of {len(expected)} villages have no rows" + (f": {named}{more}" if gone else ""),
    )
