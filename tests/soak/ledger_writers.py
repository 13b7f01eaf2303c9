"""20,000 events of one tenant by 16 environments that die at random, with the real sealer beside them.

    python -m tests.soak.ledger_writers

`EVENTS` and `WRITERS` change the counts. Prints what happened; the exit code is 1 when anything is missing, twice, out
of order or half written.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from shared.store.audit_logs import LANE_OPENED
from tests.embedded_aws import running_engine
from tests.functions.archive import Archive
from tests.functions.estate import Estate, MovableClock
from tests.functions.ledger_campaign import Campaign

EVENTS: Final = 20_000
WRITERS: Final = 16
DEATHS: Final = 1.0  # of each of the three kinds, of a hundred commits


def main() -> int:
    events, writers = int(os.environ.get("EVENTS", EVENTS)), int(os.environ.get("WRITERS", WRITERS))
    seed = time.time_ns()
    with tempfile.TemporaryDirectory() as folder, running_engine(Path(folder)) as engine:
        estate = Estate(engine.endpoint, MovableClock())
        archive = Archive(estate)
        campaign = Campaign(archive, writers=writers, deaths=DEATHS)
        told = campaign.run(events, seed)
        faults, sealed = campaign.faults(told), campaign.sealed()
        archive.close()
        estate.close()
    report = {
        "seed": seed,
        "writers": writers,
        "acknowledged": len(told.acknowledged),
        "unknown": len(told.unknown),
        "sealed": len(sealed),
        "lanes": len({event.lane for event in sealed}),
        "openings": sum(event.action == LANE_OPENED for event in sealed),
        "seconds": round(told.seconds, 1),
        "events_per_second": round(len(sealed) / told.seconds, 1),
        **told.ends,
        "faults": faults[:20],
    }
    print(json.dumps(report, indent=1))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
