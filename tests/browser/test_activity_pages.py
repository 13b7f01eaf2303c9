"""The activity log, the risk decisions and the incidents, in the hands of who looks after a tenant."""

import random
import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from playwright.sync_api import Locator, Route, expect

from infra.local.simulated_quarter import Quarter
from shared.domain.risk import MODES, RULES, Signal, assess, recomputed
from shared.domain.security_policy import policy_of
from shared.edge.compliance_routes import REPORTS
from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window, answers

Console = tuple[Window, Somebody]

_LAST_QUARTER = Quarter.before(time.time())
FIRST, LAST = (datetime.fromtimestamp(at, UTC).date() for at in (_LAST_QUARTER.start, _LAST_QUARTER.end - 1))


def period(first: date, last: date) -> str:
    return f"from={first}&to={last}"


QUARTER = period(FIRST, LAST)
DIALOG = "Prove that it is you"


def exports_of(window: Window) -> list[str]:
    """Note from now on which reports the window reads, one entry for each request that was answered with success."""
    read: list[str] = []
    window.page.on(
        "response",
        lambda response: (
            read.append(response.url) if re.search(r"/compliance/cc\d/", response.url) and response.ok else None
        ),
    )
    return read


def show(window: Window, button: str, proven_by: Somebody | None = None) -> None:
    """Press a button that reads a report, prove who it is where that is asked for, and wait for the report."""
    window.page.get_by_role("button", name=button).click()
    if proven_by is not None:
        window.prove(proven_by)
    expect(window.page.get_by_role("button", name="Please wait …")).to_have_count(0, timeout=30_000)


def shown(window: Window) -> Locator:
    return window.page.get_by_role("table", name="Events, newest first").get_by_role("row")


def test_the_owner_sees_the_quarter_filters_it_and_proves_himself_once_for_several_reports(console: Console) -> None:
    window, owner = console
    read = exports_of(window)
    page = window.page
    # Pages of ten rows: a short demonstration has several of them.
    page.route(
        re.compile("/cc6/access-logs"),
        lambda route: route.continue_(url=route.request.url.replace("limit=100", "limit=10")),
    )
    window.open(f"activity?report=access-logs&{QUARTER}", "Activity log")
    assert read == []
    show(window, "Show events", owner)
    expect(page.get_by_role("heading", name=re.compile("^Sign-ins and access, "))).to_be_visible()
    bars = page.get_by_role("group", name="Events over time").get_by_role("button")
    expect(bars).to_have_count((LAST - FIRST).days + 1)
    expect(shown(window)).to_have_count(1 + 10)
    page.get_by_role("button", name="Show 100 more").click()
    window.settled()
    loaded = shown(window).count() - 1
    assert loaded > 10
    asked = len(read)
    page.get_by_label("Action").select_option("AUTH_LOGIN_SUCCESS")
    country = shown(window).nth(1).get_by_role("cell").last.inner_text().split("\n")[0]
    page.get_by_label("Any text").fill(country.upper())
    expect(page).to_have_url(re.compile("action=AUTH_LOGIN_SUCCESS.*q="))
    rows = shown(window).all_inner_texts()[1:]
    assert 0 < len(rows) < loaded
    assert all("Signed in" in row and country in row for row in rows)
    assert len(read) == asked, "a filter reads nothing"
    page.get_by_label("Report").select_option("role-changes")
    show(window, "Show events")
    expect(page.get_by_role("heading", name=re.compile("^Role changes"))).to_be_visible()
    expect(page.get_by_role("dialog", name=DIALOG)).to_have_count(0)
    shown(window).get_by_role("button").first.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("Leaf hash")
    expect(panel.get_by_role("link", name="Prove it")).to_have_attribute(
        "href", re.compile(r"^#/log\?event=[0-9A-Z]{26}$")
    )
    assert window.barriers() == []
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        show(window, "Download as CSV")
    assert saved.value.suggested_filename == f"muniment_role-changes_{FIRST}_{LAST}.csv"
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith('"event_id","time_utc"')
    assert len(lines) == shown(window).count()


