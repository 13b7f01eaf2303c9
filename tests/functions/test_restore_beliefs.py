"""What a restore does not believe: keys of tokens from before, planted segments, forged digests; and several lanes."""

from __future__ import annotations

import time

import pytest

from functions.housekeeping.handler import handler as housekeeping
from shared.audit.canonical import canonical
from shared.audit.epoch import STARTED
from shared.audit.moment import rfc3339
from shared.domain.signing_key import CURRENT, NEXT, PREVIOUS, REVOKED
from shared.evidence.signer import Signer
from shared.store.audit_logs import append_item, lane_key
from shared.store.item import write
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.estate import login, me
from tests.functions.log_world import log_of
from tests.functions.test_restore import SEALS, Town, signed_past

__all__ = ["deployment", "place"]


def key_rows(deployment: Deployment) -> dict[str, str]:
    return {row["kid"]: row["status"] for row in deployment.rows("signing_keys") if row["kid"] != "-"}


@pytest.mark.parametrize("status", [CURRENT, NEXT])
def test_key_of_tokens_that_was_revoked_since_does_not_verify_again(deployment: Deployment, status: str) -> None:
    town = Town(deployment)
    signing_keys = deployment.snapshot("signing_keys")
    (kid,) = (kid for kid, is_ in key_rows(deployment).items() if is_ == status)
    stolen = login(town.quiet).body["access_token"]
    town.go_on()
    housekeeping({"revoke_signing_key": kid}, None)
    deployment.put_back(signing_keys)
    assert key_rows(deployment)[kid] == status, "the restored table would have it verify"
    deployment.put_back(town.snapshot)
    deployment.next_epoch()
    assert deployment.restore(rfc3339(town.since), apply=False) == 0
    assert f"signing key {kid} to be revoked" in deployment.said
    assert key_rows(deployment)[kid] == status
    assert deployment.restore(rfc3339(town.since)) == 0
    assert f"signing key {kid} revoked" in deployment.said
    assert not {CURRENT, NEXT, PREVIOUS} & set(key_rows(deployment).values())
    deployment.let_in()
    made = key_rows(deployment)
    assert (made[kid], {CURRENT, NEXT} <= {*made.values()}) == (REVOKED, True)
    assert me(stolen).status == 401
    assert login(town.quiet).status == 200


def test_keys_stay_where_no_table_of_people_was_restored(deployment: Deployment) -> None:
    before = key_rows(deployment)
    deployment.next_epoch()
    assert deployment.restore(None) == 0
    assert key_rows(deployment) == before


def test_log_of_several_lanes_is_rebuilt_and_begins_anew_from_the_end_of_each(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    start = time.time() - 5_000
    table = deployment.name("audit_logs")
    (first,) = (row for row in deployment.rows("audit_logs") if row["log_lane"] == lane_key(tenant, 1, "0"))
    for lane, seq, line in log_of(tenant, {"0": 3, "1": 1, "2": 4}, {"0": (1, first["leaf"])}, start):
        write(deployment.estate.dynamodb, append_item(table, lane_key(tenant, 1, lane), seq, line, 2**31, "row"))
    deployment.sign(tenant, start + 500)
    before = deployment.rows(SEALS)
    deployment.empty(SEALS)
    deployment.next_epoch()
    assert deployment.restore(None) == 0, deployment.said
    assert deployment.rows(SEALS) == before
    sealed = deployment.events(tenant)[0]["meta"]["sealed"]
    assert {lane: end["seq"] for lane, end in sealed["lanes"].items()} == {"0": 6, "1": 1, "2": 4}
    assert any("lane 0 to 6, lane 1 to 1, lane 2 to 4, 11 events" in line for line in deployment.said)


def test_planted_segment_is_refused_and_nothing_is_begun(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    other = deployment.estate.new_tenant()
    prefix = deployment.archive.objects(f"log/v1/{deployment.archive.environ['LOG_NAME']}/{tenant}/")
    first, *_, last = (key for key in prefix if "/seg/" in key)
    planted = last.replace("000000000004", "000000000005")
    body = deployment.archive.vault.read(first)
    deployment.archive.s3.put_object(Bucket=deployment.archive.vault_name, Key=planted, Body=body)
    deployment.next_epoch()
    assert deployment.restore(None) == 1
    assert any(f"{tenant}: REFUSED: {planted} does not continue the log" in line for line in deployment.said)
    assert deployment.events(tenant) == []
    assert [event["action"] for event in deployment.events(other)] == [STARTED], "the others are served"


@pytest.mark.parametrize("forged", ["by another key", "unsigned", "of another log"])
def test_forged_digest_is_refused_and_nothing_is_begun(deployment: Deployment, forged: str) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    archive = deployment.archive
    (third,) = (
        key
        for key in archive.objects(f"log/v1/{deployment.archive.environ['LOG_NAME']}/{tenant}/")
        if key.endswith("000000000003.json")
    )
    digest = archive.document(third) | {"no": 4}
    signer = Signer(archive.kms, archive.environ["LEDGER_KEY_ID"])
    if forged == "by another key":
        signer = Signer(archive.kms, archive.environ["EVIDENCE_KEY_ID"])
        digest["kid"] = signer.kid
    body = canonical(digest)
    signature = b"0" * 70 if forged == "unsigned" else signer.sign(body)
    planted = third.replace("000000000003", "000000000004")
    for key, content in ((planted, body), (f"{planted}.sig", signature)):
        archive.s3.put_object(Bucket=archive.vault_name, Key=key, Body=content)
    deployment.next_epoch()
    assert deployment.restore(None) == 1
    assert any(f"REFUSED: {planted}" in line for line in deployment.said), deployment.said
    assert deployment.events(tenant) == []
