"""What a bundle says of itself agrees with the catalogue that it was made by."""

from functions.evidence_pipeline.readme import LIMITS
from shared.audit.catalogue import load

SOFTWARE = {"RELEASE_DEPLOYED"}


def test_limits_deny_no_criterion_that_an_action_is_evidence_for() -> None:
    catalogue = load()
    (denial,) = (limit for limit in LIMITS if "CC9" in limit and "CC8.1" in limit)
    criteria = {name for action in catalogue.actions for name in catalogue.criteria(action, None)}
    assert denial.endswith("of CC9 nothing.")
    assert not [name for name in criteria if name.startswith("CC9.")]
    assert "no releases of the software" in denial
    assert not SOFTWARE & set(catalogue.actions)
    assert "CC8.1" in criteria
