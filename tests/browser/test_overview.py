"""The overview: how a tenant stands, what needs attention, and what could not be looked at."""

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window, answers

Console = tuple[Window, Somebody]


def card(window: Window, name: str) -> Locator:
    heading = window.page.get_by_role("heading", level=2, name=name)
    return window.main().locator(".figure").filter(has=heading)


def test_the_overview_says_how_the_tenant_stands_and_each_number_leads_to_its_page(window: Window) -> None:
    window.open("overview", "Overview")
    expect(card(window, "Log last signed").locator(".big")).to_contain_text("ago")
    expect(card(window, "Incidents in 30 days").locator(".big")).to_have_text(re.compile(r"^\d+$"))
    expect(card(window, "People with access")).to_contain_text("signed in, with")
    expect(window.page.get_by_role("table", name="What is due next")).to_be_visible()
    places = {
        "Log last signed": "#/log",
        "Incidents": r"#/incidents\?from=.*&to=.*",
        "People": "#/staff",
        "Impersonation": "#/impersonation",
        "Access reviews": "#/access-reviews",
        "Bundles": "#/exports",
        "Evidence of": r"#/calendar\?from=.*&to=.*",
    }
    for name, place in places.items():
        expect(card(window, name).first.get_by_role("link")).to_have_attribute("href", re.compile(f"^{place}$"))
    card(window, "Evidence of").first.get_by_role("link").click()
    expect(window.page.get_by_role("heading", level=1, name="Evidence calendar")).to_be_visible()


def test_the_thirty_days_of_the_overview_end_with_the_readers_own_day(opened: Opened, somebody: NewPerson) -> None:
    window, asked = opened(timezone_id="America/Los_Angeles"), list[str]()
    window.page.on("request", lambda request: asked.append(request.url))
    window.sign_in(somebody("auditor"), "")
    expect(card(window, "Incidents in 30 days").locator(".big")).to_have_text(re.compile(r"^\d+$"), timeout=60_000)
    counted = [url for url in asked if "/api/compliance/questions" in url]
    assert counted
    assert all("tz=America%2FLos_Angeles" in url for url in counted)


def test_what_needs_attention_stands_first_and_a_card_that_fails_takes_no_other_with_it(
    opened: Opened, somebody: NewPerson
) -> None:
    window = opened()
    refused = {"code": "not_signed_yet", "title": "Nothing", "detail": "Nothing is signed.", "status": 404}
    answers(window, "/api/compliance/log/checkpoint", 404, refused)
    denied = {"code": "permission_denied", "title": "No", "detail": "The list is closed <b>today</b>.", "status": 403}
    answers(window, "/api/compliance/access-list", 403, denied)
    questions = [{"id": "tampering", "counts": {"AUDIT_TAMPER_DETECTED": 1, "AUDIT_INTEGRITY_FAILED": 0}}]
    incidents = {"detected": 3, "not_contained": 2, "complete": False}
    answers(window, "/api/compliance/questions", 200, {"questions": questions, "incidents": incidents})
    window.sign_in(somebody("auditor"))
    window.open("overview", "Overview")
    attention = window.page.get_by_role("region", name="Needs attention")
    expect(attention.get_by_role("listitem").first).to_have_text("1 alarm about the audit log in the last 30 days.")
    expect(attention).to_contain_text("2 incidents of the last 30 days were not contained.")
    expect(attention).to_contain_text("more incidents of the last 30 days than were counted here")
    expect(card(window, "Log last signed")).to_contain_text("None yet")
    expect(card(window, "People with access").get_by_role("alert")).to_contain_text("The list is closed <b>today</b>.")
    expect(card(window, "Incidents")).to_contain_text("2 not contained")
    expect(card(window, "Bundles")).to_be_visible()
    # Who may not see the people of the tenant is led to where he may look.
    expect(card(window, "People with access").get_by_role("link")).to_have_attribute("href", "#/access-reviews")
    # What could not be looked at is said, since silence would be read as an answer.
    expect(attention).to_contain_text("Whether each administrator has a second factor could not be checked.")
    assert window.barriers() == []


TOO_MANY = {
    "code": "too_many_people",
    "title": "There are more people than one list holds",
    "detail": "A list holds 500 people, and there are 507.",
    "status": 409,
}


def test_a_tenant_of_more_people_than_a_list_holds_is_counted_and_its_administrators_are_looked_at(
    opened: Opened, somebody: NewPerson
) -> None:
    window, owner = opened(), somebody("owner")
    bare = {"staff_id": "u_1", "role": "admin", "status": "ACTIVE", "mfa": False, "sessions": 0}
    answers(window, "/api/compliance/access-list?scope=all", 409, TOO_MANY)
    answers(window, "/api/compliance/access-list?scope=administrators", 200, {"people": [bare]})
    factors = {"totp": True, "passkeys": 0}
    staff = [{"staff_id": f"u_{number}", "status": "ACTIVE", "factors": factors} for number in range(2)]
    answers(window, "/api/staff?limit=500", 200, {"staff": staff, "next_cursor": "behind"})
    staff = [{"staff_id": f"u_{number}", "status": "DEACTIVATED", "factors": factors} for number in range(2)]
    answers(
        window, "/api/staff?limit=500&cursor=behind", 200, {"staff": [*staff, {**bare, "factors": {"totp": False}}]}
    )
    window.sign_in(owner)
    window.open("overview", "Overview")
    expect(card(window, "People with access").locator(".big")).to_have_text("3")
    expect(card(window, "People with access")).to_contain_text("1 of them without a second factor.")
    attention = window.page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("1 administrator has no second factor.")
    answers(window, "/api/compliance/access-list?scope=administrators", 409, TOO_MANY)
    window.page.get_by_role("button", name="Read again").click()
    expect(attention).to_contain_text("could not be checked: there are more of them than one list holds.")
    window.open("access-reviews/now", "Access reviews")
    window.main().get_by_label("Of whom").select_option("all")
    expect(window.main().get_by_role("alert")).to_contain_text("Choose “Administrators” above")
    expect(window.main().get_by_role("button", name="Try again")).to_have_count(0)
    assert window.barriers() == []


def test_a_review_of_more_people_than_one_holds_says_what_can_be_done(console: Console) -> None:
    window, owner = console
    answers(window, "/api/compliance/access-reviews", 409, TOO_MANY)
    window.open("access-reviews/new", "Begin a review")
    window.main().get_by_role("checkbox", name=owner.email).check()
    whose = window.main().get_by_label("Whose access")
    whose.select_option("everybody")
    window.main().get_by_role("button", name="Begin the review").click()
    expect(whose).to_have_accessible_description(re.compile("there are 507. Choose “Administrators”"))
    expect(whose).to_have_value("everybody")
