"""Settings from the environment, all faults at once."""

import importlib
from dataclasses import dataclass, fields

import pytest

from shared.runtime.settings import from_environment


@dataclass(frozen=True, slots=True)
class Example:
    exports_table: str
    log_epoch: int
    watermark_lag_seconds: float
    edge_required: bool


RIGHT = {
    "EXPORTS_TABLE": "exports",
    "LOG_EPOCH": "1",
    "WATERMARK_LAG_SECONDS": "2.5",
    "EDGE_REQUIRED": "false",
}


def test_fields_are_read_from_names_in_upper_case() -> None:
    assert from_environment(Example, {**RIGHT, "OTHER": "x"}) == Example("exports", 1, 2.5, edge_required=False)


def test_all_faults_stand_in_one_message() -> None:
    with pytest.raises(RuntimeError) as fault:
        from_environment(Example, {"LOG_EPOCH": "one", "EDGE_REQUIRED": "True", "WATERMARK_LAG_SECONDS": ""})
    message = str(fault.value)
    for part in ("EXPORTS_TABLE is missing", "LOG_EPOCH is not a whole number", "EDGE_REQUIRED is neither"):
        assert part in message
    assert "WATERMARK_LAG_SECONDS is not a number" in message


def test_empty_text_is_as_good_as_missing() -> None:
    with pytest.raises(RuntimeError, match="EXPORTS_TABLE is empty"):
        from_environment(Example, {**RIGHT, "EXPORTS_TABLE": " "})


@pytest.mark.parametrize("concern", ["front", "login", "refresh", "sessions", "step_up", "housekeeping"])
def test_settings_of_the_functions_have_no_defaults(concern: str) -> None:
    settings = importlib.import_module(f"functions.{concern}.settings").Settings
    with pytest.raises(RuntimeError) as fault:
        from_environment(settings, {})
    assert all(f"{field.name.upper()} is missing" in str(fault.value) for field in fields(settings))
