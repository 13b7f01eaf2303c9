"""Segments that no digest signs: what a restore believes of them, and what it makes of one that somebody planted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from infra.restoration.people import People
from shared.audit.epoch import STARTED
from shared.audit.event import Actor, Draft, Position, Target, compose, new_event_id
from shared.audit.moment import rfc3339
from shared.evidence.segment import pack, parse, unpack
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.estate import Person
from tests.functions.staff_calls import gate
from tests.functions.test_restore import SEALS

__all__ = ["deployment", "place"]
DEACTIVATED = {"change": {"before": {"status": "ACTIVE"}, "after": {"status": "DEACTIVATED"}}}
REACTIVATED = {"change": {"before": {"status": "DEACTIVATED"}, "after": {"status": "ACTIVE"}}}


def role(after: str) -> dict[str, Any]:
    return {"change": {"before": {"role": "?"}, "after": {"role": after}}}


class Village:
    """People whose log is signed up to `since`, the instant that their tables are restored to."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, estate = deployment, deployment.estate
        self.tenant = estate.new_tenant()
        self.thief, self.admin, self.other = (
            estate.new_person(self.tenant, role) for role in ("member", "admin", "admin")
        )
        deployment.sign(self.tenant, time.time() + 1)
        self.snapshot, self.since = deployment.snapshot(), time.time()
        self.expected: list[dict[str, Any]] = []

    def says(self, action: str, person: Person, **members: Any) -> str:
        """Commit what the restored tables will not know; gives the event's id."""
        target = {"targets": (Target("user", person.staff_id),)}
        return self.deployment.archive.write(self.tenant, time.time(), action, **target, **members)

    def plant(self, *told: tuple[str, Person, dict[str, Any]]) -> str:
        """Put a segment that chains to the sealed head, as whoever may put objects can; gives its key."""
        (head,) = (row for row in self.deployment.rows(SEALS) if row["seal"] == "head#1")
        seq, leaf = head["lanes"]["0"]["seq"], head["lanes"]["0"]["hash"]
        events = []
        for action, person, members in told:
            actor, now = Actor("user", "u_x"), time.time()
            draft = Draft(new_event_id(now), action, "success", actor, "tenant_staff", {})
            draft = draft._replace(targets=(Target("user", person.staff_id),), **members)
            seq += 1
            line = compose(draft, Position("local", self.tenant, 1, "0", seq, leaf), rfc3339(now))
            events.append(parse(line.text.encode()))
            leaf = events[-1].leaf.hex()
        archive = self.deployment.archive
        key = self.key(int(head["segment"]) + 1)
        archive.s3.put_object(Bucket=archive.vault_name, Key=key, Body=pack(events))
        return key

    def key(self, number: int) -> str:
        return f"log/v1/{self.deployment.archive.environ['LOG_NAME']}/{self.tenant}/1/seg/{number:012d}.ndjson.gz"

    def restore(self, *, old: str | None = None, apply: bool = True) -> int:
        return self.deployment.restore(rfc3339(self.since), reason="state_restored", old=old, apply=apply)

    def doubted(self) -> list[str]:
        return [line for line in self.deployment.said if "NOBODY VOUCHES FOR" in line]

    def gates(self) -> list[tuple[str, str]]:
        found = (gate(self.deployment.estate, person) for person in (self.thief, self.admin, self.other))
        return [(row["role"], row["status"]) for row in found]


@pytest.mark.parametrize("table", ["with the old table", "without"])
def test_planted_segment_makes_nobody_an_owner_and_takes_what_it_takes(deployment: Deployment, table: str) -> None:
    village = Village(deployment)
    village.says("USER_DEACTIVATED", village.other, **DEACTIVATED)  # acknowledged, and not sealed yet
    planted = village.plant(
        ("USER_ROLE_CHANGED", village.thief, role("owner")),
        ("USER_ROLE_CHANGED", village.admin, role("auditor")),
        ("USER_REACTIVATED", village.other, REACTIVATED),
    )
    deployment.put_back(village.snapshot)
    table_of_the_past = deployment.next_epoch()
    old = table_of_the_past if table == "with the old table" else None
    assert village.restore(old=old) == 0, deployment.said
    known = ("admin", "DEACTIVATED" if old else "ACTIVE")
    assert village.gates() == [("member", "ACTIVE"), ("auditor", "ACTIVE"), known]
    (line,) = village.doubted()
    assert f"NOBODY VOUCHES FOR {planted} (sha256 " in line
    assert "3 events" in line
    assert "only what takes rights away counts" in line
    started = deployment.events(village.tenant)[0]
    assert (started["action"], started["meta"]["sealed"]["segment"]) == (STARTED, 2), "it is in the vault"


