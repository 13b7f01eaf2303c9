"""What is served in another person's name: each route is tried, in both modes, for the mightiest target."""

import pytest

from shared.edge.route import Route
from shared.edge.routes import ROUTES
from shared.store.tenant_staff import gate_key
from tests.functions.company import archive
from tests.functions.estate import Estate, event
from tests.functions.impersonating import FINISH, Impersonating, impersonate, proven
from tests.functions.route_calls import sent

__all__ = ["archive"]
pytestmark = pytest.mark.usefixtures("archive")  # what routes of the evidence read from their environment

SERVED = {"GET /api/auth/me", "GET /api/settings/security", "DELETE /api/impersonation"}
VERIFY = "POST /api/auth/step-up/verify"  # open, and for the owner of a session where a bearer comes with it
# The end of it comes last: all the others ask in the name of one person.
GUARDED = sorted(
    (route for route in ROUTES if route.authenticated or route.key == VERIFY), key=lambda route: route.key == FINISH
)


@pytest.fixture(scope="module", params=["read", "write"])
def acting(estate: Estate, request: pytest.FixtureRequest) -> Impersonating:
    """Give an owner in the name of an admin: of all who can be impersonated he may do most."""
    company = estate.new_tenant()
    actor = proven(estate, estate.new_person(company, "owner"))
    return impersonate(actor, estate.new_person(company, "admin"), mode=request.param)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.key)
def test_only_what_says_so_is_served_in_another_persons_name(
    estate: Estate, acting: Impersonating, route: Route
) -> None:
    before = acting.session()
    named = {segment[1:-1]: "x" for segment in route.path.split("/") if segment.startswith("{")}
    body = {"challenge_id": "c", "code": "1"} if route.key == VERIFY else None
    document = event(route.key, body, bearer=acting.token, path=route.path.format(**named))
    answer = sent(route, document | {"pathParameters": named})
    assert answer.headers["X-Impersonated-By"] == acting.actor.person.staff_id
    if route.impersonation:
        assert answer.status in {200, 204, 404}, answer.text
        return
    assert (answer.status, answer.code) == (403, "impersonation_forbidden_action")
    line = estate.events(acting.target.tenant)[-1]
    assert (line["action"], line["reason"], line["resource"]) == ("ACCESS_DENIED", "IMPERSONATION", route.key)
    assert (line["actor"]["id"], line["on_behalf_of"]) == (acting.actor.person.staff_id, acting.target.staff_id)
    session = acting.session()
    counted = [session[name] - before[name] for name in ("requests", "denied")]
    assert (counted, session["status"]) == ([1, 1], "ACTIVE")


def test_what_is_served_is_a_view_or_the_end_of_it() -> None:
    assert {route.key for route in ROUTES if route.impersonation} >= SERVED
    assert {route.key for route in ROUTES if route.impersonation and route.method != "GET"} == {
        "DELETE /api/impersonation"
    }


def test_route_that_changes_something_would_be_served_in_write_mode_alone() -> None:
    route = Route("POST", "/api/notes", "notes", "OWN_ACCOUNT", None, "A note", impersonation=True)
    assert route.serves_impersonation(read_only=False)
    assert not route.serves_impersonation(read_only=True)


def test_who_acts_for_an_administrator_without_a_second_factor_sees_nothing_and_may_leave(estate: Estate) -> None:
    company = estate.new_tenant()
    admin = estate.new_person(company, "admin")
    acting = impersonate(proven(estate, estate.new_person(company, "owner")), admin)
    estate.change_row("tenant_staff", gate_key(company, admin.staff_id), {"must_enrol": True})
    settings = next(route for route in GUARDED if route.key == "GET /api/settings/security")
    refused = sent(settings, event(settings.key, bearer=acting.token, path=settings.path))
    assert (refused.status, refused.code) == (401, "mfa_enrollment_required")
    assert acting.finish().status == 204
    assert acting.open_row() is None
