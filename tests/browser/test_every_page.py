"""What holds of every page of the console, whoever looks at it."""

import pytest
from playwright.sync_api import Response

from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Window

WIDTHS = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 360, "height": 740}}


def places(window: Window) -> list[tuple[str, str]]:
    """List the pages that the navigation offers: `("staff", "Staff")`."""
    links = window.page.locator("nav a").evaluate_all(
        "(all) => all.map((each) => [each.hash.slice(2), each.textContent.trim()])"
    )
    return [(place, title) for place, title in links]


@pytest.mark.parametrize(
    ("role", "look"),
    [
        ("owner", "wide and light"),
        ("owner", "narrow and dark"),
        ("auditor", "narrow and light"),
        ("member", "wide and dark"),
    ],
)
def test_every_page_that_a_role_is_offered_is_readable_and_has_no_barrier(
    role: str, look: str, opened: Opened, somebody: NewPerson
) -> None:
    width, _, scheme = look.partition(" and ")
    window = opened(viewport=WIDTHS[width], color_scheme=scheme)
    window.sign_in(somebody(role))
    found = {}
    for place, title in places(window):
        window.open(place, title)
        if barriers := window.barriers():
            found[place] = barriers
        if window.too_wide():
            found.setdefault(place, []).append("the page must be moved sideways")
    assert found == {}


def test_a_member_is_offered_nothing_but_what_is_his_own(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    window.sign_in(somebody("member"))
    assert [place for place, _ in places(window)] == ["account", "sessions"]
    window.open("staff", "Staff")
    assert "Your role does not hold the permission" in window.main().inner_text()


def test_an_address_that_is_no_page_says_so(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    window.sign_in(somebody("member"))
    window.open("nowhere", "There is no such page")


@pytest.mark.parametrize("path", ["/", "/accept-invite", "/reset-password"])
def test_the_pages_before_anybody_is_signed_in_have_no_barrier(path: str, opened: Opened) -> None:
    window = opened(viewport={"width": 360, "height": 740})
    window.enter(path)
    assert (window.barriers(), window.too_wide()) == ([], False)


def test_the_first_page_takes_less_than_a_hundred_kilobytes(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    loaded: list[Response] = []
    window.page.on("response", lambda one: loaded.append(one))  # noqa: PLW0108 - Playwright marks what it calls
    window.sign_in(somebody("owner"), "")
    window.settled()
    sizes = {
        response.url: response.request.sizes()["responseBodySize"] for response in loaded if "/console/" in response.url
    }
    assert len(sizes) > 10
    assert sum(sizes.values()) < 100_000, sizes
