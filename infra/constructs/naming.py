"""What a construct is called in the template."""

import aws_cdk as cdk
from constructs import Construct


def logical_id(construct: Construct) -> str:
    """Give the name of a construct's own resource in the template: cdk-nag's findings speak of it."""
    resource = construct.node.default_child
    if not isinstance(resource, cdk.CfnElement):
        raise TypeError(f"{construct.node.path} has no resource of its own")
    return cdk.Stack.of(construct).get_logical_id(resource)
