"""Step Functions -> one step of a bundle; EventBridge -> the bad end of an execution; schedule -> overdue exports."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from functions.evidence_pipeline.assemble import Assembler
from functions.evidence_pipeline.closing import Finisher
from functions.evidence_pipeline.integrity_file import IntegrityFiles
from functions.evidence_pipeline.manifest import ManifestMaker
from functions.evidence_pipeline.plan import PLAN, Planner, segments_name
from functions.evidence_pipeline.render import Renderer
from functions.evidence_pipeline.settings import (
    AssembleSettings,
    FailSettings,
    FinishSettings,
    ManifestSettings,
    PlanSettings,
    RenderSettings,
)
from shared.audit.catalogue import load
from shared.evidence.evidence_row import Discloser
from shared.evidence.s3_archive import Retention, S3Archive, Workbench
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.store.exports import Progress
from shared.store.subject_keys import salts_of
from shared.store.tenants import get_tenant, serve_each, tenant_ids
from shared.store.transaction import Ledger
from shared.store.wire import Wire

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

State = dict[str, Any]
logger = Logger(service="evidence_pipeline")


@functools.cache
def _s3() -> S3Client:
    return boto3.client("s3", config=Config(max_pool_connections=24))  # the assembly reads and sends in parallel


@functools.cache
def _kms() -> KMSClient:
    return boto3.client("kms")


@functools.cache
def _dynamodb() -> Wire:
    return Wire.from_environment("dynamodb", os.environ)


@functools.cache
def _data_keys(key_id: str) -> DataKeys:
    return DataKeys(SecretSealer(Wire.from_environment("kms", os.environ), key_id))


def _workbench(bucket: str, state: Mapping[str, Any]) -> Workbench:
    return Workbench(_s3(), bucket, state["tenant"], state["export_id"])


def plan(state: State, _context: object) -> State:
    settings = from_environment(PlanSettings, os.environ)
    vault = LockedBucket(_s3(), settings.vault_bucket)
    planner = Planner(_dynamodb(), vault, _workbench(settings.exports_bucket, state), settings, time.time)
    return planner.plan(state["tenant"], state["export_id"])


def render(state: State, _context: object) -> State:
    settings = from_environment(RenderSettings, os.environ)
    tenant_id, shard = state["tenant"], state["shard"]
    progress = _progress(settings.exports_table, state)
    workbench = _workbench(settings.exports_bucket, state)
    tenant = get_tenant(_dynamodb(), settings.tenants_table, tenant_id)
    if tenant is None:
        raise RuntimeError(f"tenant {tenant_id} does not exist")
    personal_data = _data_keys(settings.data_key_id).personal_data(tenant_id, tenant["data_key_sealed"])
    salts = salts_of(_dynamodb(), settings.subject_keys_table, tenant_id)
    renderer = Renderer(
        vault=LockedBucket(_s3(), settings.vault_bucket),
        workbench=workbench,
        catalogue=load(),
        discloser=Discloser(personal_data, salts),
        told=functools.partial(progress.more, "render", shard),
    )
    document, segments = (json.loads(workbench.read(name)) for name in (PLAN, segments_name(shard)))
    progress.whole("render", shard, renderer.render(document, segments, shard))
    return {"shard": shard}


def manifest(state: State, _context: object) -> State:
    settings = from_environment(ManifestSettings, os.environ)
    _progress(settings.exports_table, state).begin("manifest", 1)
    vault = LockedBucket(_s3(), settings.vault_bucket)
    maker = ManifestMaker(
        workbench=_workbench(settings.exports_bucket, state),
        integrity=IntegrityFiles(vault, settings.log_name, settings.log_epoch),
        signer=Signer(_kms(), settings.evidence_key_id),
        catalogue=load(),
        settings=settings,
    )
    maker.make()
    return _ids(state)


def assemble(state: State, _context: object) -> State:
    settings = from_environment(AssembleSettings, os.environ)
    progress = _progress(settings.exports_table, state)
    retention = Retention.of(settings.vault_lock_mode, settings.exports_retention_days)
    assembler = Assembler(
        workbench=_workbench(settings.exports_bucket, state),
        archive=S3Archive(_s3(), settings.exports_bucket, retention, time.time()),
        exports=LockedBucket(_s3(), settings.exports_bucket),
        progress=progress,
    )
    assembler.assemble(state["tenant"], state["export_id"])
    return _ids(state)


def finish(state: State, _context: object) -> State:
    settings = from_environment(FinishSettings, os.environ)
    finisher = _finisher(settings)
    workbench = _workbench(settings.exports_bucket, state)
    finisher.finish(state["tenant"], state["export_id"], workbench)
    return _ids(state)


def fail(event: State, _context: object) -> State:
    """Take a step's error, an execution that ended without finishing, or the schedule's sweep."""
    settings = from_environment(FailSettings, os.environ)
    finisher = _finisher(settings)
    if event.get("sweep"):
        tenants = tenant_ids(_dynamodb(), settings.tenants_table)
        return {"failed": serve_each(tenants, lambda tenant: _sweep(finisher, tenant))}
    if "detail" in event:  # EventBridge: Step Functions Execution Status Change
        error = {"Error": f"EXECUTION_{event['detail']['status']}", "Cause": ""}
        event = {**json.loads(event["detail"]["input"]), "error": error}
    error = event.get("error", {})
    name = str(error.get("Error", "States.TaskFailed"))
    logger.error("export failed", extra={"export_id": event["export_id"], "error": error})
    return {"failed": finisher.fail(event["tenant"], event["export_id"], name)}


def _sweep(finisher: Finisher, tenant: str) -> int:
    return sum(finisher.fail(tenant, export_id, "DEADLINE_PASSED") for export_id in finisher.overdue(tenant))


def _finisher(settings: FinishSettings | FailSettings) -> Finisher:
    ledger = Ledger(_dynamodb(), settings, time.time)
    return Finisher(_dynamodb(), ledger, settings.exports_table, time.time)


def _progress(table: str, state: State) -> Progress:
    return Progress(_dynamodb(), table, state["tenant"], state["export_id"])


def _ids(state: State) -> State:
    return {"tenant": state["tenant"], "export_id": state["export_id"]}
