"""One step of the evidence pipeline in a process of its own, as Lambda runs it, over a folder instead of S3.

    python -m tests.benchmarks.pipeline_step FOLDER STEP STATE

Prints what the step gives, its CPU seconds, and the memory of the process: before the step, with everything imported,
and at its most. The functions read their settings from the environment.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

from functions.evidence_pipeline import handler as pipeline
from tests.benchmarks.folder_s3 import FolderS3


def main() -> None:
    folder, step, state = sys.argv[1:]
    s3 = FolderS3(Path(folder))
    cast("Any", pipeline)._s3 = lambda: s3
    loaded, began = _peak(), time.process_time()
    given = getattr(pipeline, step)(json.loads(state), None)
    spent = time.process_time() - began
    print(json.dumps({"given": given, "seconds": spent, "loaded_mb": loaded, "peak_mb": _peak()}), flush=True)
    os._exit(0)  # nothing of the clients is worth closing


def _peak() -> float:
    """Read the peak of this program: `ru_maxrss` would count what its parent was before it began."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    main()
