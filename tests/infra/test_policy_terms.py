"""What the published policies say of a deployment is what its functions are told."""

import pytest

from shared.evidence.documents.terms import DeploymentTerms
from shared.runtime.settings import from_environment
from tests.architecture.published import terms
from tests.infra.template import Template


@pytest.mark.parametrize("name", ["policies", "evidence_plan"])
def test_published_terms_are_those_of_the_environment(production: Template, name: str) -> None:
    (variables,) = (
        each["Properties"]["Environment"]["Variables"]
        for each in production.resources("AWS::Lambda::Function").values()
        if each["Properties"]["Description"] == f"Muniment: {name}"
    )
    texts = {key: value for key, value in variables.items() if isinstance(value, str)}
    assert from_environment(DeploymentTerms, texts) == terms()
