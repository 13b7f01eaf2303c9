"""`impersonations`: who acted in whose name, when and why; one row each, kept like the sessions that they were.

| attribute | what it holds |
| --- | --- |
| `tenant` / `impersonation_id` | a ULID, so that the newest come last; also the id of its session in `user_sessions` |
| `actor`, `actor_session`, `actor_role` | the real person |
| `target`, `target_role` | in whose name |
| `mode`, `reason`, `ticket` | as they were given; `ticket` is absent where none was |
| `status` | ACTIVE, then ENDED for good |
| `started_at`, `expires_at`, `ended_at` | Unix seconds |
| `cause` | why it ended |
| `ttl` | Unix seconds |

Whether it still counts is decided by the rows of both people with each request, never by `status`: that one only says
whether its end has been told.
"""

from shared.store.item import update
from shared.store.transaction import Acting, acting_session_clauses, acting_session_key
from shared.store.wire import JsonService, ServiceError


def count_request(dynamodb: JsonService, user_sessions_table: str, acting: Acting, now: int) -> None:
    """Count a request that was let in, in the session of the impersonation. One unaudited write, as `touch` is.

    A lost race counts nothing. Raises `Unavailable`.
    """
    item = update(
        user_sessions_table,
        acting_session_key(acting),
        *acting_session_clauses(acting),
        set_={"last_seen_at": now},
        add={"requests": 1},
        label="touch",
    )
    try:
        dynamodb.call("UpdateItem", dict(item.request))
    except ServiceError as refusal:
        if refusal.code not in {"ConditionalCheckFailedException", "TransactionConflictException"}:
            raise
