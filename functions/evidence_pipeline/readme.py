"""The two files of a bundle that people read first: README.txt and CROSSWALK.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from functions.evidence_pipeline.population import Population
from shared.audit.catalogue import Catalogue
from shared.audit.epoch import FIRST_EPOCH
from shared.evidence.csv_rows import CsvWriter
from shared.evidence.response_times import response_times
from shared.store.audit_seals import number_of
from shared.store.exports import SYSTEM

LIMITS = (
    "Shows what the application recorded; access to the cloud account itself is in its own trail.",
    "Does not prove that an event was true when it was written, or that every act wrote an event.",
    "The folders CC6 to CC9 follow the agreed grouping; CROSSWALK.csv names the Trust Services Criteria.",
    "Of CC8.1 the folders hold changes of settings, keys and retention, no releases of the software.",
    "The folders CC8 and CC9 are not those series of the criteria: of CC9.1 and CC9.2 this bundle holds nothing.",
    "No event yields CC6_Access_Control/admin_access_list: it is what the tables said when this bundle was made.",
    "Anchors are signed by the ledger key too: when one was made only an outside time stamp or its keeper shows.",
)

_CROSSWALK = ("folder", "file", "action", "criteria", "rows", "only", "criteria_by_reason", "note")
# What the folders, named as the requirements name them, are by the series of the Trust Services Criteria.
_SERIES = {
    "CC6": "Logical and physical access, as in the criteria; physical access (CC6.4) is the cloud provider's.",
    "CC7": "System operations, as in the criteria; address rules and settings speak to CC6.6 and CC8.1 too.",
    "CC8": "Not change management, which is series CC8 of the criteria: incidents speak to CC7.3 and CC7.4.",
    "CC9": "Not risk mitigation, which is series CC9 of the criteria: monitoring speaks to CC7.2, exports to CC6.7.",
}
NOT_CONTAINED = (
    ("CC6.4", "No evidence here: physical access to facilities is in the report of the cloud provider."),
    ("CC9.1", "No evidence here: how disruption of the business is planned for."),
    ("CC9.2", "No evidence here: how vendors and partners are assessed."),
)

_RESTARTED = (
    "The log was started again as epoch {epoch}: what earlier epochs hold is not in this bundle, and what was not "
    "sealed when its table was lost is in none."
)

_CUT_START = (
    "The request begins with {first}, and this log with {start}: nothing before that instant is in this bundle, "
    "although it may have been recorded."
)

_README = """\
This archive contains SOC2 Type II evidence grouped by Trust Services Criteria.
All data was generated automatically from immutable audit logs.
{performed}

{name}
Tenant     {tenant_name} ({tenant_id})
Requested  {first} to {last} ({tz}), {format}
Covered    {start} up to, not including, {end}
{remarks}
Population {population} events in that interval, {events} in events/events.ndjson.gz
Generated  {generated}
           export {export_id}

HOW TO VERIFY
  python3 verify_bundle.py {name}.zip \\
    --key-fingerprint ledger:{ledger} \\
    --key-fingerprint evidence:{evidence}
needs Python 3.9 or later and nothing else, and no network. Take the two fingerprints from where the vendor publishes
them, not from this file: a bundle that is checked with its own keys only proves that it agrees with itself.
Further options: --previous OLDER.zip (nothing lies between the two), --sample FILE (drawn with a nonce of yours),
--proof FILE (one event alone), --tsa-ca FILE (whom you trust for time stamps), --json.
Without any script of ours, after unpacking, the manifest and the signed head of the tree over all events:
  openssl dgst -sha256 -signature manifest.json.sig \\
    -verify keys/{evidence}.pem manifest.json
  awk '/^$/{{exit}}{{print}}' integrity/checkpoints/{size} > head.txt
  awk 'NR == 5 {{print $3}}' integrity/checkpoints/{size} | base64 -d | tail -c +5 > head.sig
  openssl dgst -sha256 -signature head.sig -verify keys/{ledger}.pem head.txt

WHAT IS IN IT
  CC6 ... CC9      the reports; CROSSWALK.csv says which action stands where, and for which criterion; in CC6 also who
                   had administrative access when the bundle was made
  events/          every sealed event between the two signed digests that enclose the interval, byte for byte as it
                   was locked, and the personal values that may be disclosed, each with the key that proves it
  integrity/       the signed digests and tree heads, the tree before the first event, and anchors: a root a day over
                   all logs of the deployment, with the way to it from this one
  keys/            the public keys; manifest.json says which signs what
  samples/         where asked for, rows drawn with a nonce: a sample is yours only if its nonce is
  catalogue.json   which action stands in which report: with it the program makes every report anew and compares it

