"""A read of one version honours Range and the response-* overrides.

Vanilla gives the whole version whenever `versionId` is in the request and drops
ResponseContentDisposition and its kind. On AWS a version is read like a current object (GetObject:
206 with Content-Range, 416 beyond the end, overrides for signed requests).
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.services import s3

from infra.local.seams import Seam

_S3 = "ministack.services.s3"
SEAMS = (
    Seam(_S3, "_get_object", ("bucket_name", "key", "headers", "query_params")),
    Seam(_S3, "_parse_range", ("range_header", "total")),
    Seam(_S3, "_apply_response_overrides", ("resp_headers", "query_params")),
    Seam(_S3, "_range_error_xml", ("bucket_name", "key")),
)

Answer = tuple[int, dict[str, str], bytes]


def _reading(get: Callable[..., Answer]) -> Callable[..., Answer]:
    def read(
        bucket_name: str,
        key: str,
        headers: dict[str, str],
        query_params: dict[str, Any] | None = None,
    ) -> Answer:
        answer = get(bucket_name, key, headers, query_params)
        if answer[0] != HTTPStatus.OK or not s3._qp(query_params or {}, "versionId"):
            return answer
        s3._apply_response_overrides(answer[1], query_params)
        asked = headers.get("range", "")
        return _slice(bucket_name, key, asked, answer) if asked else answer

    return read


def _slice(bucket_name: str, key: str, asked: str, whole: Answer) -> Answer:
    _status, headers, body = whole
    bounds = s3._parse_range(asked, len(body))
    if bounds is None:
        refusal = s3._xml_body(s3._range_error_xml(bucket_name, key))
        unsatisfied = {
            "Content-Type": "application/xml",
            "Content-Range": f"bytes */{len(body)}",
        }
        return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE.value, unsatisfied, refusal
    first, last = bounds
    # A checksum of the whole object does not fit a part of it.
    kept = {
        name: value
        for name, value in headers.items()
        if not name.lower().startswith("x-amz-checksum-") and name.lower() != "content-length"
    }
    part = body[first : last + 1]
    kept |= {
        "Content-Length": str(len(part)),
        "Content-Range": f"bytes {first}-{last}/{len(body)}",
    }
    return HTTPStatus.PARTIAL_CONTENT.value, kept, part


def apply() -> None:
    """Finish the answer of a versioned read."""
    s3._get_object = _reading(s3._get_object)
