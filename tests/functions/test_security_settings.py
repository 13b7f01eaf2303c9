"""GET and PATCH /api/settings/security: what is in force, and how it changes, with its evidence."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest

from shared.domain.risk import RULES
from shared.domain.security_policy import CHOICES, NUMBERS
from shared.store.condition import present
from shared.store.item import get, update
from shared.store.tenants import tenant_key
from shared.store.wire import Wire
from tests.functions.estate import Estate, MovableClock, Person, Response
from tests.functions.signed_in import CHANGE, SHOW, SignedIn, sign_in


@pytest.fixture
def admin(estate: Estate, person: Person) -> SignedIn:
    """Sign an administrator in who has just proved himself for changes."""
    session = sign_in(estate, person)
    session.prove("rbac_admin")
    return session


def tenant_row(session: SignedIn) -> dict[str, Any]:
    row = get(session.estate.dynamodb, session.estate.prefix + "tenants", tenant_key(session.person.tenant))
    assert row is not None
    return row


def change_tenant(session: SignedIn, **fields: Any) -> None:
    key = tenant_key(session.person.tenant)
    item = update(session.estate.prefix + "tenants", key, present("tenant"), set_=fields)
    session.estate.dynamodb.call("UpdateItem", dict(item.request))


def changes(session: SignedIn) -> list[dict[str, Any]]:
    told = session.estate.events(session.person.tenant)
    return [each for each in told if each["action"] == "SECURITY_SETTING_CHANGED"]


@contextmanager
def overtaken(monkeypatch: pytest.MonkeyPatch, by: Callable[[], None]) -> Iterator[None]:
    """Let something happen once, after a change was decided and before it is committed."""
    pending, original = [by], Wire.call

    def call(wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "TransactWriteItems" and pending:
            pending.pop()()
        return original(wire, operation, request, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", call)
        yield


def pointers(response: Response) -> list[str]:
    assert (response.status, response.code) == (400, "invalid_request")
    return [error["pointer"] for error in response.body["errors"]]


def test_document_tells_of_every_setting_its_value_source_and_bounds(admin: SignedIn) -> None:
    body = admin.calls(SHOW).body
    assert set(body) == {"version", "settings", "risk_weights", "risk_modes", "signals", "presets", "read_only"}
    assert set(body["settings"]) == {field.name for field in (*NUMBERS, *CHOICES)}
    idle = body["settings"]["refresh_idle_seconds"]
    assert (idle["value"], idle["source"], idle["minimum"], idle["maximum"], idle["multiple_of"]) == (
        28_800,
        "deployment",
        300,
        2_592_000,
        60,
    )
    assert body["settings"]["reuse_scope"]["options"] == ["user", "family"]
    assert body["risk_weights"]["NEW_DEVICE"] == {"value": 35, "source": "policy"}
    assert body["risk_modes"]["NEW_COUNTRY"] == {"value": "enforce", "source": "policy"}
    assert body["signals"]["NEW_DEVICE"] == {
        "about": "A device that this person has not signed in with",
        "group": "device",
        "points": 35,
    }
    assert list(body["signals"]) == [rule.name for rule in RULES]
    assert body["read_only"] == {"access_token_seconds": 600}
    assert body["version"] == 1


def test_change_answers_the_document_and_counts_from_then_on(admin: SignedIn) -> None:
    body = admin.calls(CHANGE, {"max_replays": 3, "reuse_scope": "family"}).body
    assert body == admin.calls(SHOW).body
    assert body["version"] == 2
    assert body["settings"]["max_replays"]["value"] == 3
    assert body["settings"]["max_replays"]["source"] == "tenant"
    assert body["settings"]["reuse_scope"]["value"] == "family"
    assert body["settings"]["step_up_score"]["source"] == "deployment"
    assert tenant_row(admin)["policy"] == {"max_replays": 3, "reuse_scope": "family"}


def test_change_is_one_commit_with_an_event_of_exactly_what_changed(admin: SignedIn) -> None:
    admin.calls(CHANGE, {"max_replays": 3, "risk_weights": {"NEW_DEVICE": 50, "DORMANT": 15}})
    (told,) = changes(admin)
    assert told["change"] == {
        "before": {"max_replays": 8, "risk_weights": {"NEW_DEVICE": 35}},
        "after": {"max_replays": 3, "risk_weights": {"NEW_DEVICE": 50}},
    }
    assert told["meta"] == {"policy_version": 2}
    assert told["actor"]["step_up"] == "challenge-rbac_admin"
    assert (told["resource"], told["targets"]) == (
        f"tenants/{admin.person.tenant}",
        [{"type": "tenant", "id": admin.person.tenant}],
    )


def test_second_change_tells_the_first_ones_values_and_keeps_them(admin: SignedIn) -> None:
    admin.calls(CHANGE, {"max_replays": 3, "risk_weights": {"NEW_DEVICE": 50}})
    admin.calls(CHANGE, {"max_replays": 4, "risk_weights": {"DORMANT": 20}, "risk_modes": {"DORMANT": "observe"}})
    assert changes(admin)[-1]["change"] == {
        "before": {"max_replays": 3, "risk_weights": {"DORMANT": 15}, "risk_modes": {"DORMANT": "enforce"}},
        "after": {"max_replays": 4, "risk_weights": {"DORMANT": 20}, "risk_modes": {"DORMANT": "observe"}},
    }
    assert tenant_row(admin)["policy"] == {
        "max_replays": 4,
        "risk_weights": {"NEW_DEVICE": 50, "DORMANT": 20},
        "risk_modes": {"DORMANT": "observe"},
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"max_replays": 8},
        {"reuse_scope": "user", "refresh_idle_seconds": 28_800},
        {"risk_weights": {}, "risk_modes": {}},
        {"risk_weights": {"NEW_DEVICE": 35}, "risk_modes": {"NEW_DEVICE": "enforce"}},
    ],
)
def test_change_of_nothing_is_answered_and_leaves_no_trace(admin: SignedIn, body: object) -> None:
    before = admin.estate.everything()
    response = admin.calls(CHANGE, body)
    assert (response.status, response.body["version"]) == (200, 1)
    assert admin.estate.everything() == before


def test_preset_sets_several_at_once_beside_others(admin: SignedIn) -> None:
    body = admin.calls(CHANGE, {"preset": "strict", "max_replays": 1}).body
    assert body["settings"]["concurrency_window_seconds"]["value"] == 0
    assert body["settings"]["lost_response_window_seconds"]["value"] == 0
    assert set(changes(admin)[0]["change"]["after"]) == {
        "concurrency_window_seconds",
        "lost_response_window_seconds",
        "max_replays",
    }


def test_preset_against_a_named_setting_is_refused_and_with_it_is_not(admin: SignedIn) -> None:
    refused = admin.calls(CHANGE, {"preset": "strict", "concurrency_window_seconds": 5})
    assert pointers(refused) == ["/concurrency_window_seconds"]
    assert admin.calls(CHANGE, {"preset": "strict", "concurrency_window_seconds": 0}).status == 200


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_each_bound_of_each_number_is_held_from_both_sides(admin: SignedIn, number: Any) -> None:
    change_tenant(admin, policy={"refresh_idle_seconds": 300, "step_up_score": 1, "block_score": 100})
    for outside in (number.least - 1, number.most + 1, -1, 10**12):
        assert pointers(admin.calls(CHANGE, {number.name: outside})) == [f"/{number.name}"]
    # The largest values of two of them stand against another setting, which is not this test's matter.
    highest = {"refresh_idle_seconds": 86_400, "step_up_score": 99, "block_score": 100}.get(number.name, number.most)
    for inside in (number.least, highest):
        assert admin.calls(CHANGE, {number.name: inside}).status == 200, inside


@pytest.mark.parametrize("value", [None, "600", 600.0, True, [600], 1.5])
def test_number_of_another_kind_is_refused_and_null_unsets_nothing(admin: SignedIn, value: object) -> None:
    assert pointers(admin.calls(CHANGE, {"max_replays": value})) == ["/max_replays"]
    assert tenant_row(admin)["policy_version"] == 1


def test_idle_limit_is_a_whole_number_of_minutes(admin: SignedIn) -> None:
    assert pointers(admin.calls(CHANGE, {"refresh_idle_seconds": 3_601})) == ["/refresh_idle_seconds"]
    assert admin.calls(CHANGE, {"refresh_idle_seconds": 3_600}).status == 200


@pytest.mark.parametrize(
    ("own", "asked", "pointer"),
    [
        ({}, {"refresh_idle_seconds": 86_460}, "/refresh_idle_seconds"),
        ({}, {"refresh_absolute_seconds": 28_799}, "/refresh_absolute_seconds"),
        ({}, {"refresh_idle_seconds": 7_200, "refresh_absolute_seconds": 3_600}, "/refresh_idle_seconds"),
        ({}, {"step_up_score": 90}, "/step_up_score"),
        ({}, {"block_score": 60}, "/block_score"),
        ({"block_score": 70}, {"step_up_score": 70}, "/step_up_score"),
        ({}, {"step_up_score": 50, "block_score": 50}, "/step_up_score"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    admin: SignedIn, own: dict[str, int], asked: dict[str, int], pointer: str
) -> None:
    change_tenant(admin, policy=own)
    assert pointers(admin.calls(CHANGE, asked)) == [pointer]
    assert (tenant_row(admin)["policy"], changes(admin)) == (own, [])


@pytest.mark.parametrize(
    "asked",
    [
        {"refresh_idle_seconds": 86_400},
        {"refresh_idle_seconds": 3_600, "refresh_absolute_seconds": 3_600},
        {"step_up_score": 89},
        {"step_up_score": 20, "block_score": 21},
    ],
)
def test_settings_at_their_very_limits_are_taken(admin: SignedIn, asked: dict[str, int]) -> None:
    assert admin.calls(CHANGE, asked).status == 200


def test_contradiction_that_the_deployment_made_stops_no_change_of_something_else(admin: SignedIn) -> None:
    change_tenant(admin, policy={"step_up_score": 95})
    assert admin.calls(CHANGE, {"max_replays": 2}).status == 200
    assert pointers(admin.calls(CHANGE, {"step_up_score": 95})) == ["/step_up_score"]
    assert admin.calls(CHANGE, {"step_up_score": 80}).status == 200


def test_all_faults_are_told_at_once(admin: SignedIn) -> None:
    asked = {
        "refresh_idle_seconds": 301,
        "max_replays": 0,
        "block_score": 101,
        "preset": "strict",
        "lost_response_window_seconds": 60,
        "risk_weights": {"NO_SUCH_SIGNAL": 1, "NEW_DEVICE": 101, "NEW_COUNTRY": True},
        "risk_modes": {"NEW_DEVICE": "maybe", "odd/~name": "off"},
    }
    assert sorted(pointers(admin.calls(CHANGE, asked))) == [
        "/block_score",
        "/lost_response_window_seconds",
        "/max_replays",
        "/refresh_idle_seconds",
        "/risk_modes/NEW_DEVICE",
        "/risk_modes/odd~1~0name",
        "/risk_weights/NEW_COUNTRY",
        "/risk_weights/NEW_DEVICE",
        "/risk_weights/NO_SUCH_SIGNAL",
    ]
    assert (tenant_row(admin)["policy_version"], changes(admin)) == (1, [])


def test_unknown_names_and_choices_are_refused(admin: SignedIn) -> None:
    asked = {"access_token_seconds": 60, "reuse_scope": "nobody", "preset": "lax", "version": 1}
    assert sorted(pointers(admin.calls(CHANGE, asked))) == [
        "/access_token_seconds",
        "/preset",
        "/reuse_scope",
        "/version",
    ]


def test_geography_of_a_new_tenant_is_shown_as_observed_until_two_weeks_have_passed(
    admin: SignedIn, clock: MovableClock
) -> None:
    now = int(admin.estate.clock())
    change_tenant(admin, created_at=now)
    modes = admin.calls(SHOW).body["risk_modes"]
    assert modes["NEW_COUNTRY"] == {"value": "observe", "source": "policy"}
    assert modes["NEW_DEVICE"]["value"] == "enforce"
    change_tenant(admin, created_at=now - 14 * 86_400)
    assert admin.calls(SHOW).body["risk_modes"]["NEW_COUNTRY"]["value"] == "enforce"
    assert clock.offset == 0


@pytest.mark.parametrize(("mode", "before"), [("observe", "enforce"), ("enforce", "observe"), ("off", "observe")])
def test_mode_that_is_asked_for_in_those_weeks_stays(admin: SignedIn, mode: str, before: str) -> None:
    change_tenant(admin, created_at=int(admin.estate.clock()))
    admin.calls(CHANGE, {"risk_modes": {"NEW_COUNTRY": mode}})
    assert changes(admin)[0]["change"] == {
        "before": {"risk_modes": {"NEW_COUNTRY": before}},
        "after": {"risk_modes": {"NEW_COUNTRY": mode}},
    }
    assert tenant_row(admin)["policy"] == {"risk_modes": {"NEW_COUNTRY": mode}}
    assert admin.calls(SHOW).body["risk_modes"]["NEW_COUNTRY"] == {"value": mode, "source": "tenant"}


def test_changes_at_once_all_count_and_none_is_a_conflict(estate: Estate, tenant: str) -> None:
    asked = [{"max_replays": 3}, {"concurrent_sessions": 9}, {"risk_weights": {"DORMANT": 1}}, {"block_score": 95}]
    sessions = [sign_in(estate, estate.new_person(tenant, "owner")) for _ in asked]
    together = Barrier(len(asked))

    def change(session: SignedIn, body: object) -> int:
        session.prove("rbac_admin")
        together.wait()
        return session.calls(CHANGE, body).status

    with ThreadPoolExecutor(len(asked)) as pool:
        assert list(pool.map(change, sessions, asked)) == [200] * len(asked)
    row = tenant_row(sessions[0])
    assert row["policy"] == {
        "max_replays": 3,
        "concurrent_sessions": 9,
        "risk_weights": {"DORMANT": 1},
        "block_score": 95,
    }
    assert row["policy_version"] == 1 + len(asked)
    assert sorted(told["meta"]["policy_version"] for told in changes(sessions[0])) == [2, 3, 4, 5]


def test_change_that_names_a_version_counts_on_that_one_alone(admin: SignedIn) -> None:
    assert admin.calls(CHANGE, {"max_replays": 3, "if_version": 1}).body["version"] == 2
    for asked in ({"max_replays": 4, "if_version": 1}, {"if_version": 3}):
        refused = admin.calls(CHANGE, asked)
        assert (refused.status, refused.code) == (409, "settings_changed")
    assert (tenant_row(admin)["policy"], len(changes(admin))) == ({"max_replays": 3}, 1)


def test_change_that_names_a_version_is_refused_when_another_one_comes_between(
    admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with overtaken(monkeypatch, lambda: change_tenant(admin, policy={"max_replays": 5}, policy_version=2)):
        assert admin.calls(CHANGE, {"concurrent_sessions": 9, "if_version": 1}).code == "settings_changed"
    assert tenant_row(admin)["policy"] == {"max_replays": 5}


def test_change_is_decided_anew_on_what_another_one_made(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is sound by itself; together they would contradict each other."""
    with overtaken(monkeypatch, lambda: change_tenant(admin, policy={"step_up_score": 80}, policy_version=2)):
        assert pointers(admin.calls(CHANGE, {"block_score": 75})) == ["/block_score"]
    assert tenant_row(admin)["policy"] == {"step_up_score": 80}


