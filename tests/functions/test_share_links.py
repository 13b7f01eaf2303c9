"""Share links: a named auditor without an account fetches one bundle, and nobody learns anything from a wrong token."""

import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.erasure.handler import handler as erasure
from functions.share_links import flow, use
from shared.store.exports import failed_item, new_export_id, new_export_item
from shared.store.share_links import link_key
from shared.store.subject_keys import subject_key
from shared.store.tenants import tenant_key
from tests.functions.address_book import put_rules
from tests.functions.archive import Archive
from tests.functions.company import (
    AFTER_Q3,
    DAY,
    Q3,
    STATUS,
    Company,
    archive,
    bundle_call,
    founded,
    proven,
    report,
    requested,
    run_pipeline,
)
from tests.functions.conftest import Calls
from tests.functions.estate import WRITTEN, MovableClock, Place, Response, call, event
from tests.functions.route_objects import a_hold, a_share_token
from tests.functions.sharing import ASKED, AUDITOR, Shared, uses
from tests.functions.signed_in import SignedIn

__all__ = ["archive"]


@pytest.fixture(scope="module")
def finished(archive: Archive) -> tuple[Company, str]:
    company = founded(archive)
    company.seen(Q3 + DAY)
    company.sign(AFTER_Q3 + 100)
    export_id = requested(proven(company.estate, company.person("owner")))
    run_pipeline(company.tenant, export_id)
    return company, export_id


