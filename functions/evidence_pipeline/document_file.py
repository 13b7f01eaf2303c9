"""The documents of a bundle: policies, diagram and questions, by the settings in force when it was planned.

The planning step keeps the facts (`capture`), so that a step that is repeated writes the same. No event yields these
documents: they are the vendor's word, signed with the manifest. The counts are those of the bundle's own range.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from functions.evidence_pipeline.bundle_file import BundleFile, inline_file
from functions.evidence_pipeline.population import Population
from shared.audit.catalogue import Catalogue, load
from shared.edge.routes import ROUTES
from shared.evidence.documents.facts import facts_of, ground_of
from shared.evidence.documents.lifecycle import svg
from shared.evidence.documents.questions import Moment, answers, written
from shared.evidence.documents.sentences import Facts
from shared.evidence.documents.terms import DeploymentTerms
from shared.evidence.documents.texts import together
from shared.evidence.s3_archive import Workbench
from shared.store.attribute import Row

KEPT = "documents.json"  # beside the plan, which every worker reads
QUESTIONS, POLICIES, LIFECYCLE = "documents/questions.md", "documents/policies.md", "documents/lifecycle.svg"


def capture(workbench: Workbench, tenant: Row, terms: DeploymentTerms, now: float) -> str:
    """Keep what is in force for the tenant of this row; gives the name of the file, for the plan."""
    facts = facts_of(ground_of(tenant, terms, load(), ROUTES, now))
    workbench.write(KEPT, json.dumps({**facts._asdict(), "flags": sorted(facts.flags)}).encode())
    return KEPT


def document_files(
    plan: Mapping[str, Any], read: Callable[[str], Any], population: Population, catalogue: Catalogue
) -> Iterator[BundleFile]:
    """Make the documents; none of a plan that was made before there were any."""
    if "documents" not in plan:
        return
    kept = read(plan["documents"])
    facts = Facts(**{**kept, "flags": frozenset(kept["flags"])})
    stated = {"settings_version": facts.settings_version, "settings_since": facts.since}
    for path, text in (
        (LIFECYCLE, svg(facts)),
        (POLICIES, together(facts, catalogue)),
        (QUESTIONS, _questions(plan, population, catalogue, facts)),
    ):
        yield inline_file(path, text.encode(), **stated)


def _questions(plan: Mapping[str, Any], population: Population, catalogue: Catalogue, facts: Facts) -> str:
    resolved, closing = plan["resolved"], plan["closing"]
    digest = {"no": closing["no"], "tree_size": closing["tree_size"], "signed_at": closing["to"]}
    answered = answers(facts, population.by_action, Moment(digest=digest))
    remarks = [
        f"Events from {resolved['from']} up to, not including, {resolved['to_exclusive']}: those of this bundle.",
        "The settings are those of `generated.at` (manifest.json); what was changed before is in the log.",
    ]
    extension = plan["requested"]["format"]
    return written(
        answered, facts, remarks, {slug: f"`{each.path(extension)}`" for slug, each in catalogue.reports.items()}
    )
