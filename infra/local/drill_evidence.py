"""The bundles of the drill: the last one before the disaster, and those of the epochs behind it."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from infra.local.demo_client import UnexpectedAnswerError
from infra.local.demo_evidence import Evidence, line, say
from infra.local.drill_disaster import Estate
from infra.local.drill_people import Town
from infra.local.record import Deployment

_ATTEMPTS: Final = 5
UNEXPLAINED: Final = "unexplained restart"


class Proofs:
    def __init__(self, deployment: Deployment, town: Town, folder: Path) -> None:
        self._deployment, self._town, self._folder = deployment, town, folder

    def deployed(self, outputs: Mapping[str, str]) -> None:
        """Go on with another deployment of the same stack."""
        self._deployment = replace(self._deployment, outputs=dict(outputs))

    @property
    def _evidence(self) -> Evidence:
        return Evidence(self._deployment, self._folder / f"epoch-{self._deployment.outputs['LogEpoch']}")

    def bundle(self) -> Path:
        """Wait until all up to now is signed, and make a bundle of today."""
        return self._evidence.download(self._town.owner, self._user, self._export())

    def last_bundle(self, estate: Estate) -> Path:
        """Make a bundle that ends with the last digest that is signed before every function stands still."""
        for _ in range(_ATTEMPTS):
            made = self._export()
            estate.stop_signing()
            path = self._evidence.download(self._town.owner, self._user, made)
            if _last_digest(path) == estate.digest_number():
                estate.stop()
                return path
            say("  another digest was signed meanwhile: once more")
            estate.let_in()
        raise UnexpectedAnswerError("digests are signed faster than bundles are made")

    @property
    def _user(self) -> Mapping[str, str]:
        return {"totp_secret": self._town.totp_secret}

    def _export(self) -> tuple[str, dict[str, Any]]:
        self._town.owner.step_up(self._town.totp_secret)
        with line("what was done is sealed and signed"):
            self._evidence.await_signed(time.time())
        today = datetime.now(UTC).date().isoformat()
        return self._evidence.export(self._town.owner, today, today)

    def require_verified(self, path: Path, previous: Path | None = None) -> None:
        further = () if previous is None else ("--previous", str(previous))
        outcome = self._evidence.verifier(path, *further)
        if outcome.returncode != 0:
            raise UnexpectedAnswerError(f"the verifier says {outcome.returncode}:\n{outcome.stdout}")

    def require_unexplained(self, path: Path) -> str:
        """Give what the verifier says of a bundle of which nobody knows why its epoch began."""
        outcome = self._evidence.verifier(path)
        found = next((each for each in outcome.stdout.splitlines() if UNEXPLAINED in each), None)
        if outcome.returncode != 1 or found is None:
            raise UnexpectedAnswerError(f"the verifier says {outcome.returncode}:\n{outcome.stdout}")
        return found.strip()


def _last_digest(path: Path) -> int:
    """Read the number of the last digest that a bundle holds."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/digest" in name and name.endswith(".json")]
        numbers = [json.loads(archive.read(name))["no"] for name in names]
    if not numbers:
        raise UnexpectedAnswerError(f"{path.name} holds no digest")
    return int(max(numbers))
