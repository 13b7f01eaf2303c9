"""The evidence key changes: a bundle verifies with the key that signed its manifest, and with no other."""

import os
from pathlib import Path

import pytest

from shared.evidence.signer import Signer
from tests.functions.archive import Archive
from tests.functions.company import archive, with_history
from tests.functions.opened_bundle import bundle_of

__all__ = ["archive"]


def test_bundles_of_before_and_after_a_change_of_the_evidence_key_verify_each_with_its_own(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = with_history(archive, 2)
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    before = bundle_of(company, tmp_path / "before")
    old = archive.environ["EVIDENCE_KEY_ID"]
    new = archive._signing_key()
    monkeypatch.setitem(archive.environ, "EVIDENCE_KEY_ID", new)
    monkeypatch.setitem(os.environ, "EVIDENCE_KEY_ID", new)
    after = bundle_of(company, tmp_path / "after")
    kids = [Signer(archive.kms, key_id).kid for key_id in (old, new)]
    assert [bundle.manifest["kid"] for bundle in (before, after)] == kids
    assert [bundle.manifest["keys"]["evidence"] for bundle in (before, after)] == kids
    assert f"keys/{kids[0]}.pem" not in after.archive.namelist()
    assert after.verified()[0] == 0
    assert before.verified()[0] == 1  # the key that is pinned now did not sign it
    monkeypatch.setitem(archive.environ, "EVIDENCE_KEY_ID", old)
    assert before.verified()[0] == 0
    assert after.verified()[0] == 1
