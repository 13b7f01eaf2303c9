"""What the log of a tenant calls the operator of a deployment."""

from itertools import takewhile


def operator_name(arn: str) -> str:
    """Give an ARN up to the first part that is an address of somebody: names of users and sessions often are one."""
    return "/".join(takewhile(lambda part: "@" not in part, arn.split("/")))
