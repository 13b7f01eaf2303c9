"""Step 9: anchors, their paths and their time stamps."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.audit.merkle import Frontier, leaf_hash
from shared.audit.merkle_proof import inclusion_proof
from shared.audit.moment import rfc3339
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, PASSED, BrokenError
from tests.evidence.bundle_builder import LOG, Files, Statement, World, archive
from tests.evidence.ledger_keys import Key
from tests.evidence.tampering import Told, Verify

FIRST, SECOND = "integrity/anchors/2026-09-22", "integrity/anchors/2026-09-23"


def anchored(
    world: World,
    edit: Callable[[Statement, Statement], object] = lambda *_: None,
    paths: tuple[str, str] = (FIRST, SECOND),
) -> Files:
    """Anchor digests 4 and 6 on two days, among the heads of four other logs; `edit(anchor, proof)` each."""
    files: Files = {}
    before = None
    for path, digest in zip(paths, (world.digests()[3], world.digests()[5]), strict=True):
        own: Statement = {"origin_sha256": hashlib.sha256(world.origin.encode()).hexdigest(), **digest["tree"]}
        leaves = [leaf_hash(b"other %d" % number) for number in range(4)]
        leaves.insert(2, leaf_hash(canonical(own)))
        root = base64.b64encode(Frontier().extend(leaves).root()).decode()
        anchor: Statement = {
            "type": "anchor",
            "v": 1,
            "log": LOG,
            "date": path[-10:],
            "at": f"{path[-10:]}T00:10:00.000Z",
        }
        anchor |= {"prev": before, "size": 5, "root": root, "software": {"version": "1"}, "kid": world.ledger.kid}
        proof: Statement = {
            "type": "anchor-proof",
            "v": 1,
            "date": path[-10:],
            "origin": world.origin,
            "tree": digest["tree"],
        }
        proof |= {"index": 2, "leaves": 5, "path": [node.hex() for node in inclusion_proof(leaves, 2)]}
        edit(anchor, proof)
        raw = canonical(anchor)
        files |= {
            f"{path}.json": raw,
            f"{path}.json.sig": world.ledger.sign(raw),
            f"{path}.proof.json": canonical(proof),
        }
        before = {"date": path[-10:], "sha256": hashlib.sha256(raw).hexdigest()}
    return files


def judged(world: World, verify: Verify, files: Files) -> Told:
    return verify(world.signed({**world.files(), **files}), world.pins())


def test_anchors_over_tree_heads_of_the_bundle_are_bound(log: World, verify: Verify) -> None:
    told = judged(log, verify, anchored(log))
    assert (told.code, told.status(9)) == (PASSED, "passed")
    assert told.report["steps"][8]["counted"] == {"tree heads bound to a digest": 2, "anchors": 2}
    assert told.report["level"].startswith("self-asserted")


def test_an_anchor_over_a_later_tree_head_is_not_bound_and_no_failure(log: World, verify: Verify) -> None:
    later: Statement = {"size": 99, "root": base64.b64encode(bytes(32)).decode()}
    own = {"origin_sha256": hashlib.sha256(log.origin.encode()).hexdigest(), **later}
    leaf = leaf_hash(canonical(own))

    def ahead(anchor: Statement, proof: Statement) -> None:
        anchor |= {"size": 1, "root": base64.b64encode(leaf).decode()}
        proof |= {"tree": later, "index": 0, "leaves": 1, "path": []}

    told = judged(log, verify, anchored(log, ahead))
    assert told.code == PASSED
    assert all("not bound" in note for note in told.report["steps"][8]["notes"])


def test_a_tree_head_that_no_digest_signs_is_named(log: World, verify: Verify) -> None:
    def forge(anchor: Statement, proof: Statement) -> None:
        tree: Statement = {"size": 7, "root": base64.b64encode(bytes(32)).decode()}
        own: Statement = {"origin_sha256": hashlib.sha256(log.origin.encode()).hexdigest(), **tree}
        anchor |= {"size": 1, "root": base64.b64encode(leaf_hash(canonical(own))).decode()}
        proof |= {"tree": tree, "index": 0, "leaves": 1, "path": []}

    told = judged(log, verify, anchored(log, forge))
    assert (told.code, told.failed()) == (FAILED, [9])
    assert told.names(9, f"{FIRST}.proof.json", "no digest signs")


@pytest.mark.parametrize(
    ("edit", "file", "problem"),
    [
        (lambda _, proof: proof.update(index=1), ".proof.json", "root of the anchor differs"),
        (lambda _, proof: proof.update(path=proof["path"][:-1]), ".proof.json", "below the root"),
        (lambda _, proof: proof.update(path=[*proof["path"], "0" * 64]), ".proof.json", "above the root"),
        (lambda _, proof: proof.update(index=5), ".proof.json", "outside of the tree"),
        (lambda _, proof: proof.update(origin="another/log"), ".proof.json", "origin differs"),
        (lambda _, proof: proof.update(leaves=6), ".proof.json", "anchor differs"),
        (lambda anchor, _: anchor.update(log="another"), ".json", "place differs"),
        (lambda anchor, _: anchor.update(prev={"date": anchor["date"], "sha256": "0" * 64}), ".json", "not earlier"),
        (lambda anchor, _: anchor.update(kid="0" * 64), ".json.sig", "no usable ledger key"),
        (lambda anchor, _: anchor.update(size="5"), ".json", "wrong kind: size"),
    ],
)
def test_a_forged_anchor_is_named(
    edit: Callable[[Statement, Statement], object], file: str, problem: str, log: World, verify: Verify
) -> None:
    told = judged(log, verify, anchored(log, edit))
    assert (told.code, told.failed()) == (FAILED, [9])
    assert told.names(9, FIRST + file, problem)


def test_an_anchor_that_forgets_the_one_before_is_named(log: World, verify: Verify) -> None:
    files = anchored(log)
    for prev in (None, {"date": FIRST[-10:], "sha256": "0" * 64}):
        raw = canonical(json.loads(files[f"{SECOND}.json"]) | {"prev": prev})
        forged = {f"{SECOND}.json": raw, f"{SECOND}.json.sig": log.ledger.sign(raw)}
        told = judged(log, verify, {**files, **forged})
        assert (told.code, told.failed()) == (FAILED, [9])
        assert told.names(9, f"{SECOND}.json", "anchor before")


def test_an_anchor_that_the_ledger_key_did_not_sign_is_named(log: World, verify: Verify) -> None:
    files = anchored(log)
    files[f"{FIRST}.json.sig"] = Key().sign(files[f"{FIRST}.json"])
    told = judged(log, verify, files)
    assert (told.code, told.failed()) == (FAILED, [9])
    assert told.names(9, f"{FIRST}.json.sig", "does not verify")


def test_a_file_that_belongs_to_no_anchor_is_named(log: World, verify: Verify) -> None:
    told = judged(log, verify, {"integrity/anchors/2026-01-01.json.tsr": b"x"})
    assert (told.code, told.failed()) == (FAILED, [9])
    assert told.names(9, "integrity/anchors/2026-01-01.json.tsr", "no anchor")


# --- Time stamps, by an authority made with openssl ---

CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = Test TSA
[ca]
basicConstraints = critical,CA:TRUE
[tsa]
extendedKeyUsage = critical,timeStamping
[stamping]
serial = {folder}/serial
certs = {folder}/ca.pem
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_chain = no
"""


