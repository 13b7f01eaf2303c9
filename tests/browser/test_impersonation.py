"""Acting in another person's name: one tab acts, everybody sees that it does, and it ends whatever happens."""

from playwright.sync_api import Locator, Response, expect

from tests.browser.conftest import NewPerson, Opened
from tests.browser.test_every_page import places
from tests.browser.test_people_pages import act, confirmed
from tests.browser.window import Somebody, Window

ENDED_BY_ACTOR = "ended by the actor"


def begin(window: Window, actor: Somebody, target: Somebody, mode: str = "read") -> None:
    window.open(f"staff/{target.staff_id}")
    window.main().get_by_role("link", name="Act as this person").click()
    dialog = window.page.get_by_role("dialog", name="Act in another person's name")
    dialog.get_by_label("Reason").fill("The list of invoices looks empty")
    dialog.get_by_label("Mode").select_option(mode)
    dialog.get_by_role("button", name="Act as this person").click()
    window.prove(actor)
    expect(banner(window)).to_be_visible()
    expect(window.page.locator("h1")).to_be_focused()


def banner(window: Window) -> Locator:
    return window.page.get_by_role("region", name="Impersonation", exact=True)


def newest(window: Window, target: Somebody) -> Locator:
    """Give the newest row of the page of impersonations that is about `target`."""
    return window.main().locator(f"tbody tr:has(a[href='#/staff/{target.staff_id}'])").first


def test_one_tab_acts_and_says_so_and_the_other_stays_its_own(
    console: tuple[Window, Somebody], opened: Opened, somebody: NewPerson
) -> None:
    window, owner = console
    member = somebody("member")
    begin(window, owner, member)
    expect(banner(window).get_by_role("alert")).to_contain_text("You act as")
    expect(banner(window).get_by_role("timer")).to_contain_text("left")
    assert window.page.title().startswith("Impersonation · ")
    assert [place for place, _ in places(window)] == ["acting"], "a member has nothing that may be seen"
    window.page.set_viewport_size({"width": 360, "height": 740})
    assert (window.barriers(), window.too_wide()) == ([], False)
    window.page.mouse.wheel(0, 2_000)
    expect(banner(window)).to_be_in_viewport(ratio=1)
    window.open("account", "Your account")
    expect(window.main().get_by_text("not shown to somebody who acts")).to_be_visible()

    beside = opened(window)
    beside.enter("/#/impersonation")
    expect(newest(beside, member)).to_contain_text("acting now")
    expect(beside.page.get_by_text("You have an impersonation open")).to_be_visible()
    expect(banner(beside)).to_have_count(0)

    button = banner(window).get_by_role("button", name="End impersonation")
    button.focus()
    window.page.keyboard.press("Enter")
    expect(banner(window)).to_have_count(0)
    expect(newest(window, member)).to_contain_text(ENDED_BY_ACTOR)
    assert "staff" in [place for place, _ in places(window)]


def test_every_page_that_is_offered_in_an_administrators_name_is_served(
    console: tuple[Window, Somebody], somebody: NewPerson
) -> None:
    window, owner = console
    begin(window, owner, somebody("admin"), mode="write")
    expect(banner(window)).to_contain_text("Write mode")
    refused: list[str] = []

    def watch(answer: Response) -> None:
        if answer.status >= 400:
            refused.append(f"{answer.status} {answer.url}")

    window.page.on("response", watch)
    offered = [place for place, _ in places(window)]
    assert offered == ["acting", "staff", "ip-rules", "settings", "sso-connections", "legal-holds"]
    for place in offered:
        window.open(place)
        expect(banner(window)).to_be_visible()
    assert refused == []


def test_when_its_time_is_over_the_tab_is_its_own_persons_again(
    console: tuple[Window, Somebody], somebody: NewPerson
) -> None:
    window, owner = console
    member = somebody("member")
    window.page.clock.install()
    begin(window, owner, member)
    window.page.clock.fast_forward("31:00")
    expect(banner(window)).to_have_count(0)
    expect(window.main().get_by_text("The time of the impersonation is over.")).to_be_visible()
    window.open(f"staff/{member.staff_id}")
    expect(window.main().get_by_role("button", name="Deactivate")).to_be_visible()


def test_what_ends_it_elsewhere_ends_it_in_the_tab(
    console: tuple[Window, Somebody], opened: Opened, somebody: NewPerson
) -> None:
    window, owner = console
    admin = somebody("admin")
    begin(window, owner, admin)
    beside = opened(window)
    beside.enter(f"/#/staff/{admin.staff_id}")
    beside.settled()
    dialog = act(beside, "Deactivate")
    dialog.get_by_label("Reason").fill("A lost telephone")
    confirmed(beside, dialog, "Deactivate", owner)  # the proof gives all tabs a new token of their own person
    window.page.evaluate("location.hash = '#/staff'")
    expect(window.main().get_by_text("The impersonation was stopped")).to_be_visible()
    expect(newest(window, admin)).to_contain_text("the person's account changed")


def test_who_signs_out_while_acting_leaves_nothing_open(console: tuple[Window, Somebody], somebody: NewPerson) -> None:
    window, owner = console
    member = somebody("member")
    begin(window, owner, member)
    window.page.get_by_role("button", name="Sign out").click()
    expect(window.page.get_by_text("The impersonation has ended too.")).to_be_visible()
    window.sign_in(owner)
    window.open("impersonation", "Impersonation")
    expect(newest(window, member)).to_contain_text(ENDED_BY_ACTOR)


def test_a_tab_that_is_loaded_anew_is_its_own_persons_and_the_impersonation_has_ended(
    console: tuple[Window, Somebody], somebody: NewPerson
) -> None:
    window, owner = console
    member = somebody("member")
    begin(window, owner, member)
    window.page.reload()
    expect(window.page.get_by_role("button", name="Sign out")).to_be_visible(timeout=15_000)
    expect(banner(window)).to_have_count(0)
    expect(window.page.get_by_role("heading", level=1, name="Impersonation")).to_be_visible()
    expect(window.main().get_by_text("an impersonation ends when its tab is loaded anew")).to_be_visible()
    window.page.reload()
    expect(newest(window, member)).to_contain_text(ENDED_BY_ACTOR)
