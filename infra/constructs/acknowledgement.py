"""Findings of cdk-nag that stand, each on the construct it speaks of and with its reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Accept the findings of `reasons` (id to reason) on `construct` and what stands below it."""
    for finding, reason in sorted(reasons.items()):
        Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
