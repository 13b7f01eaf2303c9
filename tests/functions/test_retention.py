"""GET /api/compliance/retention: the policy with this deployment's figures, and what shows that it is in force."""

from functions.housekeeping.handler import handler as housekeeping
from functions.transparency import handler as transparency
from shared.domain.retention import POLICY
from tests.functions.archive import Archive
from tests.functions.company import AFTER_Q3, DAY, Q3, archive, founded
from tests.functions.estate import Response, call, event
from tests.functions.route_objects import a_hold
from tests.functions.signed_in import SignedIn, sign_in

__all__ = ["archive"]


def asked(session: SignedIn, query: str = "") -> Response:
    document = event("GET /api/compliance/retention", bearer=session.access_token, query=query)
    return call(transparency.handler, document)


def test_it_tells_the_policy_the_log_s_word_of_it_the_holds_and_the_oldest_lock(archive: Archive) -> None:
    company = founded(archive)
    session = sign_in(company.estate, company.person("auditor"))
    before = asked(session).body
    assert (before["told"], before["told_in_full"], before["oldest_segment"]) == (None, False, None)
    company.seen(Q3 + DAY)
    company.sign(AFTER_Q3 + 100)
    a_hold(session)
    housekeeping({}, None)
    document = asked(session).body
    assert [each["name"] for each in document["policy"]] == [each.name for each in POLICY]
    assert document["legal_holds"] == {"active": 1, "truncated": False}
    told = [line["change"]["after"] for line in company.estate.events(company.tenant) if line["change"]]
    assert document["told"] in told
    log = archive.environ["VAULT_RETENTION_DAYS"]
    assert next(each["days"] for each in document["policy"] if each["name"] == "sealed log") == int(log)
    assert document["oldest_segment"]["no"] == 1
    assert document["oldest_segment"]["retain_until"] > document["as_of"]
    assert document["told_in_full"] is (document["told"] == document["figures"])


def test_a_parameter_that_it_does_not_know_is_400(archive: Archive) -> None:
    company = founded(archive)
    session = sign_in(company.estate, company.person("auditor"))
    assert asked(session, "days=1").body["errors"][0]["pointer"] == "/days"
