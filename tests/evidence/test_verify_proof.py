"""The proof of one event, which the ledger's key alone vouches for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from shared.audit.canonical import canonical
from shared.audit.checkpoint import Checkpoint
from shared.audit.merkle import leaf_hash
from shared.audit.merkle_proof import inclusion_proof
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, NOT_PINNED, PASSED, USAGE
from tests.evidence.bundle_builder import World
from tests.evidence.ledger_keys import Key


def proof_of(world: World, number: int) -> dict[str, Any]:
    lines = [line for segment in world.events for line in segment]
    digest = world.digests()[-1]
    leaves = [leaf_hash(line) for line in lines]
    body = digest["checkpoint"].encode()
    note = Checkpoint(world.origin, len(lines), base64.b64decode(digest["tree"]["root"])).note(
        world.origin, world.ledger.der, world.ledger.sign(body)
    )
    path = "".join(base64.b64encode(node).decode() + "\n" for node in inclusion_proof(leaves, number))
    return {
        "type": "event-proof",
        "v": 1,
        "event": lines[number].decode(),
        "leaf_hash": leaves[number].hex(),
        "index": number,
        "size": len(lines),
        "proof": f"c2sp.org/tlog-proof@v1\nindex {number}\n{path}\n{note.decode()}",
        "digest": {"no": digest["no"], "sha256": "0" * 64},
        "kid": world.ledger.kid,
        "key": world.ledger.pem.decode(),
    }


def prove(tmp_path: Path, document: dict[str, Any] | bytes, pin: str = "") -> int:
    path = tmp_path / "proof.json"
    path.write_bytes(document if isinstance(document, bytes) else canonical(document))
    return verify_bundle.main(["--proof", str(path), *(("--key-fingerprint", pin) if pin else ())])


@pytest.mark.parametrize("number", [0, 1, 17, 28, 29])
def test_the_proof_of_an_event_verifies_under_a_pinned_key(number: int, log: World, tmp_path: Path) -> None:
    proof = proof_of(log, number)
    assert prove(tmp_path, proof, log.ledger.kid) == PASSED
    assert prove(tmp_path, proof) == NOT_PINNED
    assert prove(tmp_path, proof, Key().kid) == FAILED


def test_a_forged_proof_is_refused(log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof, other = proof_of(log, 17), proof_of(World(), 17)
    text = proof["proof"]
    elsewhere, signature = proof_of(log, 16), text.splitlines()[-1].rpartition(" ")[2]
    stamp = base64.b64decode(signature)[:4] + Key().sign(log.digests()[-1]["checkpoint"].encode())
    forgeries: list[dict[str, Any]] = [
        {"event": elsewhere["event"], "leaf_hash": elsewhere["leaf_hash"]},
        {"proof": text.replace(signature, base64.b64encode(stamp).decode())},
        {"event": proof_of(log, 16)["event"]},
        {"event": "{}"},
        {"leaf_hash": "0" * 64},
        {"index": 16},
        {"size": 31},
        {"kid": "0" * 64},
        {"key": other["key"]},
        {"key": other["key"], "kid": other["kid"]},
        {"proof": text.replace("index 17", "index 18")},
        {"proof": text.replace("tlog-proof@v1", "tlog-proof@v2")},
        {"proof": text.replace(log.origin, "muniment.example/test/t_other")},
        {"proof": text.replace("\n30\n", "\n31\n")},
        {"proof": text[: text.rindex("\u2014")]},
        {"proof": ""},
        {"proof": "\n" * 9},
        other | {"kid": proof["kid"], "key": proof["key"]},
    ]
    for forged in forgeries:
        assert prove(tmp_path, proof | forged, log.ledger.kid) == FAILED, forged
    for raw in (b"", b"\xff", b"[]", b"[" * 100_000, b"{" + b'"a":' * 50_000, b"9" * 5_000):
        assert prove(tmp_path, raw, log.ledger.kid) == FAILED
    assert "Traceback" not in capsys.readouterr().err


def test_the_evidence_key_cannot_forge_a_proof_for_whoever_pinned_both_keys(log: World, tmp_path: Path) -> None:
    forged = proof_of(World(ledger=log.evidence), 3)  # the forger holds the evidence key, and signs a tree of his own
    ledger, evidence = f"ledger:{log.ledger.kid}", f"evidence:{log.evidence.kid}"
    assert prove(tmp_path, forged, f"{ledger},{evidence}") == FAILED
    assert prove(tmp_path, forged, ledger) == FAILED
    assert prove(tmp_path, forged, evidence) == NOT_PINNED
    with pytest.raises(SystemExit) as left:  # which of the two is the ledger's, nobody can tell
        prove(tmp_path, forged, ",".join(log.pins()))
    assert left.value.code == USAGE
    with pytest.raises(SystemExit):
        prove(tmp_path, forged, f"{ledger},{log.evidence.kid}")
    genuine = proof_of(log, 3)
    assert prove(tmp_path, genuine, f"{evidence},{ledger}") == PASSED
    assert prove(tmp_path, genuine, f"ledger:{Key().kid},{ledger}") == PASSED  # of a log whose key changed
    assert prove(tmp_path, genuine, f"{log.ledger.kid},{evidence}") == PASSED


def test_the_report_on_a_proof_names_event_tenant_origin_and_the_digest_that_it_did_not_see(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "proof.json").write_bytes(canonical(proof_of(log, 3)))
    given = ["--proof", str(tmp_path / "proof.json"), "--key-fingerprint", log.ledger.kid]
    assert verify_bundle.main([*given, "--json"]) == PASSED
    report = json.loads(capsys.readouterr().out)
    event = json.loads(proof_of(log, 3)["event"])
    assert (report["tenant"], report["event"]["id"], report["origins"]) == (event["tenant"], event["id"], [log.origin])
    assert [sentence.split(" (")[0] for sentence in report["not_checked"]] == ["digest: that digest 6"]
    assert verify_bundle.main(given) == PASSED
    assert "digest 6 (0000" in capsys.readouterr().out.partition("Not checked:")[2]


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe" * 400, b"no JSON at all " * 90, b"[" * 100_000, b'{"a":1.5}'])
def test_a_proof_that_cannot_be_read_is_told_in_a_sentence(
    raw: bytes, log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove(tmp_path, raw, log.ledger.kid) == FAILED
    text = capsys.readouterr().out
    assert "NOT PINNED" not in text
    assert max(map(len, text.splitlines())) < 200


def test_a_bundle_or_a_proof_is_given_and_not_both(tmp_path: Path) -> None:
    for arguments in ([], ["bundle.zip", "--proof", "proof.json"], ["--proof", str(tmp_path / "nowhere")]):
        with pytest.raises(SystemExit) as ended:
            verify_bundle.main(arguments)
        assert ended.value.code == verify_bundle.USAGE
