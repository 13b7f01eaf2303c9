"""What the adopter's own APIs ask."""

from typing import Final

from infra.concern import Concern

AUTHORIZER: Final = "authorizer"
OWN_APIS: Final[tuple[Concern, ...]] = (
    Concern(
        name=AUTHORIZER,
        layer="hot",
        memory_mb=512,
        timeout_seconds=8,  # API Gateway gives up after 10
        tables={
            "tenants": ("BatchGetItem",),
            "tenant_staff": ("BatchGetItem",),
            "user_sessions": ("BatchGetItem",),
            "signing_keys": ("Query",),
            "ip_rules": ("Query",),
        },
        reads_origin_secret=True,
    ),
)
