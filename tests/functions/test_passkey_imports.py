"""WebAuthn is paid for by those who use it: no cold start of step-up loads it, nor a challenge that offers it."""

import subprocess
import sys

HEAVY = ("webauthn", "cbor2", "OpenSSL", "pyasn1")


def test_step_up_loads_webauthn_with_the_first_ceremony_and_not_before() -> None:
    program = (
        "import sys, functions.step_up.handler;"
        f"heavy = {HEAVY!r};"
        "print(sorted(name for name in heavy if name in sys.modules));"
        "import functions.step_up.ceremonies;"
        "print('webauthn' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert result.stdout.split("\n")[:2] == ["[]", "True"]
