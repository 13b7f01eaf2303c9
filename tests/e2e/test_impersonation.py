"""Acting in another person's name as deployed: every function of it under its own role."""

import json
from typing import Any

from infra.local.demo_client import Device
from tests.e2e.test_lifecycle import stepped_up
from tests.running_stage import Stage


def sweep(stage: Stage) -> dict[str, Any]:
    function = stage.deployment.outputs["ImpersonationSweepFunction"]
    answer = stage.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    payload = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, payload
    told: dict[str, Any] = json.loads(payload)
    return told


def begun(stage: Stage, owner: Device, target: str) -> Device:
    body = {"target_id": target, "reason": "The list looks empty", "ticket": "T-1", "minutes": 5}
    answer = owner.expect(201, "POST", "/api/impersonation", body).json()
    acting = stage.device(address="203.0.113.11", country="DE", device_id="demo-owner-laptop")
    acting.access_token = answer["access_token"]
    return acting


def test_owner_sees_with_the_eyes_of_an_auditor_and_takes_nothing_away(stage: Stage, bundles: list[str]) -> None:
    assert bundles
    people = stage.demo["users"]
    owner, target = stage.signed_in("owner"), people["auditor"]["staff_id"]
    stepped_up(owner, people["owner"], "impersonate")
    acting = begun(stage, owner, target)
    me = acting.send("GET", "/api/auth/me")
    assert me.status == 200
    assert me.json()["impersonation"]["actor"]["staff_id"] == people["owner"]["staff_id"]
    days = "from=2026-07-01&to=2026-07-02"
    refused = acting.send("GET", f"/api/compliance/cc6/access-logs?{days}")
    assert (refused.status, refused.json()["code"]) == (403, "impersonation_forbidden_action")
    assert sweep(stage)["ended"] == 0
    open_one = owner.expect(200, "GET", "/api/impersonation").json()["impersonations"][0]
    assert (open_one["status"], open_one["target"]["staff_id"]) == ("active", target)
    acting.expect(204, "DELETE", "/api/impersonation")
    acting.expect(401, "GET", "/api/auth/me")
    ended = stage.await_event("IMPERSONATION_ENDED")
    assert (ended["reason"], ended["on_behalf_of"]) == ("ended", target)
    assert (ended["meta"]["requests"], ended["meta"]["denied"]) == (3, 1)


def test_sweep_tells_under_its_own_role_what_the_actors_logout_has_ended(stage: Stage, bundles: list[str]) -> None:
    assert bundles
    people = stage.demo["users"]
    owner, target = stage.signed_in("owner"), people["auditor"]["staff_id"]
    stepped_up(owner, people["owner"], "impersonate")
    acting = begun(stage, owner, target)
    owner.expect(204, "POST", "/api/auth/logout")
    acting.expect(401, "GET", "/api/auth/me")
    assert sweep(stage)["ended"] == 1
    ended = stage.await_event("IMPERSONATION_ENDED")
    assert (ended["reason"], ended["actor"]["id"]) == ("actor_session_ended", "impersonation_sweep")