def test_a_day_is_chosen_by_keyboard_alone_and_the_table_says_what_the_picture_shows(console: Console) -> None:
    window, owner = console
    page = window.page
    window.open(f"activity?report=access-logs&{period(FIRST, FIRST + timedelta(days=2))}", "Activity log")
    show(window, "Show events", owner)
    bars = page.get_by_role("group", name="Events over time").get_by_role("button")
    expect(bars).to_have_count(3)
    names = [str(bar.get_attribute("aria-label")) for bar in bars.all()]
    at = next(index for index, name in enumerate(names) if ": 0 events" not in name)
    bars.last.focus()
    for _ in range(2 - at):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(bars.nth(at)).to_have_attribute("aria-pressed", "true")
    day, told = names[at].split(": ")
    rows = shown(window).all_inner_texts()[1:]
    assert told.split(",")[0] == f"{len(rows)} events"
    assert all(day in row for row in rows)
    page.get_by_role("button", name="Show as a table").first.click()
    table = page.get_by_role("table", name="Events over time")
    expect(table.get_by_role("row", name=re.compile(day))).to_contain_text(str(len(rows)))
    page.get_by_role("button", name="All days").click()
    expect(bars.nth(at)).to_have_attribute("aria-pressed", "false")
    expect(shown(window)).to_have_count(1 + sum(int(name.split(": ")[1].split()[0]) for name in names))


def test_a_name_with_markup_is_text_and_a_period_that_is_refused_keeps_what_was_typed(console: Console) -> None:
    window, owner = console
    page = window.page
    markup = "<img src=x onerror=alert(1)>"

    def renamed(route: Route) -> None:
        answer = route.fetch()
        document: dict[str, Any] = answer.json()
        for row in document.get("evidence", []):
            row |= {"actor_email": markup, "metadata": {"note": markup}}
        route.fulfill(response=answer, json=document)

    page.route(re.compile("/cc6/role-changes"), renamed)
    window.open(f"activity?report=role-changes&{period(LAST, FIRST)}", "Activity log")
    show(window, "Show events", owner)
    expect(page.get_by_text("The range begins after it ends.")).to_be_visible()
    expect(page.get_by_label("From", exact=True)).to_have_value(str(LAST))
    page.get_by_label("From", exact=True).fill(str(FIRST))
    page.get_by_label("To, inclusive").fill(str(LAST))
    show(window, "Show events")
    expect(shown(window).nth(1)).to_contain_text(markup)
    shown(window).get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(markup)
    assert page.locator("img").count() == 0


def test_a_report_that_is_refused_while_more_of_another_is_read_leaves_the_way_to_the_rest(window: Window) -> None:
    page = window.page
    row = {"event_id": "e_1", "time_utc": f"{LAST}T00:00:00.000Z", "action": "ROLE_CHANGED", "outcome": "success"}
    first = {"evidence": [row], "total": 300, "next_cursor": "behind", "complete": False, "watermark": row["time_utc"]}
    waiting: list[Route] = []

    def answered(route: Route) -> None:
        if "cursor=behind" in route.request.url:
            waiting.append(route)
        elif waiting:
            refusal = {"status": 429, "code": "rate_limited", "title": "Too many exports", "detail": "Wait."}
            route.fulfill(status=429, json=refusal)
        else:
            route.fulfill(json=first)

    page.route(re.compile("/cc6/role-changes"), answered)
    window.open(f"activity?report=role-changes&{QUARTER}", "Activity log")
    show(window, "Show events")
    page.get_by_role("button", name="Load all 300").click()
    expect(page.get_by_text("Loading the rest")).to_be_visible()
    show(window, "Show events")
    expect(page.get_by_text("Too many exports")).to_be_visible()
    expect(page.get_by_role("button", name="Load all 300")).to_be_visible()


def report_of(window: Window, pages: int) -> list[str]:
    """Show a report that the API gives as CSV in so many pages of one row; gives what is asked for of them."""
    asked: list[str] = []
    empty = {"evidence": [], "total": 0, "next_cursor": None, "complete": True, "watermark": f"{LAST}T00:00:00.000Z"}

    def answered(route: Route) -> None:
        if "format=csv" not in route.request.url:
            route.fulfill(json=empty)
            return
        asked.append(route.request.url)
        onward = {"x-next-cursor": f"c{len(asked)}"} if len(asked) < pages else {}
        route.fulfill(body=f"event\ne{len(asked)}\n", headers={"content-type": "text/csv", **onward})

    window.page.route(re.compile("/cc6/role-changes"), answered)
    window.open(f"activity?report=role-changes&{QUARTER}", "Activity log")
    show(window, "Show events")
    return asked


