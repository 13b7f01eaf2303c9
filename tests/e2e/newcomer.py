"""People of the demonstration's tenant whom no other test knows: nobody has spent a code of theirs."""

import contextlib

from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.estate import PASSWORD
from tests.running_stage import Stage


def newcomer(stage: Stage, role: str) -> dict[str, str]:
    """Make somebody, told of as in `demo.json`; where codes are spent, a test waits for the next half minute."""
    with contextlib.closing(StageEstate(stage)) as estate:
        person = estate.new_person(stage.demo["tenant"], role, totp=True)
    assert person.totp_secret is not None
    return {"email": person.email, "password": PASSWORD, "totp_secret": person.totp_secret, "staff_id": person.staff_id}
