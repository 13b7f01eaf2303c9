"""The one way in and out of a function that serves HTTP: an event becomes a request, an outcome a response.

Rules of this module
- One mapping of outcomes, here and nowhere else: `Refused` is what it says; a service that cannot be asked, refuses us,
  or lets others win for too long is 503 (fail closed: the caller may repeat, we claim nothing); all else is 500, a log
  that was tampered with by a code of its own.
- Neither response ever tells what broke; the log does.
- One structured line a request, without bodies, headers, addresses or tokens.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.edge.problem import Refused, auth_unavailable, log_broken
from shared.edge.reply import Reply, gateway_response, problem_reply
from shared.edge.request import Request, lower_headers, request_id_of, request_of
from shared.edge.viewer import OriginSecrets, viewer_of
from shared.runtime.log import Log, counted
from shared.store.audit_logs import BrokenLaneError
from shared.store.transaction import Contended
from shared.store.wire import ServiceError, Unavailable

Flow = Callable[[Request], Reply]


class Door:
    """`edge_required` refuses whoever comes around the distribution."""

    def __init__(self, secrets: OriginSecrets, log: Log, clock: Callable[[], float], *, edge_required: bool) -> None:
        self._secrets = secrets
        self._log = log
        self._clock = clock
        self._edge_required = edge_required

    def answer(self, event: Mapping[str, Any], flow: Flow) -> dict[str, Any]:
        """Serve one event of API Gateway (payload format 2.0) with `flow`; raises nothing."""
        began_at = self._clock()
        request_id = request_id_of(event)
        further: dict[str, str] = {}
        reply, outcome = self._outcome(event, flow, began_at, further)
        if further:
            reply = reply._replace(headers={**reply.headers, **further})
        self._log.info(
            "request",
            request_id=request_id,
            route=str(event.get("routeKey", "")),
            status=reply.status,
            outcome=outcome,
            milliseconds=round((self._clock() - began_at) * 1000),
        )
        return gateway_response(reply, request_id)

    def _outcome(self, event: Mapping[str, Any], flow: Flow, now: float, further: dict[str, str]) -> tuple[Reply, str]:
        """Serve, and say how it went; `further` is filled with the headers that the answer carries whatever it is."""
        request_id = request_id_of(event)
        try:
            return flow(self._request(event, now, further)), "ok"
        except Refused as refused:
            refusal = refused
        except (Unavailable, ServiceError, Contended) as fault:
            told = {"metric": "control_failure", **counted("ControlFailure", now)}
            self._log.error("cannot decide", fault, request_id=request_id, **told)
            refusal = auth_unavailable()
        except BrokenLaneError as fault:
            self._log.error("the log is broken", fault, request_id=request_id, **counted("LogBroken", now))
            refusal = log_broken()
        except Exception as fault:  # noqa: BLE001 - the outermost frame: whatever it is, the caller learns nothing of it
            told = {"metric": "unexpected_fault", **counted("UnexpectedFault", now)}
            self._log.error("unexpected", fault, request_id=request_id, **told)
            refusal = Refused(500, "internal_error", "The fault has been recorded under this request id.")
        reply = problem_reply(refusal.status, refusal.document(request_id), refusal.headers, refusal.cookies)
        return reply, refusal.code

    def _request(self, event: Mapping[str, Any], now: float, further: dict[str, str]) -> Request:
        source_ip = event["requestContext"]["http"]["sourceIp"]
        viewer = viewer_of(lower_headers(event), source_ip, self._secrets, required=self._edge_required)
        return request_of(event, viewer, now, further)
