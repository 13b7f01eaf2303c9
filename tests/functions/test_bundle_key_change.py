"""Bundles of a log whose ledger key changed, out of the real pipeline and before the verifier as auditors run it."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from functions.audit_digest.anchor import Anchorer
from functions.audit_digest.rotation import KeyRotation, Replaced, SigningKeys
from functions.audit_digest.settings import Settings
from functions.audit_digest.time_stamp import Authority, TimeStamps
from shared.audit.moment import rfc3339
from shared.evidence.signer import Signer
from shared.runtime.outbound import Outbound
from shared.runtime.settings import from_environment
from tests.evidence.verdict import report_on
from tests.functions.archive import SetClock
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.company import DAY, Company, founded
from tests.functions.opened_bundle import OpenedBundle, bundle_of, fingerprints
from tests.functions.time_stamping_authority import OPENSSL, StampingAuthority, certified, serving

__all__ = ["deployment", "place"]
HOUR = 3_600


@dataclass
class Signing:
    """The digest function of a deployment whose ledger keys an operator adds."""

    company: Company
    key_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.change_key()  # another test's keys were replaced
        self.company.archive.environ["LEDGER_KEY_ID"] = self.key_ids[0]

    def signers(self) -> tuple[Signer, ...]:
        return tuple(Signer(self.company.archive.kms, key_id) for key_id in self.key_ids)

    def kids(self) -> list[str]:
        return [signer.kid for signer in self.signers()]

    def change_key(self) -> None:
        archive = self.company.archive
        self.key_ids.append(archive._signing_key())
        archive.environ["LEDGER_KEY_IDS"] = ",".join(self.key_ids)

    def sign(self, at: float) -> int | None:
        self.company.seal()
        archive, clock = self.company.archive, SetClock(at)
        digester = archive.digester(clock)
        rotation = KeyRotation(archive.vault, self.signers(), digester.settings.log_name, clock)
        keys = rotation.keys(lambda kid: digester.signed_under(kid, self.company.tenant))
        return replace(digester, signer=keys.in_force, replaced=keys.replaced).sign(self.company.tenant)

    def anchor(self, at: float) -> str | None:
        archive, (*earlier, in_force) = self.company.archive, self.signers()
        keys = SigningKeys(in_force, tuple(Replaced(signer, "", "", "9999") for signer in earlier))
        settings = from_environment(Settings, archive.environ)
        return Anchorer(archive.estate.dynamodb, archive.vault, keys, settings, SetClock(at)).anchor(
            [self.company.tenant]
        )


def founded_days_ago(deployment: Deployment, days: int) -> tuple[Company, Signing, float]:
    start = time.time() - days * DAY
    company = founded(deployment.archive, start)
    return company, Signing(company), start


def bundled(company: Company, folder: Path, since: float) -> OpenedBundle:
    days = {"from": rfc3339(since)[:10], "to": rfc3339(time.time())[:10]}
    return bundle_of(company, folder, {**days, "format": "csv"})


def alone(bundle: OpenedBundle) -> int:
    """Run `python verify_bundle.py bundle.zip`, the copy that the bundle holds."""
    bundle.path.write_bytes(bundle.body)
    program = bundle.folder / "verify_bundle.py"
    program.write_bytes(bundle.read("verify_bundle.py"))
    command = [sys.executable, "-I", "-S", program.name, bundle.path.name]
    return subprocess.run(command, cwd=bundle.folder, capture_output=True, check=False).returncode  # noqa: S603 - our own program


def judged(
    bundle: OpenedBundle, capsys: pytest.CaptureFixture[str], pins: Sequence[str], *more: str
) -> tuple[int, Any]:
    bundle.path.write_bytes(bundle.body)
    evidence = fingerprints(bundle.company)[1]
    options = [f"--key-fingerprint={pin}" for pin in (*pins, evidence)]
    capsys.readouterr()  # what the functions wrote
    return report_on(bundle.path, capsys, *options, *more)


def test_bundle_over_a_change_of_the_key_verifies_with_any_key_of_the_chain(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    company, signing, start = founded_days_ago(deployment, 5)
    company.seen(start + HOUR)
    signing.sign(start + 2 * HOUR)
    signing.change_key()
    company.seen(start + DAY + HOUR)
    signing.sign(start + DAY + 2 * HOUR)
    signing.change_key()
    company.seen(start + 3 * DAY)
    signing.sign(start + 3 * DAY + HOUR)
    company.seen(start + 4 * DAY)
    signing.sign(time.time() + 60)
    kids = signing.kids()

    whole = bundled(company, tmp_path, start)
    assert whole.manifest["keys"]["ledger_previous"] == kids[:2]
    assert alone(whole) == 3
    for pin in kids:
        code, report = judged(whole, capsys, [pin])
        assert (code, report["steps"][1]["counted"]["changes of the ledger key"]) == (0, 2)

    # A range behind all changes: who has pinned the first key is led to the last one by the statements.
    late = bundled(company, tmp_path, start + 4 * DAY)
    first = late.document("integrity/digests/" + f"{late.manifest['source']['opening']['digest']:012d}.json")
    assert first["kid"] == kids[-1]
    assert late.manifest["keys"]["ledger_previous"] == kids[:2]
    assert judged(late, capsys, kids[:1])[0] == 0
    assert judged(late, capsys, ["0" * 64])[0] == 1


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed here")
def test_anchors_and_time_stamps_of_a_log_whose_key_changed_verify(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    company, signing, start = founded_days_ago(deployment, 3)
    company.seen(start + HOUR)
    signing.sign(start + 2 * HOUR)
    assert signing.anchor(start + 3 * HOUR)
    signing.change_key()
    company.seen(start + DAY + HOUR)
    signing.sign(start + DAY + 2 * HOUR)
    assert signing.anchor(start + DAY + 3 * HOUR)
    folder = tmp_path / "tsa"
    folder.mkdir()
    with serving(StampingAuthority(folder, certified(folder), lambda query: query)) as authority:
        authority.answer = authority.reply
        outbound = Outbound(loopback=True, seconds=5.0, context=ssl.create_default_context())
        asked = Authority(authority.url, (authority.root,), outbound, time.time)
        log = from_environment(Settings, company.archive.environ).log_name
        assert TimeStamps(company.archive.vault, log, asked).complete(start + DAY + 4 * HOUR) == 2
    company.seen(start + 2 * DAY)
    signing.sign(time.time() + 60)
    bundle = bundled(company, tmp_path, start)
    code, report = judged(bundle, capsys, signing.kids()[:1], "--tsa-ca", str(folder / "root.pem"))
    assert code == 0, [step["findings"] for step in report["steps"]]
    assert report["steps"][8]["counted"] == {
        "tree heads bound to a digest": 2,
        "time stamps": 2,
        "time stamps of the authority": 2,
        "time-stamped anchors of this log": 2,
        "anchors": 2,
    }
    assert report["level"].startswith("timestamped")


def test_key_that_changed_at_a_restart_is_in_the_bundle_with_its_statement(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    company, signing, start = founded_days_ago(deployment, 1)
    company.seen(start + HOUR)
    signing.sign(start + 2 * HOUR)
    signing.change_key()
    KeyRotation(company.archive.vault, signing.signers(), "local", SetClock(start + 3 * HOUR)).keys(lambda _: True)
    deployment.next_epoch()
    assert deployment.restore(None) == 0, deployment.said
    company.seen(time.time(), "u_2")
    signing.sign(time.time() + 60)
    bundle = bundled(company, tmp_path, time.time() - HOUR)
    assert bundle.document("integrity/epoch/000000000001.json")["kid"] == signing.kids()[0]
    assert bundle.document("integrity/digests/000000000001.json")["kid"] == signing.kids()[1]
    for pin in signing.kids():
        code, report = judged(bundle, capsys, [pin])
        assert code == 0, [step["findings"] for step in report["steps"]]
        assert report["steps"][4]["counted"]["explained restarts"] == 1
