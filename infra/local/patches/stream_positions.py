"""A stream mapping reads on after a restart.

Vanilla persists how far each mapping has read but not the records of the stream, which start again
at position 0: everything written after a restart, up to the old position, is skipped. On AWS
nothing restarts. Here the old positions are dropped, so that a restored mapping starts with the
first record after the restart (records that were unread at the stop are lost; the sweeps of the
outbox and the sealing of the log do not depend on the stream).
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from ministack.services import lambda_svc

from infra.local.seams import Seam

_SERVICE = "ministack.services.lambda_svc"
SEAMS = (
    Seam(_SERVICE, "_restore_esm_positions", ("store", "positions")),
    Seam(_SERVICE, "_dynamodb_stream_positions", kind="AccountRegionScopedDict"),
)

_vanilla_restore = lambda_svc._restore_esm_positions


def _restore(store: object, positions: object) -> None:
    if store is not lambda_svc._dynamodb_stream_positions:
        _vanilla_restore(store, positions)


def apply() -> None:
    """Restore no position of a DynamoDB stream."""
    lambda_svc._restore_esm_positions = _restore