def test_planted_segment_is_not_believed_by_the_next_run_either(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    village = Village(deployment)
    planted = village.plant(("USER_ROLE_CHANGED", village.thief, role("owner")))
    seals = deployment.rows(SEALS)
    deployment.put_back(village.snapshot)
    deployment.next_epoch()
    with monkeypatch.context() as patch:
        patch.setattr(People, "read", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # the operator's machine went away behind the beginning of the epoch
            village.restore()
    assert deployment.rows(SEALS) == seals, "the rows that are believed next time are of nothing that is doubted"
    assert village.restore() == 0
    assert planted in village.doubted()[0]
    assert f"{village.tenant}: 0 of {len(seals)} rows of audit_seals written" in deployment.said
    assert village.gates()[0] == ("member", "ACTIVE")
    assert deployment.rows(SEALS) == seals


@pytest.mark.parametrize("left", ["the rows of audit_seals", "the old table", "the head and no row", "nothing"])
def test_segment_of_ours_counts_where_rows_or_table_know_it_and_else_for_what_it_takes(
    deployment: Deployment, left: str
) -> None:
    village = Village(deployment)
    village.says("USER_ROLE_CHANGED", village.thief, **role("admin"))
    village.says("USER_ROLE_CHANGED", village.admin, **role("member"))
    deployment.seal(village.tenant)
    village.says("USER_DEACTIVATED", village.other, **DEACTIVATED)
    deployment.seal(village.tenant)
    before = deployment.rows(SEALS)
    if left != "the rows of audit_seals":
        kept = [row for row in before if row["seal"] == "head#1"] if left == "the head and no row" else []
        deployment.put_back({SEALS: kept})
    deployment.put_back(village.snapshot)
    table_of_the_past = deployment.next_epoch()
    old = table_of_the_past if left == "the old table" else None
    vouched = left in {"the rows of audit_seals", "the old table"}
    for apply in (False, True):
        assert village.restore(old=old, apply=apply) == 0, deployment.said
        assert len(village.doubted()) == (0 if vouched else 2)
    thief = "admin" if vouched else "member"
    assert village.gates() == [(thief, "ACTIVE"), ("member", "ACTIVE"), ("admin", "DEACTIVATED")]
    assert deployment.events(village.tenant)[0]["meta"]["sealed"]["segment"] == 3
    signed = [row for row in before if row["seal"] != "head#1" and row.get("no") == 1]
    after = deployment.rows(SEALS)
    assert after == before if vouched else [row for row in after if row["seal"] != "head#1"] == signed


def test_row_that_names_another_hash_vouches_for_nothing(deployment: Deployment) -> None:
    village = Village(deployment)
    village.says("USER_ROLE_CHANGED", village.thief, **role("admin"))
    deployment.seal(village.tenant)
    key = {"tenant": village.tenant, "seal": "segment#1#000000000002"}
    deployment.estate.change_row(SEALS, key, {"sha256_gz": "0" * 64})
    deployment.put_back(village.snapshot)
    deployment.next_epoch()
    assert village.restore() == 0
    assert len(village.doubted()) == 1
    assert village.gates()[0] == ("member", "ACTIVE")


def test_what_an_old_table_holds_unsealed_is_told_before_anything_is_written(deployment: Deployment) -> None:
    village = Village(deployment)
    last = village.says("USER_DEACTIVATED", village.other, **DEACTIVATED)
    deployment.put_back(village.snapshot)
    old, sealed = deployment.next_epoch(), deployment.archive.objects("log/")
    assert village.restore(old=old, apply=False) == 0
    assert deployment.archive.objects("log/") == sealed
    assert f"{village.tenant}: {village.other.staff_id} to be corrected: sessions, status" in deployment.said
    assert village.restore(old=old) == 0
    assert village.gates()[2] == ("admin", "DEACTIVATED")
    packed = deployment.archive.vault.read(village.key(2))
    assert last in [event.members["id"] for event in unpack(packed)]


@pytest.mark.parametrize("body", [b"no gzip", pack([parse(b'"text"')]), pack([parse(b'{"lane":"0","seq":"x"}')])])
def test_object_that_is_no_segment_stops_this_tenant_and_no_other(deployment: Deployment, body: bytes) -> None:
    tenants = [deployment.estate.new_tenant() for _ in range(2)]
    archive = deployment.archive
    key = f"log/v1/{archive.environ['LOG_NAME']}/{tenants[0]}/1/seg/{1:012d}.ndjson.gz"
    archive.s3.put_object(Bucket=archive.vault_name, Key=key, Body=body)
    deployment.next_epoch()
    assert deployment.restore(None) == 1
    assert any(f"REFUSED: {key} does not continue the log" in line for line in deployment.said)
    assert [len(deployment.events(tenant)) for tenant in tenants] == [0, 1]
