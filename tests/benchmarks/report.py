"""The rows of the table: which figure stands beside which, and against which budget of P1 to P9."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.bench_bundle import Assembly, Divided
from tests.benchmarks.bench_export import Exports, Run
from tests.benchmarks.bench_ledger import Appending, Growth
from tests.benchmarks.bench_sealing import EVENTS, LANES, Sealing
from tests.benchmarks.bench_verify import Verified
from tests.benchmarks.cold_start import ColdStarts
from tests.benchmarks.consumption import Consumption
from tests.benchmarks.table import Row, milliseconds, per_cpu_second, ratio_row

_MODULES: Final = 170
_WRITE_UNITS: Final = 12
_READ_UNITS: Final = 3
_LOGIN_CALLS: Final = 4
_ARGON2_SHARE: Final = 0.8
_SEALED_PER_SECOND: Final = 20_000
_TIMES_OF_PEERS: Final[Mapping[str, float | None]] = {"zipfile": 2.5, "zipstream": None, "archiver": 1.8}
_EXPORT_MB: Final = 64
_EXPORT_GROWTH: Final = 1.1  # from a tenth of a million events to two millions
_TIMES_OF_TWO_WORKERS: Final = 1.7
_VERIFY_SECONDS: Final = 60
_VERIFY_MB: Final = 300
_UNITS_OF_A_CHECK: Final = 2  # a transaction reads or writes an item of up to 1 KiB for two units
_REFRESH_CALLS: Final[Mapping[str, int]] = {"usual": 1, "replay": 2, "reuse": 2, "changed country": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFindings:
    """`one_lane` and `many_lanes` have the same numbers of writers; `runs` are CPU seconds of the sealer's runs."""

    one_lane: Sequence[Appending]
    many_lanes: Sequence[Appending]
    growth: Sequence[Growth]
    sealing: Sequence[Sealing]
    runs: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFindings:
    """`curve` has a run for each number of events."""

    exports: Exports
    curve: Mapping[int, Run]
    divided: Sequence[Divided]
    assembly: Assembly
    verified: Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFindings:
    """What was found of requests. `seconds` has no entry for what did not run; `absent` says why."""

    cold: ColdStarts
    seconds: Mapping[str, Sequence[float]]
    absent: Mapping[str, str]
    refresh: Mapping[str, Consumption]
    check: Consumption
    login: Consumption


def request_rows(found: RequestFindings) -> list[Row]:
    """Give the rows of cold starts and of what a request costs."""
    return [*_cold(found.cold), *_refreshes(found), *_units(found.refresh), *_checks(found), *_logins(found)]


def evidence_rows(found: EvidenceFindings) -> list[Row]:
    """Give the rows of exporting and verifying."""
    divided = _workers(found.divided)
    return [
        *_exports(found.exports),
        *_curve(found.curve),
        *divided,
        _assembling(found.assembly),
        _verifying(found.verified),
    ]


def ledger_rows(found: LedgerFindings) -> list[Row]:
    """Give the rows of appending and sealing."""
    return [*_appending(found), *_growth(found.growth), *_sealing(found)]


def _exports(found: Exports) -> list[Row]:
    seconds = [run.cpu_seconds for run in found.ours]
    rows = []
    for peer, least in _TIMES_OF_PEERS.items():
        what, own = f"one report of {found.events:,} events, beside {peer}", per_cpu_second(found.events, seconds)
        if peer in found.absent:
            rows.append(Row("P6", what, own, f"not run: {found.absent[peer]}", ""))
            continue
        theirs, ratio = [run.cpu_seconds for run in found.peers[peer]], found.ratio(peer)
        limit, met = ("", None) if least is None else (f"at least {least:g} times", ratio >= least)
        rows.append(Row("P6", what, own, per_cpu_second(found.events, theirs), f"{ratio:.2f} times", limit, met))
    opening = per_cpu_second(found.events, [run.cpu_seconds for run in found.personal])
    return [*rows, Row("P6", "the same, with personal data opened in half of them", opening, "", "")]


def _curve(found: Mapping[int, Run]) -> list[Row]:
    rows = [
        Row(
            "P6", f"rendering {events:,} events", per_cpu_second(events, [run.cpu_seconds]), f"{run.peak_mb:.0f} MB", ""
        )
        for events, run in found.items()
    ]
    counts = [count for count in found if count >= 100_000]  # P6 compares from there on
    if len(counts) > 1:
        first, last = found[counts[0]].peak_mb, found[counts[-1]].peak_mb
        met = last <= _EXPORT_MB and last / first <= _EXPORT_GROWTH
        limit = f"at most {_EXPORT_MB} MB, {_EXPORT_GROWTH:g} times"
        what = f"memory, {counts[-1]:,} events beside {counts[0]:,}"
        rows.append(Row("P6", what, f"{last:.0f} MB", f"{first:.0f} MB", f"{last / first:.2f} times", limit, met))
    return rows


def _workers(found: Sequence[Divided]) -> list[Row]:
    ratio = statistics.median(each.one / each.two for each in found)
    of_division = statistics.median(each.one_cpu / each.two_cpu for each in found)
    events, limit = found[0].events, f"at least {_TIMES_OF_TWO_WORKERS:g} times"
    two, one = (f"{events / statistics.median(seconds):,.0f} events a second" for seconds in _walls(found))
    met = ratio >= _TIMES_OF_TWO_WORKERS
    return [
        Row("P7", f"two workers beside one, {events:,} events", two, one, f"{ratio:.2f} times", limit, met),
        Row("P7", "the same by the CPU of the longer one", "", "", f"{of_division:.2f} times"),
    ]


def _walls(found: Sequence[Divided]) -> tuple[list[float], list[float]]:
    return [each.two for each in found], [each.one for each in found]