@pytest.mark.parametrize("what", ["tenant", "gate", "session"])
def test_change_of_who_died_between_check_and_commit_changes_nothing(
    admin: SignedIn, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    ends: dict[str, Callable[[], None]] = {
        "tenant": lambda: change_tenant(admin, status="SUSPENDED"),
        "gate": lambda: admin.estate.change_gate(admin.person, "status", "DEACTIVATED"),
        "session": lambda: admin.change_row(status="REVOKED"),
    }
    with overtaken(monkeypatch, ends[what]):
        assert admin.calls(CHANGE, {"max_replays": 3}).code == "invalid_token"
    assert (tenant_row(admin)["policy"], tenant_row(admin)["policy_version"]) == ({}, 1)
    assert changes(admin) == []


def test_change_whose_event_cannot_be_written_is_not_made(
    admin: SignedIn, audit_write_fails: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        audit_write_fails()
        assert admin.calls(CHANGE, {"max_replays": 3}).status == 503
    assert tenant_row(admin)["policy_version"] == 1


def test_change_needs_a_fresh_proof_for_administration_and_showing_does_not(estate: Estate, person: Person) -> None:
    session = sign_in(estate, person)
    assert session.calls(SHOW).status == 200
    refused = session.calls(CHANGE, {"max_replays": 3})
    assert (refused.status, refused.code, refused.body["purpose"]) == (
        401,
        "insufficient_user_authentication",
        "rbac_admin",
    )
    session.prove("data_export")
    assert session.calls(CHANGE, {"max_replays": 3}).status == 401


@pytest.mark.parametrize(("role", "show", "change"), [("member", 403, 403), ("auditor", 200, 403), ("owner", 200, 200)])
def test_roles_see_and_change_what_their_permissions_say(
    estate: Estate, tenant: str, role: str, show: int, change: int
) -> None:
    session = sign_in(estate, estate.new_person(tenant, role))
    session.prove("rbac_admin")
    assert session.calls(SHOW).status == show
    assert session.calls(CHANGE, {"max_replays": 3}).status == change
