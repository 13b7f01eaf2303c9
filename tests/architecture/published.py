"""The policies and the diagram for whoever has set nothing, in a deployment by `cdk.json` as it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from infra.concerns import CONCERNS
from infra.stage import Stage, deployment_context
from shared.audit.catalogue import load
from shared.edge.routes import ROUTES
from shared.evidence.documents.facts import Ground, Served, facts_of, of_nobody
from shared.evidence.documents.lifecycle import svg
from shared.evidence.documents.sentences import Facts
from shared.evidence.documents.terms import DeploymentTerms
from shared.evidence.documents.texts import texts

FOLDER: Final = "docs/policies"


def terms() -> DeploymentTerms:
    """Give what the production stage says; tests/infra holds it against the environment in the template."""
    stage = Stage.production(deployment_context())
    locks = {
        "vault_lock_mode": stage.vault_lock.mode,
        "vault_retention_days": stage.vault_lock.days,
        "exports_lock_mode": stage.exports_lock.mode,
        "exports_retention_days": stage.exports_lock.days,
    }
    periods = {f"{concern.name}_minutes": concern.every_minutes for concern in CONCERNS}
    told: dict[str, Any] = locks | periods
    names = DeploymentTerms.__slots__
    return DeploymentTerms(**{name: told[name] if name in told else getattr(stage, name) for name in names})


def facts(
    own: Mapping[str, Any] | None = None, *, routes: Sequence[Served] = ROUTES, new: bool = False, **changed: Any
) -> Facts:
    """Give the facts of a tenant with settings of its `own`, in a deployment with terms `changed`."""
    deployed = replace(terms(), **changed)
    return facts_of(Ground(deployed.policy(own or {}, 1), deployed, load(), routes, geography_observed=new, since=0.0))


def published() -> Mapping[str, str]:
    """Give every file of the folder, by its path."""
    nobody = of_nobody(facts())
    documents = {f"{FOLDER}/{text.id}.md": text.markdown for text in texts(nobody, load())}
    return {**documents, f"{FOLDER}/lifecycle.svg": svg(nobody)}
