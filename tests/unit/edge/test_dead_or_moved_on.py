"""A move that did not commit: what is dead is refused, what moved on is decided anew."""

from typing import Any

import pytest

from shared.edge.moved_session import refuse_dead
from shared.edge.problem import Refused
from shared.store.transaction import Acting, Refuted

ACTING = Acting("acme", "u_1", "s_1", 3, "admin")
ALIVE: dict[str, Any] = {"status": "ACTIVE", "session_version": 3}


@pytest.mark.parametrize(
    "failed",
    [
        {"acting_session": None},
        {"acting_session": {**ALIVE, "status": "REVOKED"}},
        {"acting_session": {**ALIVE, "session_version": 4}},
        {"acting_session": {**ALIVE, "pending_challenge": {"challenge_id": "c"}}},
        {"acting_gate": {"status": "ACTIVE", "session_version": 4, "role": "admin"}},
        {"acting_gate": None},
        {"acting_session": ALIVE, "acting_gate": {"status": "DEACTIVATED"}},
    ],
)
def test_dead_session_or_gate_is_refused(failed: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        refuse_dead(Refuted(failed), ACTING)
    assert refusal.value.code == "invalid_token"


@pytest.mark.parametrize("failed", [{"acting_session": ALIVE}, {"refresh_token": None}, {"password": {"hash": "h"}}])
def test_living_session_whose_rows_moved_on_is_not_refused(failed: dict[str, Any]) -> None:
    refuse_dead(Refuted(failed), ACTING)
