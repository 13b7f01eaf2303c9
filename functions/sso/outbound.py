"""Calls to identity providers, which tenants name and nobody here trusts (shared/runtime/outbound.py has the rules).

The answer is a JSON object, or it is nothing.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from functions.sso.distrust import Distrusted
from shared.runtime import outbound
from shared.runtime.outbound import NoAnswer, Resolver, resolved


@dataclass(frozen=True, slots=True)
class Outbound:
    """`loopback`: plain http to 127.0.0.1 is allowed, as in the local stage. `seconds` bounds one call as a whole."""

    loopback: bool
    seconds: float
    context: ssl.SSLContext
    resolve: Resolver = resolved

    def get(self, url: str) -> dict[str, Any]:
        """Read a JSON object; raises `Distrusted`."""
        return self._call("GET", url, None, {})

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a form; raises `Distrusted`."""
        return self._call("POST", url, urlencode(form).encode(), {"Content-Type": _FORM, **headers})

    def _call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        calls = outbound.Outbound(self.loopback, self.seconds, self.context, self.resolve)
        try:
            return _object(calls.call(method, url, body, {"Accept": "application/json", **headers}))
        except NoAnswer as fault:
            raise Distrusted(f"SSO_PROVIDER_{fault.why}") from fault


def _object(read: bytes) -> dict[str, Any]:
    try:
        document = json.loads(read)
    except (ValueError, RecursionError) as fault:
        raise Distrusted("SSO_PROVIDER_JUNK") from fault
    if not isinstance(document, dict):
        raise Distrusted("SSO_PROVIDER_JUNK")
    return document


_FORM: Final = "application/x-www-form-urlencoded"
