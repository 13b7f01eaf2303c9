"""The functions of the address rules: what administrators ask for, and what is settled by the clock."""

from typing import Final

from infra.concern import APPEND, GUARD, OPENS_DATA_KEY, Concern, united

ADDRESSES: Final[tuple[Concern, ...]] = (
    Concern(
        name="ip_rules",
        layer="hot",
        memory_mb=1024,  # a simulation opens many sealed addresses
        timeout_seconds=29,  # API Gateway gives up after 30
        tables=united(
            GUARD,
            {
                "tenants": ("UpdateItem",),
                "ip_rules": ("PutItem", "DeleteItem"),
                "subject_keys": ("Query",),
                "audit_seals": ("GetItem",),  # the lanes that are open
                "outbox": ("PutItem",),
            },
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="address_sweep",
        layer="hot",
        memory_mb=512,
        timeout_seconds=110,  # below its own period
        tables={
            "tenants": ("BatchGetItem", "Scan", "UpdateItem"),
            "ip_rules": ("Query", "PutItem", "DeleteItem"),
            "ip_denials": ("Scan", "DeleteItem"),
            "outbox": ("PutItem",),
            "audit_logs": APPEND,
        },
        every_minutes=2,
    ),
)