def _assembling(found: Assembly) -> Row:
    told = f"{found.through / 1e6:.1f} MB of {found.size / 1e9:.1f} GB, {found.seconds:.1f} s CPU"
    return Row("P7", f"bytes that pass through the assembler, {found.segments:,} segments", told, "", "")


def _verifying(found: Verified) -> Row:
    met = found.code == 0 and found.seconds <= _VERIFY_SECONDS and found.peak_mb <= _VERIFY_MB
    limit = f"at most {_VERIFY_SECONDS} s, {_VERIFY_MB} MB for a million"
    told = f"{found.seconds:.1f} s, {found.peak_mb:.0f} MB"
    return Row("P9", f"verifying {found.events:,} events offline", told, "", "", limit, met)


def _appending(found: LedgerFindings) -> list[Row]:
    rows = []
    for many, one in zip(found.many_lanes, found.one_lane, strict=True):
        who = f"{many.writers} writer" + ("" if many.writers == 1 else "s")
        what = f"append, {who}, up to {many.lanes} lanes beside one"
        ratio = f"{many.per_second / one.per_second:.2f} times" if one.per_second else ""
        rows.append(Row("", what, many.text(), one.text(), ratio))
    return rows


def _growth(found: Sequence[Growth]) -> list[Row]:
    first, *longer = found
    return [
        Row(
            "",
            f"append, one event behind {each.length:,}, beside {first.length:,}",
            each.text(),
            first.text(),
            f"{each.seconds / first.seconds:.2f} of it",
        )
        for each in longer
    ]


def _sealing(found: LedgerFindings) -> list[Row]:
    met = EVENTS / statistics.median(found.runs) >= _SEALED_PER_SECOND
    sealed, compressed = [each.sealed for each in found.sealing], [each.compressed for each in found.sealing]
    ratio = statistics.median(each.compressed / each.sealed for each in found.sealing)
    return [
        Row(
            "P8",
            f"sealing, a whole run over {LANES} lanes",
            per_cpu_second(EVENTS, found.runs),
            "",
            "",
            f"at least {_SEALED_PER_SECOND:,}",
            met,
        ),
        Row(
            "P8",
            "sealing, beside compressing the same lines",
            per_cpu_second(EVENTS, sealed),
            per_cpu_second(EVENTS, compressed),
            f"{ratio:.2f} of it",
        ),
    ]


def _cold(cold: ColdStarts) -> list[Row]:
    modules = Row(
        "P1",
        "modules that it has loaded by then",
        str(cold.our_modules),
        str(cold.peer_modules),
        "",
        f"at most {_MODULES}",
        cold.our_modules <= _MODULES,
    )
    bare = Row("", "the interpreter alone, in both", milliseconds(cold.bare), "", "")
    return [
        ratio_row("P1", "cold start of the refresh, beside boto3 + PyJWT + Logger", cold.ours, cold.peer, 0.25),
        ratio_row("P1", "the same, with TLS ready", cold.our_tls, cold.peer_tls),
        modules,
        bare,
    ]


def _refreshes(found: RequestFindings) -> list[Row]:
    return [
        _beside(found, "P2", "refresh", "simplejwt + blacklist", "simplejwt refresh", "django", 0.1),
        _beside(found, "P2", "refresh", "django-oauth-toolkit", "toolkit refresh", "django", None),
        _beside(found, "P2", "refresh", "oidc-provider in memory", "oidc-provider refresh", "oidc_provider", 0.5),
    ]


def _units(refresh: Mapping[str, Consumption]) -> list[Row]:
    rows = []
    for kind, calls in _REFRESH_CALLS.items():
        used = refresh[kind]
        limit, met = f"{calls} call" + ("" if calls == 1 else "s"), used.calls == calls
        if kind == "usual":
            limit += f", at most {_WRITE_UNITS} write units with the check"
            met = met and used.write_units + _UNITS_OF_A_CHECK * used.checks <= _WRITE_UNITS
        rows.append(Row("P3", f"DynamoDB, refresh, {kind}", used.text(), "", "", limit, met))
    return rows


def _checks(found: RequestFindings) -> list[Row]:
    used = found.check
    met = used.calls == 1 and used.read_units <= _READ_UNITS
    return [
        _beside(found, "P4", "check", "simplejwt", "simplejwt check", "django", 0.5),
        _beside(found, "P4", "check", "better-auth in memory", "better-auth check", "better_auth", 0.5),
        _beside(found, "P4", "me", "simplejwt", "simplejwt check", "django", None),
        Row("P4", "DynamoDB, check", used.text(), "", "", f"1 call, {_READ_UNITS} read units", met),
    ]


def _logins(found: RequestFindings) -> list[Row]:
    used = found.login
    rows = [
        Row(
            "P5",
            "DynamoDB, login",
            used.text(),
            "",
            "",
            f"at most {_LOGIN_CALLS} calls",
            used.calls <= _LOGIN_CALLS,
        )
    ]
    login, argon2 = found.seconds["login"], found.seconds["argon2"]
    share = statistics.median(part / whole for part, whole in zip(argon2, login, strict=True))
    least = f"at least {_ARGON2_SHARE:.0%}"
    what = "login, beside argon2id alone"
    rows.append(
        Row("P5", what, milliseconds(login), milliseconds(argon2), f"{share:.0%} of it", least, share >= _ARGON2_SHARE)
    )
    return rows


def _beside(
    found: RequestFindings, budget: str, ours: str, name: str, peer: str, subject: str, limit: float | None
) -> Row:
    what, own, theirs = f"{ours}, beside {name}", found.seconds[ours], found.seconds.get(peer)
    if theirs is None:
        return Row(budget, what, milliseconds(own), f"not run: {found.absent[subject]}", "")
    return ratio_row(budget, what, own, theirs, limit)
