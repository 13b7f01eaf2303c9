"""What evidence says of people who were erased: reports, new bundles, old ones, and one that is being made."""

import csv
import io
from pathlib import Path

import pytest

from functions.evidence_pipeline import handler as pipeline
from shared.audit.moment import rfc3339
from tests.functions.archive import Archive
from tests.functions.company import (
    AFTER_Q3,
    DAY,
    Q3,
    Company,
    archive,
    as_state,
    founded,
    proven,
    report,
    requested,
    workers,
)
from tests.functions.erasing import REASON, erase, leave
from tests.functions.estate import Person
from tests.functions.opened_bundle import OpenedBundle, bundle_of, opened
from tests.functions.signed_in import SignedIn
from tests.functions.staff_calls import administrator
from tests.functions.test_erasure import salt_of

__all__ = ["archive"]

ACCESS = "CC6_Access_Control/access_logs"


@pytest.fixture
def company(archive: Archive) -> Company:
    return founded(archive)


@pytest.fixture
def owner(company: Company) -> SignedIn:
    return administrator(company.estate, company.tenant)


@pytest.fixture
def person(company: Company) -> Person:
    """Give somebody who acted, and was acted on by somebody else, in a quarter that is signed."""
    estate, tenant = company.estate, company.tenant
    person, other = (estate.new_person(tenant, role) for role in ("member", "admin"))
    for one in (person, other):
        row = salt_of(estate, tenant, one.staff_id)
        assert row is not None
        company.salts[one.staff_id] = row["salt"]
        company.seen(Q3 + DAY, one.staff_id)
    company.sign(AFTER_Q3 + 100)
    return person


def emails(bundle: OpenedBundle) -> dict[str, str]:
    rows = bundle.rows(f"{ACCESS}.csv")
    return {row["actor_id"]: row["actor_email"] for row in rows if row["action"] == "AUTH_LOGIN_SUCCESS"}


def test_bundle_of_before_and_bundle_of_after_both_verify_and_the_new_one_says_erased(
    company: Company, owner: SignedIn, person: Person, tmp_path: Path
) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    before = bundle_of(company, tmp_path / "before")
    leave(owner, person)
    assert erase(owner, person.staff_id).status == 200
    after = bundle_of(company, tmp_path / "after")
    assert [bundle.verified()[0] for bundle in (before, after)] == [0, 0]
    assert emails(before)[person.staff_id] == f"{person.staff_id}@acme.example"
    assert emails(after)[person.staff_id] == "[erased]"
    others = [{key: value for key, value in emails(one).items() if key != person.staff_id} for one in (before, after)]
    assert others[0] == others[1] != {}
    assert before.read("events/events.ndjson.gz") == after.read("events/events.ndjson.gz"), "no sealed line changed"
    everything = b"".join(after.read(name) for name in after.archive.namelist())
    assert f"{person.staff_id}@acme.example".encode() not in everything
    told = [entry for one in after.lines("events/disclosure.ndjson.gz") for entry in one["pii"] if "erased" in entry]
    assert told == [{"of": "actor", "erased": True}]


@pytest.mark.parametrize("rendered_before", [False, True])
def test_bundle_that_is_being_made_tells_what_was_rendered_before_and_no_more(
    company: Company, owner: SignedIn, person: Person, tmp_path: Path, *, rendered_before: bool
) -> None:
    """A shard reads the salts once, when its rendering begins: that is the moment up to which a bundle may tell."""
    export_id = requested(proven(company.estate, company.person("owner")))
    state = as_state(pipeline.plan({"tenant": company.tenant, "export_id": export_id}, None))
    leave(owner, person)

    def render() -> None:
        for worker in workers(state):
            pipeline.render(as_state(worker), None)

    steps = (lambda: erase(owner, person.staff_id), render)
    for step in steps[::-1] if rendered_before else steps:
        step()
    for further in (pipeline.manifest, pipeline.assemble, pipeline.finish):
        further(state, None)
    bundle = opened(company, export_id, tmp_path)
    assert emails(bundle)[person.staff_id] == (f"{person.staff_id}@acme.example" if rendered_before else "[erased]")
    assert bundle.verified()[0] == 0


def test_report_tells_of_the_erasure_with_the_owner_s_reason_and_nothing_of_the_person(
    company: Company, owner: SignedIn, person: Person
) -> None:
    leave(owner, person)
    assert erase(owner, person.staff_id).status == 200
    bearer = proven(company.estate, company.person())
    day = rfc3339(company.estate.clock())[:10]
    text = report("cc6/user-lifecycle", f"from={day}&to={day}&format=csv&limit=500", bearer).text
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    (told,) = (row for row in rows if row["action"] == "PII_ERASED")
    assert (told["actor_id"], told["target_id"], told["reason"]) == (owner.person.staff_id, person.staff_id, REASON)
    assert told["tsc"].split()[0] == "C1.2"
    (deactivation,) = (row for row in rows if row["action"] == "USER_DEACTIVATED")
    assert (deactivation["reason"], deactivation["actor_id"]) == ("[erased]", owner.person.staff_id)
    assert deactivation["ip"] not in {"", "[erased]"}, "what the owner did stays readable"
    assert f"{person.staff_id}@" not in text
