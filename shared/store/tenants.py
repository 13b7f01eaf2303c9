"""`tenants`: one row a tenant.

| attribute | what it holds |
| --- | --- |
| `tenant`, `name`, `status` | id, display name, `ACTIVE` |
| `data_key_sealed` | the tenant's data key as KMS GenerateDataKey sealed it, encryption context `{"tenant": id}` |
| `policy`, `policy_version` | settings that differ from the deployment's; the version grows with each change |
| `policy_changed_at` | Unix seconds of the last change; absent where none was noted |
| `created_at` | Unix seconds; the signals of geography only observe for the first two weeks |
| `ip_rules_version`, `ip_rules_due`, `ip_rules_suspended_at` | the address rules (shared/store/ip_rules.py) |
| `simulated` | `{"from", "to"}` where a demonstration wrote that interval; absent in every real tenant |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import absent, equals
from shared.store.item import Item, check, get, put, update
from shared.store.wire import JsonService

T = TypeVar("T")
OBSERVED_SECONDS = 14 * 86_400
_TOLD = 2_000  # characters; Lambda logs the message of a group and none of its members


def tenant_key(tenant: str) -> dict[str, str]:
    return {"tenant": tenant}


def get_tenant(dynamodb: JsonService, table: str, tenant: str) -> Row | None:
    """Read a tenant's row; `None` for an id that does not exist."""
    return get(dynamodb, table, tenant_key(tenant))


def new_tenant_item(
    table: str,
    tenant: str,
    *,
    name: str,
    data_key_sealed: bytes,
    created_at: int,
    simulated: dict[str, str] | None = None,
) -> Item:
    row: Row = {
        "tenant": tenant,
        "name": name,
        "status": "ACTIVE",
        "data_key_sealed": data_key_sealed,
        "policy": {},
        "policy_version": 1,
        "created_at": created_at,
    }
    if simulated:
        row["simulated"] = simulated
    return put(table, row, absent("tenant"), label="tenant")


def geography_observed(row: Row, now: float) -> bool:
    """Tell whether the tenant is so new that nobody can know where its people usually are."""
    return bool(now < row["created_at"] + OBSERVED_SECONDS)


def policy_since(row: Row) -> int | None:
    """Tell since when the tenant's settings are what they are; None where nobody noted it."""
    untouched = row["created_at"] if row["policy_version"] == 1 else None
    since: int | None = row.get("policy_changed_at", untouched)
    return since


def changed_policy(table: str, tenant: str, version: int, policy: Mapping[str, Any], at: int) -> Item:
    """Put `policy` in the place of the one of `version` (label "tenant"); refuted when another change came between."""
    return update(
        table,
        tenant_key(tenant),
        equals("status", "ACTIVE"),
        equals("policy_version", version),
        set_={"policy": dict(policy), "policy_version": version + 1, "policy_changed_at": at},
        label="tenant",
    )


def ip_rules_version(row: Row) -> int:
    """Give the number of changes that the tenant's address rules have seen; 0 where there never was a rule."""
    return int(row.get("ip_rules_version", 0))


def ip_rules_in_force(row: Row) -> int:
    """Give the version of the address rules that are enforced; 0 where none are: never made, or suspended."""
    return 0 if "ip_rules_suspended_at" in row else ip_rules_version(row)


def unchanged_policy(table: str, tenant: str, version: int) -> Item:
    """Check that the tenant is ACTIVE and goes by the policy that a decision relied on (label "tenant")."""
    clauses = equals("status", "ACTIVE"), equals("policy_version", version)
    return check(table, tenant_key(tenant), *clauses, label="tenant")


def tenant_ids(dynamodb: JsonService, table: str) -> Iterator[str]:
    """Walk all tenants of the deployment: scheduled work only, never a request."""
    request = {"TableName": table, "ProjectionExpression": "tenant", "ConsistentRead": True}
    while True:
        answer = dynamodb.call("Scan", request)
        for item in answer.get("Items", []):
            yield unmarshal(item)["tenant"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = marshal(unmarshal(answer["LastEvaluatedKey"]))


def serve_each(tenants: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
    """Do scheduled `work` for every tenant; one tenant's fault is raised only after all others were served."""
    results: dict[str, T] = {}
    faults: dict[str, Exception] = {}
    for tenant in tenants:
        try:
            results[tenant] = work(tenant)
        except Exception as fault:  # noqa: BLE001 - collected and raised below
            faults[tenant] = fault
    if faults:
        told = "; ".join(f"{tenant}: {type(fault).__name__}: {fault}" for tenant, fault in faults.items())
        raise ExceptionGroup(f"scheduled work failed: {told[:_TOLD]}", list(faults.values()))
    return results
