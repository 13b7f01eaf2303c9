"""What is in force for a tenant at one moment: its settings, and the weight and mode of each signal of the risk."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.risk import ENFORCE, OBSERVE, RULES
from shared.domain.security_policy import CHOICES, NUMBERS, SecurityPolicy


@dataclass(frozen=True, slots=True)
class InForce:
    """`modes` are those of the moment, `lasting_modes` those that hold once a new tenant's geography is enforced."""

    version: int
    plain: Mapping[str, int | str]
    weights: Mapping[str, int]
    modes: Mapping[str, str]
    lasting_modes: Mapping[str, str]


def in_force(policy: SecurityPolicy, *, geography_observed: bool) -> InForce:
    lasting = {rule.name: policy.risk_modes.get(rule.name, ENFORCE) for rule in RULES}
    observed = {
        rule.name: OBSERVE
        for rule in RULES
        if geography_observed and rule.geographic and rule.name not in policy.risk_modes
    }
    return InForce(
        version=policy.version,
        plain={field.name: getattr(policy, field.name) for field in (*NUMBERS, *CHOICES)},
        weights={rule.name: policy.risk_weights.get(rule.name, rule.points) for rule in RULES},
        modes={**lasting, **observed},
        lasting_modes=lasting,
    )
