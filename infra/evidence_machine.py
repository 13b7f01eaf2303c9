"""The state machine that makes an evidence bundle, as data: plan, render, manifest, assemble, finish.

Rules of this module
- States carry ids, numbers and a key only; AWS allows 256 KB a state, and no row of evidence belongs into a history.
- One shard is rendered by one call. Several are the items of a Distributed Map, which reads the list of them out of the
  working folder: its machine's state does not grow with them, and what they answer is counted, not gathered.
"""

from collections.abc import Mapping
from typing import Any, Final

_WORKERS: Final = 40
MAP_LABEL: Final = "Shards"
LISTS: Final = "rendering/*/shards.json"  # functions/evidence_pipeline/plan.py writes them
_SEALING_ATTEMPTS: Final = 150
_FAULTS: Final = {
    # Faults of Lambda, and of the services behind a step; what else a handler raises is meant and not repeated.
    "ErrorEquals": [
        "Unavailable",
        "Contended",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.ClientExecutionTimeoutException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
}
# What a step answers is set aside. `None` would discard it, but CDK drops null members, and then it replaces the state.
_ANSWER: Final = "$.answer"
_EXPORT: Final = {"tenant.$": "$.tenant", "export_id.$": "$.export_id"}
# A worker that died or ran out of time, for a reason that may be gone; its next run overwrites what it left.
_DEATHS: Final = {
    "ErrorEquals": ["Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "Sandbox.TimedOut"],
    "IntervalSeconds": 5,
    "MaxAttempts": 2,
    "BackoffRate": 2,
}
_CATCH: Final = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "MarkFailed"}]


def definition(arns: Mapping[str, str], exports: str, sealing_wait_seconds: int) -> dict[str, Any]:
    """Compose the machine in Amazon States Language (JSONPath); `arns` maps a function's name to its ARN.

    `exports` is the bucket with the working folders. The plan's answer is the number of shards and the key of their
    list; what the other steps answer is set aside.
    """
    not_sealed_yet = {
        "ErrorEquals": ["NotSealedYetError"],
        "IntervalSeconds": sealing_wait_seconds,
        "MaxAttempts": _SEALING_ATTEMPTS,
        "BackoffRate": 1,
    }
    plan = _step(arns["evidence_plan"], "HowManyShards") | {
        "Retry": [not_sealed_yet, _FAULTS, _DEATHS],
        "ResultSelector": {"shards.$": "$.shards", "list.$": "$.list"},
        "ResultPath": "$.plan",
    }
    one_shard = {"Variable": "$.plan.shards", "NumericEquals": 1, "Next": "RenderOne"}
    render = arns["evidence_render"]
    return {
        "Comment": "One SOC 2 evidence bundle. Input: {tenant, export_id}.",
        "QueryLanguage": "JSONPath",
        "StartAt": "Plan",
        "States": {
            "Plan": plan,
            "HowManyShards": {"Type": "Choice", "Choices": [one_shard], "Default": "RenderAll"},
            "RenderOne": _step(render, "Manifest") | {"Parameters": _EXPORT | {"shard": 0}},
            "RenderAll": _render_all(render, exports, "Manifest"),
            "Manifest": _step(arns["evidence_manifest"], "Assemble"),
            "Assemble": _step(arns["evidence_assemble"], "Finish"),
            "Finish": _step(arns["evidence_finish"], "Done"),
            "Done": {"Type": "Succeed"},
            "MarkFailed": _mark_failed(arns["evidence_fail"]),
            "Failed": {"Type": "Fail", "Error": "ExportFailed", "Cause": "See the export's row"},
        },
    }


def _step(arn: str, following: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": arn,
        "Parameters": _EXPORT,
        "ResultPath": _ANSWER,
        "Retry": [_FAULTS, _DEATHS],
        "Catch": _CATCH,
        "Next": following,
    }


def _render_all(arn: str, exports: str, following: str) -> dict[str, Any]:
    # Each child's output is the number of its shard; the map's is how many there were.
    render = {
        "Type": "Task",
        "Resource": arn,
        "OutputPath": "$.shard",
        "Retry": [_FAULTS, _DEATHS],
        "End": True,
    }
    return {
        "Type": "Map",
        "Label": MAP_LABEL,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": exports, "Key.$": "$.plan.list"},
        },
        "ItemSelector": _EXPORT | {"shard.$": "$$.Map.Item.Value.shard"},
        "MaxConcurrency": _WORKERS,
        "ToleratedFailurePercentage": 0,
        "ItemProcessor": {
            # A worker may take longer than the five minutes of an express execution.
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Render",
            "States": {"Render": render},
        },
        "ResultSelector": {"rendered.$": "States.ArrayLength($)"},
        "ResultPath": _ANSWER,
        "Catch": _CATCH,
        "Next": following,
    }


def _mark_failed(arn: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": arn,
        "Parameters": _EXPORT | {"error.$": "$.error"},
        "ResultPath": _ANSWER,
        "Retry": [_FAULTS],
        "Next": "Failed",
    }
