"""Names of any length come from strangers: they wrap, push nothing out of the window, and cover nothing."""

import json

import pytest
from playwright.sync_api import expect

from shared.store.tenant_staff import profile_key
from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.estate import PASSWORD

NAME = "Maximiliane-Friederike Wolfeschlegelsteinhausenbergerdorff von und zu Hohenlohe-Langenburg-Oehringen"
TENANT = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrik GmbH & Co. KG"
WIDTHS = {"wide": {"width": 1440, "height": 900}, "reflow": {"width": 320, "height": 640}}
# What stands in a cell and reaches out of it, over its neighbour.
COVERING = """() => [...document.querySelectorAll("main :is(td, tbody th)")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)"""


@pytest.fixture
def somebody(estate: StageEstate) -> NewPerson:
    tenant = estate.new_tenant()
    estate.change_row("tenants", {"tenant": tenant}, {"name": TENANT})

    def made(role: str = "owner", *, totp: bool = True) -> Somebody:
        person = estate.new_person(tenant, role, totp=totp)
        estate.change_row("tenant_staff", profile_key(tenant, person.staff_id), {"name": NAME})
        return Somebody(tenant, person.staff_id, person.email, PASSWORD, person.totp_secret)

    return made


def rule_of(who: Somebody) -> dict[str, object]:
    return {
        "rule_id": "01J00000000000000000000000", "cidr": "192.0.2.0/24", "action": "deny", "status": "active",
        "note": "An office that was closed, with a note that is long enough to need several lines of its column",
        "created_by": who.staff_id, "created_at": "2026-07-01T12:00:00.000Z", "confirm_before": None,
    }  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_name_wraps_and_covers_nothing(width: str, opened: Opened, somebody: NewPerson) -> None:
    window, owner, member = opened(viewport=WIDTHS[width]), somebody("owner"), somebody("member")
    rules = {"rules": [rule_of(owner)], "your_address": "203.0.113.9", "suspended_at": None, "max_rules": 500}
    window.page.route(
        "**/api/ip-rules", lambda route: route.fulfill(body=json.dumps(rules), content_type="application/json")
    )
    window.sign_in(owner)
    found = {}
    places = ("overview", "staff", f"staff/{member.staff_id}", "ip-rules", "access-reviews/now", "access-reviews/new")
    for place in places:
        window.open(place)
        expect(window.main().get_by_text(TENANT if place == "overview" else NAME).first).to_be_visible()
        covering = window.page.evaluate(COVERING)
        if window.too_wide() or covering:
            found[place] = covering
    assert found == {}
