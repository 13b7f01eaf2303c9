"""The one registry of names and settings: field of a Settings class -> value.

Functions get from it what their Settings class asks for, and every entry is an output of the stack, so that the local
stage and `make tenant` read the same names. No secret stands in it: secrets are named by ARN.
"""

from collections.abc import Mapping

import aws_cdk as cdk

from infra.concerns import CONCERNS
from infra.constructs.grants import Estate
from infra.stage import Stage


def registry_of(stage: Stage, estate: Estate) -> dict[str, str]:
    """Unite the names of the resources with the settings of the stage, all as environment text."""
    return {**_resources(estate), **_settings(stage), **_schedules()}


def _resources(estate: Estate) -> Mapping[str, str]:
    return {
        **{f"{name}_table": table.table_name for name, table in estate.tables.items()},
        **{f"{name}_bucket": bucket.bucket_name for name, bucket in estate.buckets.items()},
        **{f"{name}_key_id": key.key_id for name, key in estate.keys.items()},
        "ledger_key_ids": ",".join(key.key_id for key in (*estate.earlier_ledger_keys, estate.keys["ledger"])),
        "origin_secret_arn": estate.origin_secret.secret_arn,
        "introspection_secret_arn": estate.introspection_secret.secret_arn,
        "event_bus_name": estate.event_bus.event_bus_name,
        "deployment_region": cdk.Aws.REGION,
    }


def _schedules() -> Mapping[str, str]:
    """Give the periods that policies speak of."""
    told = {"audit_seal", "audit_digest", "audit_verify", "cleanup"}
    return {f"{each.name}_minutes": str(each.every_minutes) for each in CONCERNS if each.name in told}


def _settings(stage: Stage) -> Mapping[str, str]:
    numbers = {
        "log_epoch": stage.log_epoch,
        "log_lanes": stage.log_lanes,
        "watermark_lag_seconds": stage.watermark_lag_seconds,
        "writer_give_up_seconds": stage.writer_give_up_seconds,
        "audit_log_ttl_seconds": stage.audit_log_ttl_seconds,
        "security_retention_seconds": stage.security_retention_seconds,
        "signing_key_rotation_seconds": stage.signing_key_rotation_seconds,
        "signing_key_publish_seconds": stage.signing_key_publish_seconds,
        "access_token_seconds": stage.access_token_seconds,
        "refresh_idle_seconds": stage.refresh_idle_seconds,
        "refresh_absolute_seconds": stage.refresh_absolute_seconds,
        "concurrency_window_seconds": stage.concurrency_window_seconds,
        "lost_response_window_seconds": stage.lost_response_window_seconds,
        "max_replays": stage.max_replays,
        "exports_retention_days": stage.exports_lock.days,
        "vault_retention_days": stage.vault_lock.days,
    }
    return {
        **{name: str(number) for name, number in numbers.items()},
        "log_name": stage.log_name,
        "log_origin": stage.log_origin,
        "edge_required": "true" if stage.edge else "false",
        "loopback_issuers": "true" if stage.loopback_issuers else "false",
        "issuer": stage.issuer,
        "audience": stage.audience,
        "public_origin": stage.public_origin,
        "allowed_origins": ",".join(stage.allowed_origins),
        "mail_from": stage.mail_from,
        "tsa_url": stage.time_stamping.url,
        "tsa_roots": stage.time_stamping.roots,
        "software_version": stage.software_version,
        "stage_name": stage.name,
        "vault_lock_mode": stage.vault_lock.mode,
        "exports_lock_mode": stage.exports_lock.mode,
    }
