"""Administrators of the tests who review who has access."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from functions.access_reviews.handler import handler
from tests.functions.estate import Response, call, event
from tests.functions.signed_in import SignedIn

LIST = "GET /api/compliance/access-list"
REVIEWS = "/api/compliance/access-reviews"
BEGIN, ALL, ONE = f"POST {REVIEWS}", f"GET {REVIEWS}", f"GET {REVIEWS}/{{review_id}}"
EXPORT = f"GET {REVIEWS}/{{review_id}}/export"
DECIDE = f"POST {REVIEWS}/{{review_id}}/items/{{staff_id}}/decision"
ATTEST = f"POST {REVIEWS}/{{review_id}}/attest"
DAY = 86_400


def on(days: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * DAY))


def asked(session: SignedIn, route: str, body: object = None, query: str = "", **path: str) -> Response:
    document = event(route, body, bearer=session.access_token, query=query)
    return call(handler, {**document, "pathParameters": path} if path else document)


def review(session: SignedIn, reviewers: Sequence[SignedIn], scope: str = "administrators", days: int = 7) -> Response:
    who = [one.person.staff_id for one in reviewers]
    return asked(session, BEGIN, {"scope": scope, "reviewers": who, "due": on(days)})


def begun(session: SignedIn, reviewers: Sequence[SignedIn], scope: str = "administrators") -> str:
    answer = review(session, reviewers, scope)
    assert answer.status == 201, answer.text
    return str(answer.body["review_id"])


def decide(
    session: SignedIn, review_id: str, staff_id: str, decision: str, reason: str = "as agreed", **more: str
) -> Response:
    body: Mapping[str, Any] = {"decision": decision, "reason": reason, **more}
    return asked(session, DECIDE, body, review_id=review_id, staff_id=staff_id)


def attest(session: SignedIn, review_id: str) -> Response:
    return asked(session, ATTEST, review_id=review_id)


def one(session: SignedIn, review_id: str) -> dict[str, Any]:
    answer = asked(session, ONE, review_id=review_id)
    assert answer.status == 200, answer.text
    return answer.body
