"""What a bundle says of itself agrees with the catalogue that it was made by."""

import csv
import io

from functions.evidence_pipeline.population import Population
from functions.evidence_pipeline.readme import LIMITS, NOT_CONTAINED, crosswalk
from shared.audit.catalogue import load

ENDED = "SESSION_INVALIDATED"
SOFTWARE = {"RELEASE_DEPLOYED"}


def test_limits_deny_no_criterion_that_an_action_is_evidence_for() -> None:
    catalogue = load()
    (changes,) = (limit for limit in LIMITS if "CC8.1" in limit)
    (denial,) = (limit for limit in LIMITS if "CC9.1 and CC9.2" in limit)
    criteria = {name for action in catalogue.actions for name in catalogue.criteria(action, None)}
    assert denial.endswith("this bundle holds nothing.")
    assert not criteria & {criterion for criterion, _ in NOT_CONTAINED}
    assert not [name for name in criteria if name.startswith("CC9.")]
    assert "no releases of the software" in changes
    assert not SOFTWARE & set(catalogue.actions)
    assert "CC8.1" in criteria


def test_crosswalk_says_what_the_folders_are_and_what_none_of_them_contains() -> None:
    catalogue, population = load(), Population(3, {"SESSION_INVALIDATED": 3}, [])
    text = crosswalk(catalogue, population, "csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    folders = {row["folder"]: row["note"] for row in rows if not row["file"]}
    assert set(folders) == {"", *(report.folder for report in catalogue.reports.values())}
    assert folders["CC8_Incident_Response"].startswith("Not change management")
    assert folders["CC9_Monitoring"].startswith("Not risk mitigation")
    absent = {row["criteria"]: row["rows"] for row in rows if not row["folder"]}
    assert absent == dict.fromkeys(("CC6.4", "CC9.1", "CC9.2"), "0")
    (ended,) = (row for row in rows if (row["file"], row["action"]) == ("session_invalidations.csv", ENDED))
    assert (ended["rows"], ended["only"]) == ("3", "")
    assert "user_deactivated: CC6.2 CC6.3" in ended["criteria_by_reason"]
    (forced,) = (row for row in rows if (row["file"], row["action"]) == ("security_incidents.csv", ENDED))
    assert (forced["rows"], forced["only"]) == ("0", "reason: forced_logout high_risk reuse_detected")
    (times,) = (row for row in rows if row["file"] == "response_times.csv")
    assert (times["rows"], times["note"]) == ("0", "The rows of security-incidents, joined.")
