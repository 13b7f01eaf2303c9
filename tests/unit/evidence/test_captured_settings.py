"""What the planning step keeps of the settings: all that a bundle's documents are written from."""

import json
import zlib
from typing import Any, cast

from functions.evidence_pipeline.document_file import KEPT, LIFECYCLE, POLICIES, QUESTIONS, capture, document_files
from functions.evidence_pipeline.population import Population
from shared.audit.catalogue import load
from shared.audit.moment import rfc3339
from shared.edge.routes import ROUTES
from shared.evidence.documents.facts import facts_of, ground_of
from shared.evidence.documents.sentences import Facts
from shared.evidence.documents.terms import DeploymentTerms
from shared.evidence.documents.texts import together
from shared.evidence.s3_archive import Workbench

TERMS = DeploymentTerms(
    86_400, 604_800, 10, 60, 3, 300, 604_800, 7_776_000, "COMPLIANCE", 365, "GOVERNANCE", 30, *[60] * 4
)
CHANGED = {"policy": {"step_up_score": 44}, "policy_version": 7, "policy_changed_at": 1_700_000_000}
TENANT = {"tenant": "acme", "created_at": 1, **CHANGED}
NOW = 1_800_000_000.0
PLAN = {
    "documents": KEPT,
    "resolved": {"from": rfc3339(0), "to_exclusive": rfc3339(1)},
    "closing": {"no": 1, "tree_size": 1, "to": rfc3339(1)},
    "requested": {"format": "csv"},
}


class Bench:
    def __init__(self) -> None:
        self.pieces: dict[str, bytes] = {}

    def write(self, name: str, body: bytes) -> None:
        self.pieces[name] = body


def captured(row: dict[str, Any]) -> bytes:
    bench = Bench()
    assert capture(cast("Workbench", cast("Any", bench)), row, TERMS, NOW) == KEPT
    assert list(bench.pieces) == [KEPT]
    return bench.pieces[KEPT]


def test_a_step_that_is_repeated_keeps_the_same_bytes() -> None:
    body = captured(TENANT)
    flags = json.loads(body)["flags"]
    assert body == captured(TENANT)
    assert flags == sorted(flags) != []


def test_what_is_kept_is_all_that_is_in_force() -> None:
    kept = json.loads(captured(TENANT))
    facts = facts_of(ground_of(TENANT, TERMS, load(), ROUTES, NOW))
    assert Facts(**{**kept, "flags": frozenset(kept["flags"])}) == facts
    assert (kept["settings_version"], kept["since"]) == (7, rfc3339(1_700_000_000))


def test_documents_are_written_from_what_was_kept_and_say_by_which_settings() -> None:
    kept = json.loads(captured(TENANT))
    files = {each.path: each for each in document_files(PLAN, lambda _: kept, Population(0, {}, ()), load())}
    assert list(files) == [LIFECYCLE, POLICIES, QUESTIONS]
    for each in files.values():
        assert each.facts == {"derivable": False, "settings_version": 7, "settings_since": rfc3339(1_700_000_000)}
    text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(cast("bytes", files[POLICIES].pieces[0].body))
    assert text == together(facts_of(ground_of(TENANT, TERMS, load(), ROUTES, NOW)), load()).encode()