class Authority:
    """A certificate authority and a time-stamping one, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca, self.program = folder, folder / "ca.pem", shutil.which("openssl") or ""
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01\n")
        new = ("req", "-config", "tsa.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.run(*new, "-x509", "-extensions", "ca", "-keyout", "ca.key", "-out", "ca.pem", "-days", "9")
        self.run(*new, "-keyout", "tsa.key", "-out", "tsa.csr")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-extfile", "tsa.cnf", "-extensions", "tsa")
        self.run("x509", "-req", "-in", "tsa.csr", "-out", "tsa.pem", "-days", "9", *signed)

    def run(self, *arguments: str) -> None:
        command = [self.program, *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)  # noqa: S603 - our own words

    def stamp(self, content: bytes) -> bytes:
        (self.folder / "content").write_bytes(content)
        self.run("ts", "-query", "-data", "content", "-sha256", "-cert", "-out", "query")
        given = ("-config", "tsa.cnf", "-section", "stamping")
        self.run("ts", "-reply", "-queryfile", "query", "-out", "reply", *given)
        return (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed here")
    return Authority(tmp_path_factory.mktemp("authority"))


# An authority stamps by its own clock: these are of the two days before today.
STAMPED, AFTER = (f"integrity/anchors/{rfc3339(time.time() - days * 86_400)[:10]}" for days in (2, 1))


def stamped(
    log: World,
    authority: Authority,
    edit: Callable[[Statement, Statement], object] = lambda *_: None,
) -> Files:
    """Anchor twice, and stamp the first."""
    files = anchored(log, edit, (STAMPED, AFTER))
    return {**files, f"{STAMPED}.json.tsr": authority.stamp(files[f"{STAMPED}.json"])}


def test_a_time_stamp_is_over_the_anchor_and_its_chain_is_said_not_to_be_checked(
    log: World, verify: Verify, authority: Authority
) -> None:
    told = judged(log, verify, stamped(log, authority))
    assert told.code == PASSED
    assert "not checked (no --tsa-ca)" in told.report["steps"][8]["notes"][0]
    assert "not checked" in told.report["level"]


def test_openssl_checks_the_chain_of_a_time_stamp(
    log: World, tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(log.signed({**log.files(), **stamped(log, authority)})))
    pins = [option for pin in log.pins() for option in ("--key-fingerprint", pin)]
    assert verify_bundle.main([str(path), *pins, "--tsa-ca", str(authority.ca)]) == PASSED
    text = capsys.readouterr().out
    assert re.search(r"\nTime    timestamped: .* signed at 20[0-9-]{8}T[0-9:]{8}(\.[0-9]+)?Z, at the latest", text)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    assert verify_bundle.main([str(path), *pins, "--tsa-ca", str(Authority(stranger).ca)]) == FAILED
    assert "openssl does not verify" in capsys.readouterr().out


def test_a_time_stamp_over_another_file_is_named(log: World, verify: Verify, authority: Authority) -> None:
    files = stamped(log, authority)
    files[f"{AFTER}.json.tsr"] = files[f"{STAMPED}.json.tsr"]
    told = judged(log, verify, files)
    assert (told.code, told.failed()) == (FAILED, [9])
    assert told.names(9, f"{AFTER}.json.tsr", "over another file")


def test_a_stamp_over_an_anchor_that_is_not_bound_is_no_time_stamp_of_this_log(
    log: World, tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    later: Statement = {"size": 99, "root": base64.b64encode(bytes(32)).decode()}
    own = {"origin_sha256": hashlib.sha256(log.origin.encode()).hexdigest(), **later}
    alone = base64.b64encode(leaf_hash(canonical(own))).decode()

    def ahead(anchor: Statement, proof: Statement) -> None:
        if anchor["prev"] is None:
            anchor |= {"size": 1, "root": alone}
            proof |= {"tree": later, "index": 0, "leaves": 1, "path": []}

    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(log.signed({**log.files(), **stamped(log, authority, ahead)})))
    options = [option for pin in log.pins() for option in ("--key-fingerprint", pin)]
    assert verify_bundle.main([str(path), *options, "--tsa-ca", str(authority.ca)]) == PASSED
    text = capsys.readouterr().out
    assert "1 tree heads bound to a digest" in text
    assert "1 time stamps of the authority" in text
    assert "Time    self-asserted" in text


@pytest.mark.parametrize(
    ("days", "code"), [(-9, FAILED), (-7, PASSED), (0, PASSED), (9, FAILED)], ids=["too late", "late", "same", "before"]
)
def test_a_stamp_of_another_time_than_the_anchors_is_named(
    days: int, code: int, log: World, verify: Verify, authority: Authority
) -> None:
    instant = rfc3339(time.time() + days * 86_400 - 1)
    name = f"integrity/anchors/{instant[:10]}"
    other = f"integrity/anchors/{rfc3339(time.time() + 20 * 86_400)[:10]}"
    files = anchored(log, lambda anchor, _: anchor.update(at=instant), (name, other))
    told = judged(log, verify, {**files, f"{name}.json.tsr": authority.stamp(files[f"{name}.json"])})
    assert told.code == code
    assert told.names(9, f"{name}.json.tsr", "another time than the anchor's") is (code == FAILED)


@given(st.data())
def test_any_bytes_as_a_time_stamp_are_read_or_refused(authority: Authority, data: st.DataObject) -> None:
    good = (authority.folder / "reply").read_bytes() if (authority.folder / "reply").exists() else authority.stamp(b"x")
    answer = bytearray(good[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else good)
    for at in data.draw(st.lists(st.integers(0, max(len(answer) - 1, 0)), max_size=3)) if answer else ():
        answer[at] = data.draw(st.integers(0, 255))
    try:
        imprint, at_ = verify_bundle.time_stamp(bytes(answer))
    except BrokenError:
        return
    assert isinstance(imprint, bytes)
    assert at_.endswith("Z")