def test_a_report_is_saved_as_one_file_of_all_its_pages(window: Window) -> None:
    asked = report_of(window, 100)
    with window.page.expect_download() as saved:
        window.page.get_by_role("button", name="Download as CSV").click()
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert lines == ["event", *(f"e{number}" for number in range(1, 101))]
    assert [re.findall(r"limit=(\d+)", url) for url in asked] == [["1000"]] * 100
    assert [re.findall(r"cursor=(\w+)", url) for url in asked] == [[], *([f"c{number}"] for number in range(1, 100))]


def test_a_report_that_is_too_long_for_one_file_is_told_and_nothing_of_it_is_saved(window: Window) -> None:
    asked, saved = report_of(window, 101), list[str]()
    window.page.on("download", lambda file: saved.append(file.url))
    show(window, "Download as CSV")
    told = window.page.get_by_role("alert").filter(has_text="more than 100,000 rows, and nothing was saved")
    expect(told).to_be_visible()
    assert (len(asked), saved) == (100, []), "a page holds a thousand rows"


def test_a_decision_of_the_risk_can_be_computed_again_and_incidents_say_how_long_they_took(console: Console) -> None:
    window, owner = console
    page = window.page
    window.open("risk", "Risk decisions")
    expect(window.main()).to_contain_text("From 60: ◆ second factor asked From 90: ▲ blocked")
    show(window, "Show decisions", owner)
    expect(page.get_by_role("img", name="Risk over time")).to_be_visible()
    mine = page.get_by_role("row").filter(has_text=owner.staff_id)
    mine.first.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("computed again: the same")
    page.keyboard.press("Escape")
    incidents = [incident("01J00000000000000000000001", 250), incident("01J00000000000000000000000", None)]
    told = {"evidence": incidents, "total": 2, "complete": True, "next_cursor": None, "watermark": NOON}
    answers(window, "/cc8/response-times", 200, told)
    window.open(f"incidents?{QUARTER}", "Incidents")
    show(window, "Show incidents")
    picture = page.get_by_role("img", name="From detection to containment")
    expect(picture).to_contain_text("250 ms")
    expect(picture).to_contain_text("not contained")
    expect(page.get_by_text("All 2 incidents of the period: contained 1")).to_be_visible()
    newest = page.get_by_role("table", name="Incidents, newest first").get_by_role("row").nth(1)
    expect(newest).to_contain_text("Refresh token reused")
    show(window, "Show security incidents")
    expect(page.get_by_role("button", name="Show security incidents")).to_have_count(0)
    expect(page.get_by_role("dialog", name=DIALOG)).to_have_count(0)
    assert window.barriers() == []


NOON = f"{FIRST}T12:00:00.000Z"


def test_a_decision_is_counted_once_although_what_followed_from_it_tells_its_score_again(window: Window) -> None:
    actions = ("ANOMALY_SCORED", "SUSPICIOUS_LOGIN_DETECTED", "STEP_UP_REQUIRED")
    rows = [weighed(f"01J0000000000000000000000{place}", action) for place, action in enumerate(actions)]
    told = {"evidence": rows, "total": 3, "complete": True, "next_cursor": None, "watermark": NOON}
    answers(window, "/cc9/anomaly-decisions", 200, told)
    window.open(f"risk?{QUARTER}", "Risk decisions")
    show(window, "Show decisions")
    counted = "All 3 events of the period, 1 of them decisions: 0 allowed, 1 second factor asked, 0 blocked"
    expect(window.main().locator("figcaption")).to_contain_text(counted)
    expect(window.main().locator("svg.picture .point")).to_have_count(1)
    table = window.page.get_by_role("table", name="Risk decisions and what followed")
    expect(table.get_by_role("row").nth(1).locator(".badge")).to_have_text("◆ second factor asked")
    expect(table.get_by_role("row").nth(2)).to_contain_text("Suspicious sign-in")
    expect(table.get_by_role("row").nth(3)).to_contain_text("Further proof asked for")
    window.main().get_by_label("Decision", exact=True).select_option("STEP_UP_REQUIRED")
    expect(table.get_by_role("row")).to_have_count(2)


