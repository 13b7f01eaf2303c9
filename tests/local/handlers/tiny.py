"""What the tests of the local stage run as Lambda functions; standard library only."""

import importlib.util
import json
import os
import sys
import time
import urllib.request
from typing import Any


class TooLateError(Exception):
    """An error with a name of its own."""


def echo(event: object, _context: object) -> object:
    return event


def plan_shards(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer as the planner of a bundle does."""
    return {**event, "shards": 3, "list": "rendering/shards.json"}


def fail(_event: object, _context: object) -> None:
    raise TooLateError("the door is closed")


def sleep(event: dict[str, float], _context: object) -> int:
    """Tell the process that slept."""
    time.sleep(event.get("seconds", 60))
    return os.getpid()


def look_around(event: dict[str, list[str]], _context: object) -> dict[str, Any]:
    """Tell the process, its environment, its path and which of the named modules it can import."""
    found = {name: importlib.util.find_spec(name) is not None for name in event.get("modules", [])}
    return {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "path": sys.path,
        "found": found,
        "python": sys.version_info[:2],
    }


def answer_http(event: dict[str, Any], _context: object) -> dict[str, Any]:
    if event["rawPath"].endswith("/fail"):
        raise TooLateError("a secret detail")
    if event["rawPath"].endswith("/redirect"):
        return {"statusCode": 302, "headers": {"location": "https://example.org/"}}
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "x-request-id": "r1"},
        "cookies": ["__Host-a=1; Secure; HttpOnly", "__Host-b=2; Secure"],
        "body": json.dumps(event),
    }


def read_stream(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write each record's key to S3 and fail on those whose item says so.

    An item with `poison` fails the whole batch; one with `refused` is reported as a failed item.
    """
    failures = []
    for record in event["Records"]:
        item = record["dynamodb"].get("NewImage", {})
        if "poison" in item:
            raise TooLateError("poison")
        if "refused" in item:
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            break
        _write_down(item["id"]["S"])
    return {"batchItemFailures": failures}


def read_stream_all_or_nothing(event: dict[str, Any], context: object) -> None:
    read_stream(event, context)


def _write_down(name: str) -> None:
    # Unsigned: the engine asks for a signature only when IAM is enforced.
    address = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['NOTES']}/{name}"
    request = urllib.request.Request(address, data=b"seen", method="PUT")  # noqa: S310 -- http, ours
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 -- as above
