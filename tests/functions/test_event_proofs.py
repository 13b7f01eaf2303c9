"""What an outsider checks by himself: signed heads, keys, and the proof of one event, without anything of this code."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from functions.transparency import event_proof, event_search
from functions.transparency import handler as transparency
from functions.transparency.sealed_log import SealedLog
from shared.audit.canonical import canonical
from shared.audit.event import new_event_id
from shared.audit.merkle_proof import verify_consistency, verify_inclusion
from shared.evidence import verify_bundle
from shared.evidence.signer import Signer
from shared.evidence.vault import checkpoint_key, log_prefix
from shared.store.audit_verifications import verification_item
from shared.store.wire import Unavailable
from tests.evidence.ledger_keys import Key
from tests.functions.archive import Archive
from tests.functions.company import AFTER_Q3, DAY, Q3, Company, archive, founded, proven, with_history
from tests.functions.estate import Response, call, event, login

__all__ = ["archive"]

CHECKPOINT, KEY = "GET /api/compliance/log/checkpoint", "GET /api/compliance/log/key"
PROOF = "GET /api/compliance/events/{event_id}/proof"


@pytest.fixture(scope="module")
def company(archive: Archive) -> Company:
    return with_history(archive)


@pytest.fixture(scope="module")
def bearer(company: Company) -> str:
    return proven(company.estate, company.person("auditor"))


@pytest.fixture(scope="module")
def sealed(company: Company) -> list[dict[str, Any]]:
    """Give the events of the history; those of the people who ask came later and are not sealed."""
    return [one for one in company.estate.events(company.tenant) if one["time"] < "2026-10-02T12"][:-1]


def read(route: str, bearer: str | None, query: str = "", accept: str = "*/*") -> Response:
    return call(transparency.handler, event(route, bearer=bearer, query=query, headers={"accept": accept}))


def proof(event_id: str, bearer: str | None, query: str = "") -> Response:
    document = event(PROOF, bearer=bearer, path=PROOF.split(" ")[1].format(event_id=event_id), query=query)
    return call(transparency.handler, document | {"pathParameters": {"event_id": event_id}})


def signed_by(note: str, pem: str) -> tuple[str, int, bytes]:
    """Check a note as c2sp.org/signed-note says; gives origin, size and root."""
    text, _, stamp = note.rpartition("\n\n")
    body = f"{text}\n".encode()
    dash, name, blob = stamp.removesuffix("\n").split(" ")
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(blob)[4:], body, ec.ECDSA(SHA256()))
    origin, size, root = text.split("\n")
    assert (dash, name) == ("\u2014", origin)
    return origin, int(size), base64.b64decode(root)


def test_checkpoint_is_the_note_of_the_vault_byte_for_byte(company: Company, bearer: str) -> None:
    answer = read(CHECKPOINT, bearer)
    assert answer.status == 200, answer.text
    size = int(answer.text.split("\n")[1])
    stored = company.archive.vault.read(checkpoint_key(log_prefix("local", company.tenant, 1), size))
    assert answer.text.encode() == stored
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_checkpoint_as_json_names_the_digest_that_it_belongs_to(company: Company, bearer: str) -> None:
    by_accept, by_format = read(CHECKPOINT, bearer, accept="application/json"), read(CHECKPOINT, bearer, "format=json")
    assert by_accept.body == by_format.body
    document = by_format.body
    assert document["note"] == read(CHECKPOINT, bearer, "format=note", accept="application/json").text
    pem = read(KEY, bearer).body["keys"][-1]["pem"]
    head = (document["origin"], document["size"], base64.b64decode(document["root"]))
    assert signed_by(document["note"], pem) == head
    key = f"{log_prefix('local', company.tenant, 1)}/digest/{document['digest']['no']:012d}.json"
    digest = company.archive.vault.read(key)
    assert document["digest"]["sha256"] == hashlib.sha256(digest).hexdigest()
    assert (document["watermark"], document["size"]) == (
        json.loads(digest)["watermark"],
        json.loads(digest)["tree"]["size"],
    )


def test_checkpoint_as_json_says_when_the_log_was_verified_last(company: Company, bearer: str) -> None:
    assert read(CHECKPOINT, bearer, "format=json").body["last_verified"] is None
    table = company.estate.environ["AUDIT_VERIFICATIONS_TABLE"]
    for epoch in (1, 2):  # what was found of another epoch's log says nothing of this one
        item = verification_item(
            table, company.tenant, epoch, run="r", digest=epoch + 1, lanes={}, at=int(AFTER_Q3), after=None
        )
        company.estate.dynamodb.call("PutItem", dict(item.request))
    told = read(CHECKPOINT, bearer, "format=json").body["last_verified"]
    assert told == {"at": "2026-10-01T00:00:00.000Z", "digest": 2}


def test_every_signed_head_is_proven_to_be_continued_by_the_latest(company: Company, bearer: str) -> None:
    latest = read(CHECKPOINT, bearer, "format=json").body
    digests = [
        company.archive.document(key)
        for key in company.archive.objects(log_prefix("local", company.tenant, 1))
        if key.endswith(".json")
    ]
    assert len(digests) == 4
    for digest in digests:
        size = digest["tree"]["size"]
        given = read(CHECKPOINT, bearer, f"format=json&from_size={size}").body["consistency"]
        path = [base64.b64decode(node) for node in given["path"]]
        old, new = base64.b64decode(digest["tree"]["root"]), base64.b64decode(latest["root"])
        assert given["from_size"] == size
        assert verify_consistency(size, old, latest["size"], new, path)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("format=xml", "/format"),
        ("format=json&from_size=-1", "/from_size"),
        ("format=json&from_size=1e3", "/from_size"),
        ("from_size=1", "/from_size"),
        ("size=1", "/size"),
    ],
)
def test_checkpoint_says_what_is_wrong_with_a_question(bearer: str, query: str, pointer: str) -> None:
    answer = read(CHECKPOINT, bearer, query)
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [pointer])


@pytest.mark.parametrize("size", [1, 999_999])
def test_a_size_that_nobody_signed_is_no_head(bearer: str, size: int) -> None:
    assert read(CHECKPOINT, bearer, f"format=json&from_size={size}").status == 404


def test_the_key_is_given_as_pem_and_as_line_for_verifiers_of_notes(bearer: str) -> None:
    document = read(KEY, bearer).body
    (key,) = document["keys"]
    der = base64.b64decode("".join(key["pem"].splitlines()[1:-1]))
    name, key_id, blob = key["vkey"].split("+", 2)
    assert key["kid"] == hashlib.sha256(der).hexdigest()
    assert (name, key_id, base64.b64decode(blob)) == (document["origin"], key["kid"][:8], b"\x02" + der)
    stamp = read(CHECKPOINT, bearer).text.rpartition("\n\n")[2].split(" ")[2]
    assert base64.b64decode(stamp)[:4].hex() == key["key_id"]
    assert (document["rotations"], key["current"]) == ([], True)


@contextmanager
def laid(company: Company, files: Mapping[str, bytes]) -> Iterator[None]:
    """Lay files among the keys of the vault for a while."""
    s3, bucket = company.archive.s3, company.archive.vault_name
    put = {name: s3.put_object(Bucket=bucket, Key=f"keys/{name}", Body=body) for name, body in files.items()}
    try:
        yield
    finally:
        for name, answer in put.items():
            s3.delete_object(
                Bucket=bucket, Key=f"keys/{name}", VersionId=answer["VersionId"], BypassGovernanceRetention=True
            )


def change_from(company: Company, earlier: Key) -> dict[str, bytes]:
    """Give the files by which the ledger's key took over from `earlier`; the statement is the second."""
    current = Signer(company.archive.kms, company.archive.environ["LEDGER_KEY_ID"])
    statement = canonical({"type": "key-rotation", "previous": earlier.kid, "next": current.kid})
    name = f"{current.kid}.rotation.json"
    return {
        f"{earlier.kid}.pem": earlier.pem,
        name: statement,
        f"{name}.previous.sig": earlier.sign(statement),
        f"{name}.next.sig": current.sign(statement),
    }


