import json

import pytest

from infra.stage import ROOT, CustomDomain, Lock, Stage, UnsoundSetting, deployment_context
from shared.store.audit_logs import EXPIRY_MARGIN_SECONDS, MOST_LANES

STATED = {
    "vault_lock_mode": "COMPLIANCE",
    "vault_retention_days": 2557,
    "exports_retention_days": 400,
    "issuer": "https://id.muniment.example",
    "mail_from": "no-reply@muniment.example",
    "log_epoch": 1,
    "log_lanes": 64,
    "edge": True,
}


@pytest.mark.parametrize("name", sorted(STATED))
def test_production_refuses_a_setting_that_is_not_stated_and_names_it(name: str) -> None:
    context = {key: value for key, value in STATED.items() if key != name}
    with pytest.raises(UnsoundSetting, match=f"`{name}`") as refusal:
        Stage.production(context)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vault_lock_mode", "compliance"),
        ("vault_lock_mode", "NONE"),
        ("vault_retention_days", 0),
        ("vault_retention_days", -1),
        ("vault_retention_days", 364),
        ("vault_retention_days", 36500),
        ("vault_retention_days", "7 years"),
        ("vault_retention_days", 2557.5),
        ("vault_retention_days", True),
        ("vault_retention_days", ""),
        ("exports_retention_days", 1),
        ("log_epoch", 0),
        ("log_lanes", 0),
        ("log_lanes", 65),
        ("edge", "yes"),
        ("issuer", "http://id.muniment.example"),
        ("issuer", "https://id.muniment.example/"),
        ("issuer", "https://localhost"),
        ("mail_from", "Muniment <no-reply@muniment.example>"),
        ("mail_from", "no-reply@localhost"),
        ("mail_from", "no-reply"),
        ("mail_from", "a\r\nbcc: b@muniment.example"),
        ("mail_from", "no-reply@" + "long." * 60 + "example"),
        ("public_origin", "http://id.muniment.example"),
        ("public_origin", "https://id.muniment.example/console"),
        ("allowed_origins", "*"),
        ("allowed_origins", "https://id.muniment.example,null"),
        ("allowed_origins", "https://id.muniment.example,"),
        ("edge_domain", "id.muniment.example"),
        ("edge_certificate_arn", "arn:aws:acm:eu-central-1:111122223333:certificate/x"),
    ],
)
def test_production_refuses_an_absurd_setting(name: str, value: object) -> None:
    with pytest.raises(UnsoundSetting, match="context"):
        Stage.production({**STATED, name: value})


def test_a_certificate_of_another_region_than_cloudfronts_is_refused() -> None:
    arn = "arn:aws:acm:eu-central-1:111122223333:certificate/x"
    with pytest.raises(UnsoundSetting, match="us-east-1"):
        Stage.production({**STATED, "edge_domain": "id.muniment.example", "edge_certificate_arn": arn})


def test_a_trial_under_governance_may_be_short() -> None:
    stage = Stage.production({**STATED, "vault_lock_mode": "GOVERNANCE", "vault_retention_days": 1})
    assert stage.vault_lock == Lock("GOVERNANCE", 1)


def test_the_cli_passes_settings_as_text() -> None:
    stage = Stage.production({**STATED, "vault_retention_days": "2557", "edge": "false"})
    assert (stage.vault_lock.days, stage.edge) == (2557, False)


def test_a_domain_comes_with_its_certificate() -> None:
    arn = "arn:aws:acm:us-east-1:111122223333:certificate/x"
    stage = Stage.production({**STATED, "edge_domain": "id.muniment.example", "edge_certificate_arn": arn})
    assert stage.domain == CustomDomain("id.muniment.example", arn)


def test_the_context_of_cdk_json_states_everything_that_production_needs() -> None:
    stage = Stage.production(deployment_context())
    assert (stage.runtime, stage.architecture, stage.protected) == ("python3.13", "arm64", True)


def test_the_app_command_of_cdk_json_names_no_place_of_one_machine() -> None:
    command = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["app"]
    assert not command.startswith("/")
    assert str(ROOT) not in command


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_the_local_stage_runs_on_this_interpreter_and_lets_everything_go(machine: str, architecture: str) -> None:
    stage = Stage.local(python=(3, 12), machine=machine)
    assert (stage.runtime, stage.architecture) == ("python3.12", architecture)
    assert stage.vault_lock == stage.exports_lock == Lock("GOVERNANCE", 1)
    assert (stage.protected, stage.edge) == (False, False)


def test_the_issuer_is_where_links_lead_and_pages_come_from_unless_other_origins_are_stated() -> None:
    stage = Stage.production(STATED)
    assert (stage.public_origin, stage.allowed_origins) == (STATED["issuer"], (STATED["issuer"],))
    console, other = "https://console.muniment.example", "https://app.muniment.example"
    stated = {**STATED, "public_origin": console, "allowed_origins": f"{console}, {other}"}
    stage = Stage.production(stated)
    assert (stage.public_origin, stage.allowed_origins) == (console, (console, other))


def test_the_local_stage_takes_pages_of_any_port_of_this_machine() -> None:
    local = "http://127.0.0.1", "http://muniment.localhost", "https://muniment.localhost"
    assert Stage.local().allowed_origins == local


def test_a_key_is_published_for_a_day_before_it_signs_and_signs_for_a_quarter() -> None:
    for stage in (Stage.production(STATED), Stage.local()):
        assert stage.signing_key_publish_seconds == 86_400
        assert stage.signing_key_rotation_seconds == 90 * 86_400


def test_what_was_ended_for_security_stays_as_long_as_the_log() -> None:
    for stage in (Stage.production(STATED), Stage.local()):
        assert stage.security_retention_seconds >= stage.audit_log_ttl_seconds


def test_rows_of_the_log_outlive_their_sealing_by_far_and_two_rounds_of_digests_over_every_lane() -> None:
    """An idle log is signed daily, into its lanes in turn; a turn that is lost to a writer costs one more round."""
    for stage in (Stage.production(STATED), Stage.local()):
        lives = stage.audit_log_ttl_seconds - EXPIRY_MARGIN_SECONDS
        assert lives > 2 * (MOST_LANES + 1) * 86_400
        assert lives > 1_000 * (
            stage.watermark_lag_seconds + 15 * 60
        )  # the alarm of the sealing lag rings after 15 minutes


def test_the_log_is_named_after_the_issuer_and_the_stage() -> None:
    assert Stage.production(STATED).log_origin == "id.muniment.example/prod"
    assert Stage.production(STATED).audience == "https://id.muniment.example/api"
