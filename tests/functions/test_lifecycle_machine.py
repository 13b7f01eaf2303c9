"""The lifecycle machine with small counts; `make soak` runs the same one for longer."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.functions.estate import Estate
from tests.soak.lifecycle_machine import lived

SMALL = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_no_life_of_two_people_forks_a_token_outlives_a_revocation_or_changes_a_row_in_silence(
    estate: Estate,
) -> None:
    with lived(estate) as machine:
        run_state_machine_as_test(machine, settings=SMALL)