def test_keys_that_handed_over_are_given_with_the_statements_of_both(company: Company, bearer: str) -> None:
    current, earlier = read(KEY, bearer).body["keys"][0], Key()
    files = change_from(company, earlier)
    with laid(company, files):
        document = read(KEY, bearer).body
    kids = [(key["kid"], key["current"]) for key in document["keys"]]
    assert kids == [(earlier.kid, False), (current["kid"], True)]
    _, statement, by_previous, by_next = files.values()
    signatures = {"previous_sig": base64.b64encode(by_previous), "next_sig": base64.b64encode(by_next)}
    told = {name: signature.decode() for name, signature in signatures.items()}
    assert document["rotations"] == [{"statement": statement.decode(), **told}]


FORGED: dict[str, Callable[[dict[str, bytes]], object]] = {
    "without signatures": lambda files: [files.pop(name) for name in list(files)[2:]],
    "signed by the earlier key alone": lambda files: files.update({list(files)[3]: files[list(files)[2]]}),
    "signed by the current key alone": lambda files: files.update({list(files)[2]: files[list(files)[3]]}),
    "under another key's name": lambda files: files.update({next(iter(files)): Key().pem}),
    "over no key": lambda files: files.update({next(iter(files)): b"-----\nAAAA\n-----"}),
    "of another statement": lambda files: files.update({list(files)[1]: files[list(files)[1]] + b" "}),
    "over no statement": lambda files: files.update({list(files)[1]: b"[]"}),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_key_that_anybody_could_have_laid_is_not_handed_out(
    company: Company, bearer: str, forge: Callable[[dict[str, bytes]], object]
) -> None:
    honest, files = read(KEY, bearer).body, change_from(company, Key())
    forge(files)
    with laid(company, files):
        assert read(KEY, bearer).body == honest


def test_the_current_key_is_not_handed_out_under_another_ones_name(company: Company, bearer: str) -> None:
    kid = read(KEY, bearer).body["keys"][0]["kid"]
    with laid(company, {f"{kid}.pem": Key().pem}):
        assert read(KEY, bearer).status == 500


def test_a_log_without_a_signature_has_neither_head_nor_key(archive: Archive) -> None:
    company = founded(archive)
    bearer = login(company.person("auditor")).body["access_token"]
    for route in (CHECKPOINT, KEY):
        answer = read(route, bearer)
        assert (answer.status, answer.code) == (404, "not_signed_yet")


def test_every_sealed_event_is_proven_by_its_own_document(bearer: str, sealed: list[dict[str, Any]]) -> None:
    assert len(sealed) > 10
    for number, one in enumerate(sealed):
        answer = proof(one["id"], bearer)
        assert answer.status == 200, answer.text
        document = answer.body
        # 1. The line, and its leaf.
        assert json.loads(document["event"]) == one
        leaf = hashlib.sha256(b"\x00" + document["event"].encode()).digest()
        assert document["leaf_hash"] == leaf.hex()
        # 2. The text of C2SP.
        head, _, note = document["proof"].partition("\n\n")
        header, index, *path = head.split("\n")
        assert (header, index) == ("c2sp.org/tlog-proof@v1", f"index {number}")
        # 3. The signed head.
        origin, size, root = signed_by(note, document["key"])
        assert origin.endswith(f"/{one['tenant']}")
        assert (document["index"], document["size"]) == (number, size)
        assert verify_inclusion(leaf, number, size, [base64.b64decode(node) for node in path], root)
        der = base64.b64decode("".join(document["key"].splitlines()[1:-1]))
        assert document["kid"] == hashlib.sha256(der).hexdigest()


def test_the_proof_names_the_first_digest_that_covers_the_event(
    company: Company, bearer: str, sealed: list[dict[str, Any]]
) -> None:
    prefix, before = log_prefix("local", company.tenant, 1), 0
    digests = [company.archive.document(f"{prefix}/digest/{number:012d}.json") for number in (1, 2, 3, 4)]
    for digest in digests:
        size = digest["tree"]["size"]
        for one in sealed[before:size]:
            document = proof(one["id"], bearer).body
            assert (document["size"], document["digest"]["no"]) == (size, digest["no"])
        before = size


def test_whoever_looks_at_an_event_is_in_the_log_himself(
    company: Company, bearer: str, sealed: list[dict[str, Any]]
) -> None:
    assert proof(sealed[2]["id"], bearer).status == 200
    viewed = company.estate.events(company.tenant)[-1]
    assert viewed["action"] == "AUDIT_LOG_VIEWED"
    assert viewed["meta"]["event_id"] == sealed[2]["id"]
    assert viewed["actor"]["step_up"] is not None


def test_no_line_leaves_when_the_log_does_not_take_the_event(
    bearer: str, sealed: list[dict[str, Any]], audit_write_fails: Any
) -> None:
    audit_write_fails()
    answer = proof(sealed[2]["id"], bearer)
    assert (answer.status, answer.code) == (503, "auth_unavailable")


def test_a_proof_needs_a_fresh_proof_of_identity(company: Company, sealed: list[dict[str, Any]]) -> None:
    bearer = login(company.person("auditor")).body["access_token"]
    assert read(CHECKPOINT, bearer).status == 200
    answer = proof(sealed[2]["id"], bearer)
    assert (answer.status, answer.code) == (401, "insufficient_user_authentication")


@pytest.mark.parametrize(
    "event_id", ["x", "0" * 26, "Z" * 26, "7" + "Z" * 25, "01JD8Z" + "U" * 20, "é" * 26, "../../x"]
)
def test_what_is_no_id_is_not_found(bearer: str, event_id: str) -> None:
    answer = proof(event_id, bearer)
    assert (answer.status, answer.code) == (404, "not_found")


def test_an_id_that_nobody_has_is_not_found(bearer: str) -> None:
    assert proof(new_event_id(Q3 + 2 * DAY), bearer).status == 404


def test_an_event_of_another_tenant_is_not_found(archive: Archive, bearer: str) -> None:
    other = founded(archive)
    event_id = other.write(Q3 + DAY)
    other.sign(Q3 + 2 * DAY)
    answer = proof(event_id, bearer)
    assert (answer.status, answer.code) == (404, "not_found")


def test_an_event_that_no_segment_or_no_digest_holds_yet_is_told_to_wait(archive: Archive) -> None:
    company = founded(archive)
    company.sign(Q3)
    bearer = proven(company.estate, company.person("auditor"))
    event_id = company.estate.events(company.tenant)[-1]["id"]
    assert (proof(event_id, bearer).status, proof(event_id, bearer).code) == (409, "not_sealed_yet")
    company.seal()
    assert (proof(event_id, bearer).status, proof(event_id, bearer).code) == (409, "not_sealed_yet")
    company.archive.digester(type("Now", (), {"__call__": lambda _: company.estate.clock()})()).sign(company.tenant)
    assert proof(event_id, bearer).status == 200


def test_an_event_that_is_sealed_between_two_looks_is_not_denied(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = founded(archive)
    company.sign(Q3)
    bearer = proven(company.estate, company.person("auditor"))
    event_id = company.estate.events(company.tenant)[-1]["id"]

    def sealed_just_now(*_: object) -> bool:
        company.seal()
        return False

    monkeypatch.setattr(event_proof, "_in_the_tail", sealed_just_now)
    assert (proof(event_id, bearer).status, proof(event_id, bearer).code) == (409, "not_sealed_yet")


def test_a_segment_that_is_not_what_was_sealed_is_handed_to_nobody(
    bearer: str, sealed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SealedLog.segment
    monkeypatch.setattr(SealedLog, "segment", lambda self, number: original(self, number) | {"sha256_gz": "0" * 64})
    assert proof(sealed[2]["id"], bearer).status == 500


def test_a_head_of_another_tree_is_handed_to_nobody(bearer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = SealedLog.last_digest
    wrong = base64.b64encode(b"x" * 32).decode()
    monkeypatch.setattr(SealedLog, "last_digest", lambda self: (original(self) or {}) | {"root": wrong})
    assert read(CHECKPOINT, bearer).status == 500


def test_an_event_is_found_though_its_time_is_behind_its_id(archive: Archive) -> None:
    company = founded(archive)
    event_id = company.write(Q3 + DAY, event_id=new_event_id(Q3 + DAY - 50))
    company.write(Q3 + 2 * DAY)
    company.sign(AFTER_Q3)
    bearer = proven(company.estate, company.person("auditor"))
    assert json.loads(proof(event_id, bearer).body["event"])["id"] == event_id


def test_a_search_ends_within_its_bounds(
    bearer: str, sealed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_search, "MAX_READ", 0)
    assert proof(sealed[2]["id"], bearer).status == 404


def test_the_database_that_does_not_answer_is_no_missing_event(
    bearer: str, sealed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: SealedLog) -> None:
        raise Unavailable("injected")

    monkeypatch.setattr(SealedLog, "head", broken)
    assert proof(sealed[2]["id"], bearer).status == 503


def test_the_verifier_takes_the_document_offline(bearer: str, sealed: list[dict[str, Any]], tmp_path: Path) -> None:
    document = proof(sealed[5]["id"], bearer)
    file = tmp_path / "event.proof.json"
    file.write_text(document.text, encoding="utf-8")
    pinned = [sys.executable, verify_bundle.__file__, "--key-fingerprint", document.body["kid"], "--proof", str(file)]
    done = subprocess.run(pinned, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stdout + done.stderr
    file.write_text(document.text.replace('"index":5', '"index":4'), encoding="utf-8")
    assert subprocess.run(pinned, capture_output=True, check=False).returncode == 1  # noqa: S603 - as above
