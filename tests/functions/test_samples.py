"""Samples of a bundle's rows: by the route and inside of a bundle, the same rows, which the file itself confirms."""

import hashlib
import json
from typing import Any

import pytest

from functions.transparency import handler as transparency
from functions.transparency import sample as drawing
from functions.transparency.sealed_log import SealedLog
from shared.audit.canonical import canonical
from tests.functions.archive import Archive
from tests.functions.company import (
    AFTER_Q3,
    BUNDLE,
    WHOLE_Q3,
    archive,
    bundle_call,
    proven,
    requested,
    with_history,
)
from tests.functions.estate import Response, call, event, login
from tests.functions.opened_bundle import OpenedBundle, bundle_of

__all__ = ["archive"]

SAMPLES = "POST /api/compliance/samples"
FILE, ENDED = "CC6_Access_Control/access_logs.csv", "CC7_Security_Operations/session_invalidations.csv"
NONCE = "drawn by lot, 2026"
ASKED: dict[str, Any] = {"file": FILE, "n": 4, "nonce": NONCE}
OTHERS: list[dict[str, Any]] = [ASKED, {"file": ENDED, "n": 1000, "nonce": NONCE}, ASKED | {"nonce": "another one"}]


@pytest.fixture(scope="module")
def bundle(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    body: dict[str, Any] = {**WHOLE_Q3, "samples": OTHERS}
    return bundle_of(with_history(archive), tmp_path_factory.mktemp("samples"), body)


@pytest.fixture(scope="module")
def bearer(bundle: OpenedBundle) -> str:
    return proven(bundle.company.estate, bundle.company.person("auditor"))


def draw(bearer: str, export_id: str, **asked: Any) -> Response:
    return call(transparency.handler, event(SAMPLES, {"export_id": export_id, **ASKED, **asked}, bearer=bearer))


def ranked(bundle: OpenedBundle, file: str, nonce: str, number: int) -> list[tuple[int, str, str, str]]:
    """Draw from the file alone, as an auditor would."""
    rows = list(enumerate(bundle.rows(file), 1))

    def rank(each: tuple[int, dict[str, str]]) -> bytes:
        text = b"\0".join([b"muniment-sample-1", nonce.encode(), each[1]["event_id"].encode()])
        return hashlib.sha256(text).digest()

    lowest = sorted(sorted(rows, key=rank)[:number])
    return [(number, row["index"], row["event_id"], row["leaf_hash"]) for number, row in lowest]


def told(document: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    return [(row["row"], str(row["index"]), row["event_id"], row["leaf_hash"]) for row in document["rows"]]


def test_the_route_draws_the_rows_that_the_file_itself_gives(bundle: OpenedBundle, bearer: str) -> None:
    answer = draw(bearer, bundle.export_id)
    assert answer.status == 200, answer.text
    document = answer.body
    assert told(document) == ranked(bundle, FILE, NONCE, 4)
    assert len(document["rows"]) == 4
    assert document["population"] == bundle.file(FILE)["rows"] == len(bundle.rows(FILE))
    assert document["manifest_sha256"] == hashlib.sha256(bundle.read("manifest.json")).hexdigest()
    assert answer.text.encode() == canonical(document)


def test_the_bundle_holds_what_the_route_gives_and_its_manifest_lists_it(bundle: OpenedBundle, bearer: str) -> None:
    for number, asked in enumerate(OTHERS, 1):
        name = f"samples/{number:012d}.json"
        inside, outside = bundle.document(name), draw(bearer, bundle.export_id, **asked).body
        del outside["manifest_sha256"]
        assert inside == outside
        assert told(inside) == ranked(bundle, asked["file"], asked["nonce"], asked["n"])
        assert bundle.file(name)["sha256"] == hashlib.sha256(bundle.read(name)).hexdigest()
        assert bundle.read(name) == canonical(inside)


def test_a_sample_larger_than_the_file_is_all_of_it(bundle: OpenedBundle, bearer: str) -> None:
    document = draw(bearer, bundle.export_id, n=1000).body
    assert [row["row"] for row in document["rows"]] == list(range(1, document["population"] + 1))


def test_the_same_question_has_the_same_answer(bundle: OpenedBundle, bearer: str) -> None:
    assert draw(bearer, bundle.export_id).text == draw(bearer, bundle.export_id).text


def test_a_sample_is_an_export_with_beginning_and_end(bundle: OpenedBundle, bearer: str) -> None:
    answer = draw(bearer, bundle.export_id)
    started, completed = bundle.company.estate.events(bundle.company.tenant)[-2:]
    sample_id = answer.headers["X-Export-Id"]
    assert [started["action"], completed["action"]] == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]
    for each in (started, completed):
        assert (each["meta"]["kind"], each["meta"]["export_id"]) == ("sample", sample_id)
        assert each["meta"]["requested"] == {"export_id": bundle.export_id, **ASKED}
    assert completed["meta"]["rows"] == 4
    assert completed["meta"]["sha256"] == hashlib.sha256(answer.text.encode()).hexdigest()
    assert bundle.company.export(sample_id)["status"] == "completed"


def test_what_happened_after_the_bundle_changes_no_sample(bundle: OpenedBundle, bearer: str) -> None:
    before = draw(bearer, bundle.export_id).text
    bundle.company.seen(AFTER_Q3 + 86_400 * 5)
    bundle.company.sign(AFTER_Q3 + 86_400 * 6)
    assert draw(bearer, bundle.export_id).text == before


def test_a_sample_that_cannot_be_read_is_a_failed_export(
    bundle: OpenedBundle, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SealedLog.lines_of
    monkeypatch.setattr(SealedLog, "lines_of", lambda self, row: original(self, row | {"sha256_gz": "0" * 64}))
    assert draw(bearer, bundle.export_id).status == 500
    started, failed = bundle.company.estate.events(bundle.company.tenant)[-2:]
    assert (failed["action"], failed["outcome"]) == ("DATA_EXPORT_FAILED", "error")
    assert bundle.company.export(started["meta"]["export_id"])["status"] == "failed"


def test_a_bundle_of_an_epoch_before_has_no_samples_but_its_own(bundle: OpenedBundle, bearer: str) -> None:
    key = {"tenant": bundle.company.tenant, "export_id": bundle.export_id}
    result = bundle.company.export(bundle.export_id)["result"]
    assert result["epoch"] == 1
    before = len(bundle.company.estate.events(bundle.company.tenant))
    bundle.company.estate.change_row("exports", key, {"result": result | {"epoch": 2}})
    answer = draw(bearer, bundle.export_id)
    bundle.company.estate.change_row("exports", key, {"result": result})
    assert (answer.status, answer.code) == (409, "earlier_epoch")
    assert len(bundle.company.estate.events(bundle.company.tenant)) == before


def test_a_population_that_is_not_that_of_the_file_gives_no_sample(
    bundle: OpenedBundle, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = drawing._Drawing.segments
    monkeypatch.setattr(drawing._Drawing, "segments", lambda self, log: original(self, log)[1:])
    assert draw(bearer, bundle.export_id).status == 500


def test_more_events_than_one_answer_can_read_are_for_the_bundle(
    bundle: OpenedBundle, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "MAX_EVENTS", 3)
    before = len(bundle.company.estate.events(bundle.company.tenant))
    answer = draw(bearer, bundle.export_id)
    assert (answer.status, answer.code) == (409, "sample_too_large")
    assert "samples" in answer.body["detail"]
    assert len(bundle.company.estate.events(bundle.company.tenant)) == before


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"n": 0}, "/n"),
        ({"n": 1001}, "/n"),
        ({"n": True}, "/n"),
        ({"n": "4"}, "/n"),
        ({"nonce": "seven77"}, "/nonce"),
        ({"nonce": "x" * 129}, "/nonce"),
        ({"nonce": "not of ascii \u00e9"}, "/nonce"),
        ({"nonce": "a tab\tin it"}, "/nonce"),
        ({"file": "README.txt"}, "/file"),
        ({"file": "CC6_Access_Control/access_logs.json"}, "/file"),
        ({"file": "../access_logs.csv"}, "/file"),
        ({"seed": "1"}, "/seed"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(
    bundle: OpenedBundle, bearer: str, asked: dict[str, Any], pointer: str
) -> None:
    answer = draw(bearer, bundle.export_id, **asked)
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [pointer])


@pytest.mark.parametrize("export_id", ["exp_" + "0" * 24, "x", "../x"])
def test_a_bundle_that_nobody_made_has_no_samples(bearer: str, export_id: str) -> None:
    assert draw(bearer, export_id).status == 404


def test_a_sample_and_a_report_are_no_bundles(bundle: OpenedBundle, bearer: str) -> None:
    sample_id = draw(bearer, bundle.export_id).headers["X-Export-Id"]
    assert draw(bearer, sample_id).status == 404


def test_a_bundle_that_still_runs_has_no_samples_yet(bundle: OpenedBundle, bearer: str) -> None:
    export_id = requested(proven(bundle.company.estate, bundle.company.person("owner")))
    answer = draw(bearer, export_id)
    assert (answer.status, answer.code) == (409, "export_not_ready")


def test_a_sample_needs_a_fresh_proof_of_identity(bundle: OpenedBundle) -> None:
    bearer = login(bundle.company.person("auditor")).body["access_token"]
    assert draw(bearer, bundle.export_id).code == "insufficient_user_authentication"


@pytest.mark.parametrize(
    ("samples", "pointers"),
    [
        ([ASKED] * 11, ["/samples"]),
        (["x"], ["/samples"]),
        ({}, ["/samples"]),
        ([{}], ["/samples/0"]),
        ([ASKED | {"more": 1}], ["/samples/0"]),
        (
            [ASKED, {"file": "README.txt", "n": 0, "nonce": "short"}],
            ["/samples/1/file", "/samples/1/n", "/samples/1/nonce"],
        ),
        ([{"file": 1, "n": True, "nonce": 8}], ["/samples/0/file", "/samples/0/n", "/samples/0/nonce"]),
        ([{"file": FILE, "n": 1001, "nonce": "line\nend in it"}], ["/samples/0/n", "/samples/0/nonce"]),
    ],
)
def test_a_bundle_is_not_begun_with_samples_that_it_cannot_hold(
    bearer: str, samples: object, pointers: list[str]
) -> None:
    answer = bundle_call(BUNDLE, bearer, {**WHOLE_Q3, "samples": samples})
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, pointers)


def test_the_samples_that_a_bundle_was_asked_for_stand_in_the_log(bundle: OpenedBundle) -> None:
    events = bundle.company.estate.events(bundle.company.tenant)
    started = next(one for one in events if one["id"] == bundle.manifest["generated"]["started_event"])
    assert json.loads(json.dumps(started["meta"]["samples"])) == OTHERS


def test_a_bundle_with_samples_verifies(bundle: OpenedBundle) -> None:
    code, report = bundle.verified()
    assert (code, report["result"]) == (0, "PASSED"), report["steps"]
