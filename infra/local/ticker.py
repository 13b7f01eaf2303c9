"""What a schedule does in AWS, done every ten seconds: invoke functions, one after the other.

EventBridge's least rate is a minute, which is long for somebody who watches; so in the local stage
sealing and then the digest are invoked by this thread, and the housekeeping, the cleanup and the
evidence calendar, which are due less often, in every sixth of its rounds. A round begins ten seconds after the last one
began, or as soon as it ended when it took longer: rounds never overlap. A failure is logged and the
next function still has its turn.
"""

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.deploy import client

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 10.0
SELDOM_ROUNDS = 6
_LONGEST_FUNCTION_SECONDS = 900.0  # Lambda quotas: function timeout

Invoke = Callable[[str], str | None]


class Ticker:
    """Invokes `functions` in order, again and again; `invoke` gives the failure, or None.

    `seldom` are invoked in the first round and in every sixth after it, before the others.
    """

    def __init__(
        self,
        functions: Sequence[str],
        invoke: Invoke,
        period_seconds: float = PERIOD_SECONDS,
        seldom: Sequence[str] = (),
    ) -> None:
        self._functions = tuple(functions)
        self._seldom = tuple(seldom)
        self._invoke = invoke
        self._period_seconds = period_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_seconds: float = 5.0) -> None:
        """Begin no further invocation and wait for the one that runs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience_seconds)

    def _run(self) -> None:
        for number in itertools.count():
            if self._stopping.is_set():
                return
            began_at = time.monotonic()
            self._round((*self._seldom, *self._functions) if number % SELDOM_ROUNDS == 0 else self._functions)
            self._stopping.wait(max(0.0, self._period_seconds - (time.monotonic() - began_at)))

    def _round(self, functions: Sequence[str]) -> None:
        for function in functions:
            if self._stopping.is_set():
                return
            failure = self._invoke(function)
            if failure is not None:
                logger.warning("%s failed: %s", function, failure)


def invoker(endpoint: str) -> Invoke:
    """Invoke through the Lambda API of `endpoint`, with the event that EventBridge Scheduler sends."""
    # Never twice for one turn: a retry would run beside the invocation that was given up.
    functions = client("lambda", endpoint, attempts=1, read_seconds=_LONGEST_FUNCTION_SECONDS)

    def invoke(function: str) -> str | None:
        try:
            answer = functions.invoke(FunctionName=function, Payload=json.dumps({}))
        except (BotoCoreError, ClientError) as failed:
            return str(failed)
        payload: bytes = answer["Payload"].read()
        return payload.decode(errors="replace") if "FunctionError" in answer else None

    return invoke
