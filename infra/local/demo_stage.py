"""The stage with the demonstration's tenant in it: `python -m infra.local.demo_stage` is what `make up` runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.demo_tenant import demo_file, move_demo, read_demo, seed_demo
from infra.local.deploy import DeployFailed
from infra.local.record import Deployment
from infra.local.simulated_quarter import Quarter
from infra.local.stage import StageFailed, StageSettings, running, start


def bring_up(settings: StageSettings) -> tuple[Deployment, bool]:
    """Start the stage and seed it; gives the deployment, and whether this call started it."""
    fresh = running(settings.home) is None

    def seed(deployment: Deployment) -> None:
        if settings.keep and demo_file(settings.home).exists():
            move_demo(deployment, settings.home)  # the tenant was kept with the state
        else:
            seed_demo(deployment, Quarter.before(time.time()), settings.home)

    return start(settings, seed), fresh


def welcome(demo: Mapping[str, Any], where: Path) -> str:
    lines = [
        f"Open {demo['base_url']} in a browser and sign in to the organization {demo['tenant']}; the API is there too.",
        "",
        f"  {'role':8} {'e-mail':24} {'password':22} TOTP secret",
        *(
            f"  {role:8} {user['email']:24} {user['password']:22} {user['totp_secret']}"
            for role, user in demo["users"].items()
        ),
        "",
        f"The same is in {where}. `make demo` shows the product at work, `make down` stops the stage.",
    ]
    return "\n".join(lines)


def main() -> int:
    try:
        settings = StageSettings.from_environment(os.environ)
        _, fresh = bring_up(settings)
    except (StageFailed, DeployFailed) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    if not fresh:
        sys.stdout.write("The stage is running already.\n")
    sys.stdout.write(welcome(read_demo(demo_file(settings.home)), demo_file(settings.home)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
