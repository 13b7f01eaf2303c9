"""A log as the table holds it, whatever it holds: `log_tail` would refuse what an intruder has changed."""

import json
from typing import Any

from shared.store.attribute import Row
from shared.store.audit_logs import FIRST_LANE, LANE_OPENED, lane_key
from shared.store.condition import equals
from shared.store.item import query
from shared.store.wire import JsonService


def unchecked_events(dynamodb: JsonService, table: str, tenant: str) -> list[dict[str, Any]]:
    """Read the events of lane 0, then those of each lane that it opens."""

    def rows_of(lane: str) -> list[Row]:
        return list(query(dynamodb, table, equals("log_lane", lane_key(tenant, 1, lane))))

    first = [json.loads(row["line"]) for row in rows_of(FIRST_LANE)]
    opened = sorted({event["meta"]["lane"] for event in first if event["action"] == LANE_OPENED}, key=int)
    return [*first, *(json.loads(row["line"]) for lane in opened for row in rows_of(lane))]
