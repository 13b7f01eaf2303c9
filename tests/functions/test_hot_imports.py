"""Cold starts: the hot functions load none of the heavy libraries, and `refresh` little at all (performance.md, P1)."""

import subprocess
import sys

import pytest

HEAVY = (
    "boto3",
    "isal",
    "msgspec",
    "botocore",
    "pydantic",
    "aws_lambda_powertools",
    "aws_xray_sdk",
    "jwt",
    "requests",
    "urllib3",
)
OFF_THE_PATH = frozenset(
    {
        # of the standard library: each costs a millisecond or more, and something lighter is at hand
        *(
            "http.client",
            "email",
            "urllib.parse",
            "datetime",
            "pathlib",
            "traceback",
            "ssl",
            "logging",
            "asyncio",
            "xml",
        ),
        "cryptography.hazmat.primitives.serialization",  # a reader of every kind of key: SSH, RSA, DSA and all
        # of ours: what only a risk, a challenge, an incident or a first factor needs
        *("shared.audit.personal_data", "shared.domain.familiarity", "shared.domain.history", "shared.domain.passkey"),
        *("shared.domain.risk", "shared.edge.blocking", "shared.edge.guard"),
        *("shared.edge.risk_challenge", "shared.store.histories", "shared.store.outbox", "shared.store.second_factors"),
        *("shared.store.session_ends", "shared.store.step_up_challenges", "shared.store.subject_keys"),
        *("functions.refresh.assessment", "functions.refresh.challenge", "functions.refresh.containment"),
    }
)
MOST_MODULES = 205  # the interpreter's own included; the peer of P1 loads five hundred
MOST_OF_THE_AUTHORIZER = 205  # it stands in front of every request of an adopter's API
SETTINGS = (
    "import os, functions.refresh.settings as s, typing\n"
    "hints = typing.get_type_hints(s.Settings)\n"
    "os.environ.update({name.upper(): {str: 'x', bool: 'true'}.get(kind, '60') for name, kind in hints.items()})\n"
    "os.environ.update(AWS_REGION='eu-central-1', ISSUER='https://id.example')\n"
)
WIRED = SETTINGS + "import functions.refresh.handler as refresh\nrefresh._wiring()\n"


def modules_after(program: str) -> set[str]:
    told = f"{program}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    return set(result.stdout.split())


def loaded_by(module: str) -> set[str]:
    return modules_after(f"import {module}") - modules_after("")


@pytest.mark.parametrize("concern", ["authorizer", "front", "login", "refresh", "sessions", "staff", "step_up"])
def test_hot_function_loads_no_heavy_library(concern: str) -> None:
    assert {name.partition(".")[0] for name in loaded_by(f"functions.{concern}.handler")}.isdisjoint(HEAVY)


def test_refresh_loads_neither_password_hashing_nor_totp() -> None:
    assert {name.partition(".")[0] for name in loaded_by("functions.refresh.handler")}.isdisjoint({"argon2", "pyotp"})


def test_refresh_is_ready_without_what_its_usual_path_never_needs() -> None:
    loaded = modules_after(WIRED) - modules_after("")
    assert loaded & OFF_THE_PATH == set()


def test_refresh_is_ready_with_few_modules() -> None:
    assert len(modules_after(WIRED)) <= MOST_MODULES


def test_authorizer_is_ready_with_few_modules_and_without_what_decides_nothing() -> None:
    program = WIRED.replace("refresh", "authorizer")
    loaded = modules_after(program) - modules_after("")
    assert loaded & {"shared.edge.guard", "shared.audit.personal_data", "ssl", "urllib.parse", "datetime"} == set()
    assert len(modules_after(program)) <= MOST_OF_THE_AUTHORIZER


def test_refresh_makes_no_tls_context_before_its_first_call() -> None:
    counting = "import ssl\nmade = []\nssl.create_default_context = lambda: made.append(1)\n"
    assert "made=0" in modules_after(f"{counting}{WIRED}print(f'made={{len(made)}}')")
