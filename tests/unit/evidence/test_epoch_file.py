"""The digest that explains a restart goes into the bundles that hold the restart, and into no others."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import pytest

from functions.evidence_pipeline.epoch_file import epoch_files
from shared.audit.epoch import Ending, epoch_started
from shared.audit.event import GENESIS, Actor, Draft, Position, compose
from shared.evidence.segment import pack, parse
from shared.evidence.vault import LockedBucket

OPERATOR = Actor("system", "operator")
SEGMENT = {"key": "segment", "version_id": "v"}
HASH = hashlib.sha256(b"{}").hexdigest()
LAST_DIGEST = "log/v1/prod/t_acme/1/digest/000000000093.json"


class Vault:
    """Holds the first segment of epoch 2 and the last digest of epoch 1."""

    def __init__(self, first: Draft) -> None:
        line = compose(first, Position("prod", "t_acme", 2, "0", 1, GENESIS), "2026-10-01T00:00:00.000Z")
        self.objects = {"segment": pack([parse(line.text.encode())]), LAST_DIGEST: b"{}", f"{LAST_DIGEST}.sig": b"s"}

    def read(self, key: str, _version: str | None = None) -> bytes:
        return self.objects[key]


def files(first: Draft, *, segment: bool = True, **plan: Any) -> list[str]:
    given = {"tenant": {"id": "t_acme"}, "opening": None, **plan}
    vault = cast("LockedBucket", Vault(first))
    return [file.path for file in epoch_files(vault, "prod", given, SEGMENT if segment else None)]


def restart(digest: tuple[int, str] | None) -> Draft:
    return epoch_started("t_acme", Ending(1, digest), "table_lost", OPERATOR, 1_790_000_000.0)


@pytest.mark.parametrize("opening", [None, {"no": 1, "tree_size": 0}])
def test_a_range_that_begins_with_the_restart_carries_the_digest_before(opening: dict[str, int] | None) -> None:
    path = "integrity/epoch/000000000093.json"
    assert files(restart((93, HASH)), opening=opening) == [path, f"{path}.sig"]


def test_other_ranges_carry_none() -> None:
    assert files(restart((93, HASH)), opening={"no": 7, "tree_size": 1}) == []
    assert files(restart((93, HASH)), segment=False) == []
    assert files(restart(None)) == []


def test_digest_that_is_not_the_one_that_the_restart_names_stops_the_bundle() -> None:
    with pytest.raises(RuntimeError, match="is not the digest that the epoch starts from"):
        files(restart((93, "0" * 64)))