WHAT IT SHOWS, AND WHAT IT DOES NOT
"Immutable" above means tamper-evident: an event that was changed, removed, moved, added or repeated after it was sealed
is found. [erased] stands where a person's values can no longer be read: PII_ERASED in the log says who had it done.
{limits}
"""


_BY_A_PERSON = (
    "Exports were performed by an authorized administrator with step-up authentication.",
    "for {actor} (role {role}, authorized to export) after a second factor (challenge {step_up})",
)
_BY_THE_CALENDAR = (
    "The export was started by the evidence calendar on schedule: no person asked for it.",
    "by {actor}, without a person and so without a second factor",
)


def readme(
    plan: Mapping[str, Any], population: Population, keys: Mapping[str, str], limits: Sequence[str] = LIMITS
) -> bytes:
    asked, asked_by, resolved = plan["requested"], plan["requested_by"], plan["resolved"]
    performed, generated = _BY_THE_CALENDAR if asked_by.get("type") == SYSTEM else _BY_A_PERSON
    text = _README.format(
        name=plan["name"],
        tenant_name=plan["tenant"]["name"],
        tenant_id=plan["tenant"]["id"],
        first=asked["from"],
        last=asked["to"],
        tz=asked["tz"],
        format=asked["format"],
        start=resolved["from"],
        end=resolved["to_exclusive"],
        remarks="\n".join(_remarks(plan)),
        population=population.total,
        events=population.events,
        performed=performed,
        generated=generated.format(**asked_by),
        export_id=plan["export_id"],
        ledger=keys["ledger"],
        size=number_of(plan["closing"]["tree_size"]),
        evidence=keys["evidence"],
        limits="\n".join(f"- {limit}" for limit in limits),
    )
    return text.encode()


def limits_of(plan: Mapping[str, Any], epoch: int) -> list[str]:
    """List what the bundle says that its evidence does not show; `epoch` is the one of the log."""
    limits = list(LIMITS)
    if plan["cut_start"]:
        limits.append(_CUT_START.format(start=plan["resolved"]["from"], first=plan["requested"]["from"]))
    if epoch > FIRST_EPOCH:
        limits.append(_RESTARTED.format(epoch=epoch))
    return limits


def crosswalk(catalogue: Catalogue, population: Population, extension: str) -> bytes:
    """List, for every report, its actions, their criteria and their rows; a report without a row says so too.

    In front of it stands what each folder is by the criteria's own series, and at the end what no folder contains.
    """
    writer = CsvWriter()
    folders = {report.folder: report.section for report in catalogue.reports.values()}
    records = [_CROSSWALK, *((folder, *[""] * 6, _SERIES.get(section, "")) for folder, section in folders.items())]
    for report in catalogue.reports.values():
        file = f"{report.file}.{extension}"
        for action in report.actions or ("",):
            criteria = " ".join(catalogue.criteria_in(report, action))
            rows, where = str(population.rows_by(report, action)), report.where.get(action)
            only = f"{where.facet}: {' '.join(where.values)}" if where else ""
            records.append((report.folder, file, action, criteria, rows, only, _by_reason(catalogue, action), ""))
    if incidents := catalogue.incidents:
        criteria = " ".join(catalogue.criteria_of(catalogue.reports[incidents.of]))
        rows, note = str(len(response_times(population.incidents, catalogue))), f"The rows of {incidents.of}, joined."
        records.append((incidents.folder, f"{incidents.file}.{extension}", "", criteria, rows, "", "", note))
    records += [("", "", "", criterion, "0", "", "", note) for criterion, note in NOT_CONTAINED]
    return b"".join(map(writer.record, records))


def _by_reason(catalogue: Catalogue, action: str) -> str:
    """Write out where the reason of an event decides which criteria it speaks to."""
    told = catalogue.actions.get(action, {}).get("tsc_by_reason", {})
    return "; ".join(f"{reason}: {' '.join(criteria)}" for reason, criteria in sorted(told.items()))


def _remarks(plan: Mapping[str, Any]) -> list[str]:
    remarks = []
    if plan["cut_start"]:
        remarks.append("           begins there: the log was started again, and earlier events are not in this bundle")
    if plan["cut"]:
        remarks.append("           cut there: later events were not sealed yet when this bundle was made")
    if simulated := plan["simulated"]:
        remarks.append(
            f"SIMULATED  events from {simulated['from']} to {simulated['to']} were written by a demonstration of the"
        )
        remarks.append("           product, not by people using it")
    return remarks
