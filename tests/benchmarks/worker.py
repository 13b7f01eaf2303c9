"""The measuring loop inside a process under test: orders on standard input, CPU seconds on the standard output it had.

Rules of this module
- Standard library only: it also runs in the environments of the peers.
- CPU is that of this process, all threads, user and system. Databases are other processes and do not count.
- An operation named `x.empty` is what driving `x` costs without its application; the report takes it off.
- What the application itself prints goes nowhere: an order gets exactly one line.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping

Operation = Callable[[], object]


def serve(prepare: Callable[[dict[str, str]], Mapping[str, Operation]], versions: Mapping[str, str]) -> None:
    """Answer orders until the input ends. The first line is for `prepare`, which gives the operations."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    operations = prepare(json.loads(sys.stdin.readline()))
    print(json.dumps({"versions": dict(versions)}), file=answers)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(_measured(operations[order["operation"]], order["count"])), file=answers)


def _measured(operation: Operation, count: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        operation()
    return {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
