"""RFC 3161 time stamps over anchors: somebody else says that they were there at a time.

Rules of this module
- The authority is outside and trusted for one thing. Its answer is taken only if it is granted, over these octets, for
  this request (nonce), signed under one of the configured roots by a certificate that was valid then, and its time is
  about now.
- Nothing waits for it. An anchor without a token is an anchor; later runs ask again, for a week.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate, ObjectIdentifier
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from shared.audit.moment import rfc3339
from shared.evidence.vault import LockedBucket, anchor_prefix
from shared.runtime.outbound import NoAnswer, Outbound
from shared.store.wire import Clock

RETRIED_SECONDS = 7 * 86_400
_TOLERANCE_SECONDS = 300.0
_SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}  # RFC 3161 3.4
_DATE_CHARACTERS = 10


class Untrusted(Exception):
    """No token came, or none that counts; the text says why and is safe to log."""


@dataclass(frozen=True, slots=True)
class Authority:
    """`roots` are what an answer must lead to: there is none that is taken without."""

    url: str
    roots: Sequence[Certificate]
    outbound: Outbound
    clock: Clock

    def stamp(self, body: bytes) -> bytes:
        """Ask for a token over `body`; gives the answer (DER TimeStampResp), checked. Raises `Untrusted`."""
        request = TimestampRequestBuilder().data(body).hash_algorithm(HashAlgorithm.SHA256).build()
        try:
            answer = self.outbound.call("POST", self.url, request.as_bytes(), _HEADERS)
        except NoAnswer as fault:
            raise Untrusted(fault.why) from fault
        response = self._checked(answer, body, VerifierBuilder.from_request(request))
        if abs(response.tst_info.gen_time.timestamp() - self.clock()) > _TOLERANCE_SECONDS:
            raise Untrusted("the time of the token is not now")
        return answer

    def stands(self, answer: bytes, body: bytes) -> bool:
        """Tell whether a token that lies there, of whichever request, is one over `body`."""
        try:
            self._checked(answer, body, VerifierBuilder())
        except Untrusted:
            return False
        return True

    def _checked(self, answer: bytes, body: bytes, verifier: VerifierBuilder) -> TimeStampResponse:
        for root in self.roots:
            verifier = verifier.add_root_certificate(root)
        try:
            response = decode_timestamp_response(answer)
            verifier.build().verify(response, hashlib.sha256(body).digest())
            # The digest was compared; under another algorithm it would be one of something else.
            if response.tst_info.message_imprint.hash_algorithm != _SHA256:
                raise Untrusted("the token is not over a SHA-256")
        except (ValueError, VerificationError) as fault:
            raise Untrusted(f"{type(fault).__name__}: {fault}") from fault
        return response


@dataclass(frozen=True, slots=True)
class TimeStamps:
    vault: LockedBucket
    log: str
    authority: Authority

    def complete(self, now: float) -> int:
        """Fetch the tokens that the anchors of the last week lack; gives their number.

        Raises `Untrusted` at the first that is not to be had: the authority is asked once a run then.
        """
        prefix = anchor_prefix(self.log)
        names = set(self.vault.listed(prefix, f"{prefix}{rfc3339(now - RETRIED_SECONDS)[:_DATE_CHARACTERS]}"))
        lacking = sorted(
            name.removesuffix(".sig")
            for name in names
            if name.endswith(".json.sig") and f"{name.removesuffix('.sig')}.tsr" not in names
        )
        for key in lacking:
            body = self.vault.read(key)
            answer = self.authority.stamp(body)
            beside = f"{key}.tsr"
            self.vault.lay(
                beside,
                answer,
                "application/timestamp-reply",
                lambda found, body=body: self.authority.stands(found, body),  # type: ignore[misc]
            )
        return len(lacking)
