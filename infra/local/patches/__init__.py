"""What MiniStack does otherwise than AWS, corrected: one module a difference.

Each module says in its docstring what the vanilla engine does and what AWS does, declares the
private names it needs in `SEAMS`, and changes them in `apply()`. tests/local holds one test a
patch, which fails when that patch is left out.
"""

from collections.abc import Callable
from typing import NamedTuple

from infra.local.patches import (
    executions,
    function_environment,
    generated_secrets,
    http_api,
    key_conditions,
    kms_condition_keys,
    loopback_transport,
    mail_sender,
    multipart_lock,
    object_checksums,
    object_lock,
    parsed_once,
    persisted_locks,
    plain_requests,
    principal_arn,
    recorded_denials,
    runtime_client,
    s3_condition_keys,
    shared_code,
    stream_mapping,
    stream_positions,
    taking_turns,
    versioned_reads,
)
from infra.local.seams import EngineRefused, Seam, refuse_unless_known


class Patch(NamedTuple):
    """A correction that can be left out by name."""

    name: str
    seams: tuple[Seam, ...]
    apply: Callable[[], None]


PATCHES: tuple[Patch, ...] = tuple(
    Patch(module.__name__.rpartition(".")[2], module.SEAMS, module.apply)
    for module in (
        runtime_client,
        function_environment,
        http_api,
        stream_mapping,
        stream_positions,
        executions,
        taking_turns,
        object_lock,
        multipart_lock,
        persisted_locks,
        versioned_reads,
        object_checksums,
        generated_secrets,
        loopback_transport,
        s3_condition_keys,
        kms_condition_keys,
        mail_sender,
        principal_arn,
        recorded_denials,
        parsed_once,
        key_conditions,
        plain_requests,
        shared_code,
    )
)


def apply_all(left_out: frozenset[str] = frozenset()) -> None:
    """Check every seam, then apply every patch but those named in `left_out`.

    Raises EngineRefused, before anything is changed, when the installed package is not as known or
    there is no patch of such a name.
    """
    unknown = left_out - {patch.name for patch in PATCHES}
    if unknown:
        raise EngineRefused(f"there is no patch {', '.join(sorted(unknown))}")
    refuse_unless_known(seam for patch in PATCHES for seam in patch.seams)
    for patch in PATCHES:
        if patch.name not in left_out:
            patch.apply()
