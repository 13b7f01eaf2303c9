"""The estate that our functions are measured on: an embedded AWS of the run's own, one tenant, and its people."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from functions.housekeeping.handler import handler as housekeeping
from functions.login.handler import handler as login_handler
from tests.benchmarks.ours import DEVICE, answer, event
from tests.embedded_aws import running_engine
from tests.functions.estate import ORIGIN_SECRET, PASSWORD, Estate, MovableClock, Person, in_environment


class Company:
    """One tenant. `environ` is what a function's process is given."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.tenant = estate.new_tenant()
        self.environ: Mapping[str, str] = {**estate.environ, "BENCHMARK_ORIGIN_SECRET": ORIGIN_SECRET}

    def new_person(self) -> Person:
        return self.estate.new_person(self.tenant)

    def signed_in(self) -> dict[str, str]:
        """Give the tokens of somebody new."""
        body = {"tenant": self.tenant, "email": self.new_person().email, "password": PASSWORD, "device_id": DEVICE}
        members: dict[str, Any] = answer(login_handler, event("POST /api/auth/login", body, {}))
        return {name: members[name] for name in ("access_token", "refresh_token")}

    def staff(self, count: int) -> dict[str, str]:
        """Make people who have never logged in; gives what a login needs."""
        emails = " ".join(self.new_person().email for _ in range(count))
        return {"tenant": self.tenant, "emails": emails, "password": PASSWORD}


@contextmanager
def running_company() -> Iterator[Company]:
    """Run the estate; the functions of this process are in it, too."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as folder, running_engine(Path(folder)) as engine:
        estate = Estate(engine.endpoint, MovableClock())
        before = in_environment({**estate.environ, "BENCHMARK_ORIGIN_SECRET": ORIGIN_SECRET})
        try:
            housekeeping({}, None)  # makes the key that signs access tokens
            yield Company(estate)
        finally:
            estate.close()
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