@pytest.fixture(scope="module")
def shared(finished: tuple[Company, str]) -> Shared:
    return Shared(*finished)


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests of this module share a bundle and an address: what bounds them is tested by itself."""
    monkeypatch.setattr(flow, "MAX_OPEN", 10_000)
    monkeypatch.setattr(use, "ADDRESS_BUDGET", 10_000)


def test_a_link_fetches_the_very_bundle_and_is_in_the_log_before(shared: Shared) -> None:
    share_id, token = shared.make()
    before = len(shared.lines("DATA_EXPORT_DOWNLOADED"))
    answer = uses(token)
    assert (answer.status, answer.text, answer.headers["Referrer-Policy"]) == (302, "", "no-referrer")
    result = shared.company.export(shared.export_id)["result"]
    assert f"versionId={result['version_id']}" in answer.headers["Location"]
    assert "X-Amz-Expires=300&" in answer.headers["Location"]
    with urllib.request.urlopen(answer.headers["Location"]) as fetched:  # noqa: S310 - of the embedded AWS
        assert (len(fetched.read()), fetched.headers["Content-Type"]) == (result["size"], "application/zip")
    told = shared.lines("DATA_EXPORT_DOWNLOADED")
    assert len(told) == before + 1
    assert (told[-1]["actor"]["type"], told[-1]["actor"]["id"]) == ("auditor", share_id)
    assert told[-1]["meta"]["manifest_sha256"] == result["manifest_sha256"]
    assert (shared.row(share_id)["uses"], "last_used_at" in shared.row(share_id)) == (1, True)


def test_reports_name_the_auditor_of_each_use_and_each_link(shared: Shared) -> None:
    share_id, token = shared.make()
    uses(token, Place(address="203.0.113.77"))
    shared.asks("DELETE", share_id)
    rows = report("cc9/data-exports", "from=2026-07-01&to=2999-12-31", shared.bearer).body["evidence"]
    of_link = [row for row in rows if row["target_id"] == share_id]
    assert [(row["action"], row["actor_type"], row["actor_email"] or row["reason"]) for row in reversed(of_link)] == [
        ("SHARE_LINK_CREATED", "user", f"Shared with {AUDITOR}"),
        ("DATA_EXPORT_DOWNLOADED", "auditor", AUDITOR),
        ("SHARE_LINK_REVOKED", "user", f"Shared with {AUDITOR}"),
    ]
    assert of_link[1]["ip"] == "203.0.113.77"
    assert {row["target_type"] for row in of_link} == {"share_link"}


def test_the_token_is_shown_once_and_the_name_stands_nowhere_in_the_clear(
    shared: Shared, capsys: pytest.CaptureFixture[str]
) -> None:
    share_id, token = shared.make()
    uses(token)
    secret = token.rpartition(".")[2]
    assert len(secret) == 43
    traces = repr(WRITTEN) + capsys.readouterr().out + shared.asks("GET").text
    assert share_id in traces
    assert secret not in traces
    assert "Jane" not in repr(WRITTEN)


def test_a_use_that_cannot_be_logged_hands_nothing_out(shared: Shared, audit_write_fails: Callable[[], None]) -> None:
    _, token = shared.make()
    audit_write_fails()
    answer = uses(token)
    assert (answer.status, "Location" in answer.headers) == (503, False)


def revoked(shared: Shared, share_id: str) -> None:
    assert shared.asks("DELETE", share_id).status == 204


def expired(shared: Shared, share_id: str) -> None:
    shared.change(share_id, expires_at=int(shared.company.estate.clock()))


def of_an_earlier_epoch(shared: Shared, share_id: str) -> None:
    shared.change(share_id, epoch=0)


def with_another_secret(shared: Shared, share_id: str) -> None:
    shared.change(share_id, token_hash="1" * 64)


def gone(shared: Shared, share_id: str) -> None:
    shared.company.estate.delete("share_links", link_key(shared.company.tenant, shared.export_id, share_id))


def of_somebody_erased(shared: Shared, share_id: str) -> None:
    shared.company.estate.delete("subject_keys", subject_key(shared.company.tenant, share_id))


def of_a_tenant_that_is_out(shared: Shared, _share_id: str) -> None:
    shared.company.estate.change_row("tenants", tenant_key(shared.company.tenant), {"status": "SUSPENDED"})


def of_an_export_that_failed(shared: Shared, _share_id: str) -> None:
    key = {"tenant": shared.company.tenant, "export_id": shared.export_id}
    shared.company.estate.change_row("exports", key, {"status": "failed"})


ENDED = [revoked, expired, of_an_earlier_epoch, with_another_secret, gone, of_somebody_erased]
WITHOUT = [of_a_tenant_that_is_out, of_an_export_that_failed]


@pytest.mark.parametrize("ended", [*ENDED, *WITHOUT], ids=lambda each: each.__name__)
def test_a_link_that_lets_nobody_in_is_answered_like_one_that_never_was(
    shared: Shared, calls: Calls, ended: Callable[[Shared, str], None]
) -> None:
    share_id, token = shared.make()
    assert uses(token).status == 302
    before = shared.company.export(shared.export_id)
    ended(shared, share_id)
    try:
        calls.clear()
        answer = uses(token, request_id="the-same")
        operations = calls.operations()
    finally:
        shared.company.estate.change_row("tenants", tenant_key(shared.company.tenant), {"status": "ACTIVE"})
        key = {"tenant": shared.company.tenant, "export_id": shared.export_id}
        shared.company.estate.change_row("exports", key, {"status": before["status"]})
    calls.clear()
    unknown = uses("no token at all", request_id="the-same")
    assert (answer.status, answer.code, answer.text) == (404, "not_found", unknown.text)
    assert operations == calls.operations() == ["UpdateItem", "BatchGetItem"]
    assert shared.lines("DATA_EXPORT_DOWNLOADED")[-1]["meta"]["share_id"] == share_id


@pytest.mark.parametrize(
    "token", ["", ".", "...", "a.b.c.d", "x" * 9_000, "\ud800", "#.#.#." + "x" * 43, "acme.exp_" + "0" * 24 + ".s.\0"]
)
def test_what_is_no_token_is_404(estate: Any, token: str) -> None:  # noqa: ARG001 - the deployment
    assert (uses(token).status, uses(token).code) == (404, "not_found")


def test_guesses_of_one_address_are_throttled_right_or_wrong(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    _, token = shared.make()
    monkeypatch.setattr(use, "ADDRESS_BUDGET", 2)
    place = Place(address="2001:db8:77::1")
    assert [uses("guess", place).status for _ in range(3)] == [404, 404, 429]
    calls.clear()
    answer = uses(token, Place(address="2001:db8:77::2"))
    assert (answer.code, int(answer.headers["Retry-After"]) > 0) == ("rate_limited", True)
    assert calls.operations() == ["UpdateItem"]
    assert uses(token, Place(address="2001:db8:78::2")).status == 302


def test_one_link_is_used_so_often_in_an_hour_from_wherever(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use, "LINK_BUDGET", 2)
    (share_id, token), (_, other) = shared.make(), shared.make()
    assert [uses(token, Place(address=f"192.0.2.{number}")).status for number in range(3)] == [302, 302, 429]
    assert shared.row(share_id)["uses"] == 2
    assert uses(other).status == 302


def test_deny_rules_hold_for_auditors_on_the_record_and_allow_rules_do_not(archive: Archive) -> None:
    shared = Shared(founded(archive), "")
    session = shared.signed_in(shared.owner)
    token = a_share_token(session)
    put_rules(shared.company.estate, shared.company.tenant, ("allow", "198.51.100.0/24"), ("deny", "192.0.2.9"))
    assert uses(token, Place(address="203.0.113.1")).status == 302
    denied = uses(token, Place(address="192.0.2.9"), "the-same")
    assert (denied.status, denied.text) == (404, uses("none", request_id="the-same").text)
    (line,) = shared.lines("IP_RULE_ENFORCED")
    assert (line["actor"]["type"], line["targets"][0]["type"]) == ("auditor", "share_link")


def test_of_uses_and_a_revocation_at_once_none_is_told_after_the_revocation(shared: Shared) -> None:
    share_id, token = shared.make()
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(uses, token) for _ in range(4)]
        ended = pool.submit(shared.asks, "DELETE", share_id)
        answers += [pool.submit(uses, token) for _ in range(8)]
        assert ended.result().status == 204
        late = uses(token)
    statuses = [answer.result().status for answer in answers]
    assert set(statuses) <= {302, 404}
    assert late.status == 404
    order = [
        line["action"]
        for line in shared.company.estate.events(shared.company.tenant)
        if line["meta"].get("share_id") == share_id
    ]
    assert order == ["SHARE_LINK_CREATED", *["DATA_EXPORT_DOWNLOADED"] * statuses.count(302), "SHARE_LINK_REVOKED"]
    assert shared.row(share_id)["uses"] == statuses.count(302)


def test_a_use_that_an_erasure_overtakes_hands_nothing_out_and_is_not_told(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_id, token = shared.make()
    judged = use.Use._judged

    def erased_meanwhile(itself: use.Use, *asked: Any) -> Any:
        good = judged(itself, *asked)
        of_somebody_erased(shared, share_id)
        return good

    monkeypatch.setattr(use.Use, "_judged", erased_meanwhile)
    assert uses(token).code == "not_found"
    assert shared.row(share_id)["uses"] == 0
    assert share_id not in {line["actor"]["id"] for line in shared.lines("DATA_EXPORT_DOWNLOADED")}


def fresh(finished: tuple[Company, str]) -> Shared:
    """Give a bundle of its own to the tests that count, as a row that names the same object."""
    company, export_id = finished
    row = company.export(export_id) | {"export_id": new_export_id(company.estate.clock())}
    table, result = company.archive.environ["EXPORTS_TABLE"], row.pop("result")
    company.estate.dynamodb.call("PutItem", dict(new_export_item(table, row).request))
    key = {"tenant": company.tenant, "export_id": row["export_id"]}
    company.estate.change_row("exports", key, {"status": "completed", "result": result})
    return Shared(company, row["export_id"])


def test_an_export_has_so_many_open_links_and_those_that_ended_make_room(
    finished: tuple[Company, str], monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    monkeypatch.setattr(flow, "MAX_OPEN", 3)
    shared = fresh(finished)
    first, _ = shared.make(expires_in_days=1)
    second, _ = shared.make()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shared.asks("POST", body=ASKED), range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"export_limit"}
    assert opened(shared) == 3
    shared.asks("DELETE", second)
    assert opened(shared) == 2
    clock.offset += DAY + 1
    shared.bearer = proven(shared.company.estate, shared.owner)
    assert opened(shared) == 1
    shared.make()
    listed = {link["share_id"]: link["status"] for link in shared.asks("GET").body["share_links"]}
    assert sorted(listed.values()) == ["EXPIRED", "OPEN", "OPEN", "REVOKED"]
    assert (listed[first], listed[second]) == ("EXPIRED", "REVOKED")


def test_links_that_many_make_at_once_are_all_made(finished: tuple[Company, str]) -> None:
    """Each changes the row that counts them: of eight writers one may lose a dozen rounds in a row."""
    shared = fresh(finished)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shared.asks("POST", body=ASKED), range(40)))
    assert {answer.status for answer in answers} == {201}
    assert opened(shared) == len({answer.body["share_id"] for answer in answers}) == 40


def opened(shared: Shared) -> int:
    return int(bundle_call(STATUS, shared.bearer, export_id=shared.export_id).body["share_links"]["open"])


def test_the_list_says_for_whom_by_whom_until_when_and_how_often(finished: tuple[Company, str]) -> None:
    shared = fresh(finished)
    share_id, token = shared.make()
    uses(token)
    (told,) = shared.asks("GET").body["share_links"]
    assert (told["share_id"], told["auditor"], told["created_by"]) == (share_id, AUDITOR, shared.owner.staff_id)
    assert (told["status"], told["uses"], told["revoked_at"]) == ("OPEN", 1, None)
    assert told["created_at"] <= told["last_used_at"] < told["expires_at"]
    row = shared.row(share_id)
    assert row["expires_at"] - row["created_at"] == 7 * DAY
    assert row["ttl"] == row["expires_at"] + 90 * DAY, "the row outlives the link"


def test_revoking_twice_is_told_once_and_what_is_not_there_is_404(shared: Shared) -> None:
    share_id, _ = shared.make()
    assert [shared.asks("DELETE", share_id).status for _ in range(2)] == [204, 204]
    assert [line["meta"]["share_id"] for line in shared.lines("SHARE_LINK_REVOKED")].count(share_id) == 1
    for wrong in ("shr_none", "x" * 3_000, "#"):
        assert shared.asks("DELETE", wrong).code == "not_found"
    assert shared.asks("GET", export_id="exp_" + "0" * 24).code == "not_found"


def test_a_link_goes_on_when_whoever_made_it_has_left(shared: Shared) -> None:
    leaver = shared.company.person("admin")
    answer = shared.asks("POST", body=ASKED, bearer=proven(shared.company.estate, leaver))
    shared.company.estate.change_gate(leaver, "status", "DEACTIVATED")
    assert uses(answer.body["url"].rpartition("/")[2]).status == 302
    listed = {link["share_id"]: link["created_by"] for link in shared.asks("GET").body["share_links"]}
    assert listed[answer.body["share_id"]] == leaver.staff_id


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (ASKED | {"expires_in_days": 0}, "/expires_in_days"),
        (ASKED | {"expires_in_days": 91}, "/expires_in_days"),
        (ASKED | {"expires_in_days": "7"}, "/expires_in_days"),
        (ASKED | {"auditor": " "}, "/auditor"),
        (ASKED | {"auditor": "x" * 201}, "/auditor"),
        (ASKED | {"auditor": "a\u202eb"}, "/auditor"),
        (ASKED | {"auditor": "a\nb"}, "/auditor"),
        ({"expires_in_days": 7}, "/auditor"),
        (ASKED | {"url": "https://evil"}, "/url"),
    ],
)
def test_a_link_that_is_asked_for_wrongly_is_400(shared: Shared, body: object, pointer: str) -> None:
    answer = shared.asks("POST", body=body)
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [pointer])


def test_only_a_completed_bundle_is_shared(shared: Shared) -> None:
    of_report = report("cc6/access-logs", "from=2026-07-01&to=2026-07-02", shared.bearer).body["export_id"]
    company = shared.company
    failed = requested(proven(company.estate, company.person("owner")))
    assert shared.asks("POST", body=ASKED, export_id=failed).code == "export_not_ready"
    item = failed_item(company.archive.environ["EXPORTS_TABLE"], company.tenant, failed, "TEST")
    company.estate.dynamodb.call("TransactWriteItems", {"TransactItems": [item.wire()]})
    for export_id in (of_report, failed):
        assert shared.asks("POST", body=ASKED, export_id=export_id).code == "export_not_ready"


def erase(session: SignedIn, subject: str) -> Response:
    session.prove("rbac_admin")
    document = event("POST /api/staff/{staff_id}/erase", {"reason": "asked for"}, bearer=session.access_token)
    return call(erasure, document | {"pathParameters": {"staff_id": subject}})


def test_an_auditor_can_be_erased_unless_a_hold_keeps_him_and_his_link_ends_with_it(shared: Shared) -> None:
    (share_id, token), (other, _) = shared.make(), shared.make(auditor=" somebody@else.example ")
    uses(token)
    session = shared.signed_in(shared.owner)
    held = a_hold(session)
    key = {"tenant": shared.company.tenant, "hold_id": f"scope#staff#{share_id}"}
    shared.company.estate.change_row("legal_holds", key, {"active": [held], "version": 1})
    assert erase(session, share_id).code == "legal_hold"
    shared.company.estate.delete("legal_holds", key)
    assert erase(session, share_id).status == 200
    assert uses(token).code == "not_found"
    listed = {link["share_id"]: link["auditor"] for link in shared.asks("GET").body["share_links"]}
    assert (listed[share_id], listed[other]) == (None, "somebody@else.example")
    rows = report("cc9/data-exports", "from=2026-07-01&to=2999-12-31", shared.bearer).body["evidence"]
    (download,) = [row for row in rows if row["actor_id"] == share_id]
    assert (download["actor_email"], download["ip"]) == ("[erased]", "[erased]")
    assert shared.asks("DELETE", share_id).status == 204