def weighed(event_id: str, action: str) -> dict[str, Any]:
    """Give a row of the report of decisions: one of the events about a sign-in."""
    told = {"score": 75, "action": "STEP_UP_REQUIRED", "policy": "risk-1", "signals": []}
    return {
        "event_id": event_id,
        "time_utc": NOON,
        "action": action,
        "outcome": "denied",
        "reason": "LOGIN",
        "actor_id": None,
        "actor_email": None,
        "target_id": "u_7",
        "country": "CH",
        "metadata": {} if action == "SUSPICIOUS_LOGIN_DETECTED" else told,
    }


def incident(event_id: str, response_ms: int | None) -> dict[str, Any]:
    """Give a row of the response times; without a time nothing contained it."""
    contained = response_ms is not None
    return {
        "incident": event_id,
        "detected_event": event_id,
        "detected_at": NOON,
        "detected_by": ["REFRESH_TOKEN_REUSED"],
        "reason": "GENERATION",
        "target_type": "user",
        "target_id": "u_7",
        "contained_event": "01J00000000000000000000002" if contained else None,
        "contained_at": NOON if contained else None,
        "contained_by": ["SESSION_INVALIDATED"] if contained else [],
        "response_ms": response_ms,
        "alerted_at": None,
        "alert_ms": None,
        "exception": None if contained else "NOT_CONTAINED",
        "tsc": ["CC7.3"],
    }


def decisions(count: int) -> list[dict[str, Any]]:
    chance = random.Random(20)  # noqa: S311 - test data
    names = [rule.name for rule in RULES]
    found = []
    for _ in range(count):
        weights = {
            rule.name: chance.randint(-60, 0) if rule.points < 0 else chance.randint(0, 80)
            for rule in RULES
            if chance.random() < 0.4
        }
        modes = {name: chance.choice(MODES) for name in names if chance.random() < 0.3}
        policy = policy_of({"risk_weights": weights, "risk_modes": modes}, 1, {})
        signals = [Signal(name, {}) for name in chance.sample(names, chance.randint(0, 7))]
        found.append(dict(assess(signals, policy, geography_observed=chance.random() < 0.5).record()))
    return found


def test_the_page_computes_decisions_as_the_policy_does(opened: Opened) -> None:
    window = opened()
    window.enter()
    records = decisions(600)
    assert {record["action"] for record in records} == {"ALLOW", "STEP_UP_REQUIRED", "BLOCK"}
    told = window.page.evaluate(
        """async (records) => {
          const main = document.querySelector("script[type=module]").src;
          const { reckoned } = await import(new URL("../parts/reckoning.js", main));
          return records.map((record) => reckoned(record)).map(({ score, action }) => [score, action]);
        }""",
        records,
    )
    assert [tuple(each) for each in told] == [recomputed(record) for record in records]


def test_the_page_offers_every_report_of_the_catalogue(window: Window) -> None:
    window.open("activity", "Activity log")
    offered = (
        window.page.get_by_label("Report").locator("option").evaluate_all("(all) => all.map((each) => each.value)")
    )
    slugs = [slug for reports in REPORTS.values() for slug in reports]
    assert sorted([*offered, "response-times"]) == sorted(slugs)


def test_pictures_and_details_can_be_read_on_a_narrow_dark_window(opened: Opened, somebody: NewPerson) -> None:
    window = opened(viewport={"width": 360, "height": 740}, color_scheme="dark")
    owner = somebody("owner")
    window.sign_in(owner)
    window.open(f"activity?report=access-logs&{QUARTER}", "Activity log")
    show(window, "Show events", owner)
    expect(window.page.get_by_role("img", name="Sign-ins by country")).to_be_visible()
    assert (window.barriers(), window.too_wide()) == ([], False)
    shown(window).get_by_role("button").first.click()
    assert (window.barriers(), window.too_wide()) == ([], False)
