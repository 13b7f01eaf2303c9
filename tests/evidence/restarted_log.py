"""A log whose table was lost, and which started again as the next epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from shared.audit.canonical import canonical
from tests.evidence.bundle_builder import (
    Files,
    Statement,
    World,
    link,
)


def ended(world: World) -> tuple[Statement, Files]:
    """Say how the epoch of `world` ended: `meta` of the next one's first event, and the digest that it names."""
    digests = world.digests()
    link(digests)
    raw, digest = canonical(digests[-1]), digests[-1]
    name = f"integrity/epoch/{digest['no']:012d}.json"
    sealed = {"segment": 6, "size": digest["tree"]["size"], "root": digest["tree"]["root"], "lanes": digest["lanes"]}
    named = {"no": digest["no"], "sha256": hashlib.sha256(raw).hexdigest()}
    meta = {"previous_epoch": world.epoch, "reason": "table_lost", "digest": named, "sealed": sealed}
    return meta, {name: raw, f"{name}.sig": world.ledger.sign(raw)}


def second_epoch(log: World, edit: Callable[[Statement], object] = lambda _: None, **world: object) -> World:
    meta, files = ended(log)
    edit(meta)
    given = {"restart": meta, "ended": files, "ledger": log.ledger, "evidence": log.evidence, **world}
    return World(epoch=2, lanes=("0",), **given)  # type: ignore[arg-type]  # one of World's fields each
