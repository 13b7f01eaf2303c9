"""Coming in: by password, by a proof, by a link of a mail, and what is said to whom it does not let in."""

import secrets

import pyotp
from playwright.sync_api import Page, Route, expect

from infra.local.demo_people import PASS_PHRASE, mailed_token
from shared.store.sso_connections import domain_key
from shared.store.tenant_staff import profile_key
from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.route_objects import nobodys_connection
from tests.functions.signed_in import sign_in
from tests.running_stage import Stage


def fill(page: Page, who: Somebody, password: str) -> None:
    page.get_by_label("Organization").fill(who.tenant)
    page.get_by_label("E-mail", exact=True).fill(who.email)
    page.get_by_label("Password", exact=True).fill(password)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_wrong_password_is_told_in_words_and_nothing_typed_is_lost(opened: Opened, somebody: NewPerson) -> None:
    window, who = opened(), somebody("member")
    window.enter()
    fill(window.page, who, "not the password of anybody")
    press(window.page, "Sign in")
    expect(window.page.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    password = window.page.get_by_label("Password", exact=True)
    expect(password).to_have_value("not the password of anybody")
    expect(password).to_have_attribute("type", "password")
    window.page.get_by_role("button", name="Show password").click()
    expect(password).to_have_attribute("type", "text")


def test_a_throttled_sign_in_says_how_long_to_wait(opened: Opened, somebody: NewPerson) -> None:
    window, who = opened(), somebody("member")
    window.enter()
    answer = '{"title": "Too many requests", "status": 429, "code": "rate_limited"}'
    window.page.route(
        "**/api/auth/login",
        lambda route: route.fulfill(
            status=429, content_type="application/problem+json", headers={"retry-after": "95"}, body=answer
        ),
    )
    fill(window.page, who, who.password)
    press(window.page, "Sign in")
    told = window.page.get_by_role("alert").filter(has_text="Too many attempts")
    expect(told).to_contain_text("Try again in 1 min 35 s")


def test_an_unusual_sign_in_asks_for_a_proof_and_a_wrong_code_leaves_the_question_open(
    opened: Opened, somebody: NewPerson
) -> None:
    who = somebody("member")
    opened(country="DE").sign_in(who)
    page = (elsewhere := opened(country="LU")).page
    elsewhere.enter()
    fill(page, who, who.password)
    press(page, "Sign in")
    dialog = page.get_by_role("dialog", name="Prove that it is you")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("the proof of identity was not given")).to_be_visible()
    press(page, "Sign in")
    code = dialog.get_by_label("Code of your authenticator app")
    code.fill("000000")
    press(page, "Confirm")
    expect(dialog.get_by_text("This code is not right")).to_be_visible()
    expect(code).to_have_value("")
    expect(code).to_be_focused()
    assert elsewhere.barriers() == []
    elsewhere.prove(who)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_forgotten_password_gets_one_answer_whoever_asks(opened: Opened) -> None:
    window = opened()
    window.enter()
    press(window.page, "Forgotten your password?")
    window.page.get_by_label("Organization").fill("t_nobody")
    window.page.get_by_label("E-mail", exact=True).fill("nobody@nowhere.example")
    press(window.page, "Send the link")
    expect(window.page.get_by_text("If nobody@nowhere.example has an account there")).to_be_visible()


def test_an_unknown_provider_leads_back_to_words(opened: Opened) -> None:
    window = opened()
    window.page.route("**/api/auth/sso/*/*/start", lambda route: led_here(window, route))
    window.enter("/?tenant=t_acme&sso=unknown")
    expect(window.page.get_by_label("Name of the connection")).to_have_value("unknown")
    press(window.page, "Go on to the provider")
    expect(window.page.get_by_text("no identity provider of this name")).to_be_visible()
    assert "#" not in window.page.url


def test_the_provider_is_found_by_the_mail_domain_and_what_is_not_found_can_be_named(
    opened: Opened, estate: StageEstate
) -> None:
    tenant, domain = estate.new_tenant(), f"{secrets.token_hex(4)}.example"
    connection = nobodys_connection(estate, tenant, domain)
    estate.change_row("sso_connections", domain_key(domain), {"owner": tenant, "of": connection})
    window = opened()
    window.page.route("**/api/auth/sso/*/*/start", lambda route: led_here(window, route))
    window.enter()
    press(window.page, "Sign in with your identity provider")
    assert window.barriers() == []
    address = window.page.get_by_label("E-mail", exact=True)
    address.fill("ada@nobody.example")
    press(window.page, "Go on to the provider")
    alert = window.page.get_by_role("alert").filter(has_text="No identity provider is known for this address")
    expect(alert).to_be_visible()
    expect(address).to_have_value("ada@nobody.example")
    press(window.page, "Name organization and connection instead")
    expect(window.page.get_by_label("Organization")).to_be_visible()
    press(window.page, "Find it by your e-mail address")
    address.fill(f"ada@{domain}")
    with window.page.expect_request(f"**/api/auth/sso/{tenant}/{connection}/start"):
        press(window.page, "Go on to the provider")
    expect(window.page.get_by_role("alert").filter(has_text="did not confirm who you are")).to_be_visible()


def led_here(window: Window, route: Route) -> None:
    """Lead to where the API leads, at this stage: its public origin has no name server here."""
    as_navigation = {**route.request.headers, "sec-fetch-mode": "navigate"}
    location = route.fetch(max_redirects=0, headers=as_navigation).headers["location"]
    route.fulfill(status=302, headers={"location": location.replace("https://muniment.localhost", window.base)})


def test_an_address_that_somebody_made_up_opens_the_sign_in_all_the_same(opened: Opened) -> None:
    window = opened()
    window.enter("/#sso_failed=constructor")
    expect(window.page.get_by_role("alert").filter(has_text="The sign-in did not work")).to_be_visible()


def test_the_code_of_a_provider_leaves_the_address_at_once_and_counts_once(opened: Opened) -> None:
    window = opened()
    window.enter("/#sso=spent-already")
    assert window.page.url == window.base + "/"
    expect(window.page.get_by_role("alert").filter(has_text="did not confirm who you are")).to_be_visible()


def test_an_invited_administrator_joins_and_sees_nothing_before_the_second_factor(
    stage: Stage, estate: StageEstate, opened: Opened
) -> None:
    tenant = estate.new_tenant()
    owner = sign_in(estate, estate.new_person(tenant, "owner", totp=True))
    owner.prove("rbac_admin")
    address = f"nora-{secrets.token_hex(4)}@acme.example"
    device = stage.device(address="203.0.113.91", device_id="inviter")
    device.access_token = owner.access_token
    device.expect(201, "POST", "/api/staff/invites", {"email": address, "role": "admin"})
    window = opened()
    page = window.page
    window.enter(f"/accept-invite#token={mailed_token(stage.deployment.aws_endpoint, address)}")
    assert page.url == window.base + "/accept-invite"
    page.get_by_label("Your name").fill("<b>Nora</b> Lund")
    page.get_by_label("Password", exact=True).fill(PASS_PHRASE)
    page.get_by_label("The same again").fill("something else")
    press(page, "Join")
    expect(page.get_by_text("The two are not the same.")).to_be_visible()
    page.get_by_label("The same again").fill(PASS_PHRASE)
    press(page, "Join")
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    assert page.locator("nav a").count() == 1
    window.open("staff", "Set up your second factor")
    enrol(window)
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    expect(page.locator(".who")).to_contain_text("<b>Nora</b> Lund")


def enrol(window: Window) -> None:
    """Set an authenticator up by the secret that is shown as text, and keep the recovery codes."""
    page = window.page
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert window.barriers() == []
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
    press(page, "Confirm the code")
    dialog = page.get_by_role("dialog", name="Your recovery codes")
    expect(dialog.get_by_role("listitem")).to_have_count(10)
    page.keyboard.press("Escape")
    press(page, "Done")
    expect(dialog).to_be_visible()
    dialog.get_by_label("I have kept these codes").check()
    press(page, "Done")


def test_a_reset_link_sets_a_password_that_is_fit_and_leads_to_the_sign_in(
    stage: Stage, opened: Opened, somebody: NewPerson
) -> None:
    who = somebody("member")
    asked = {"tenant": who.tenant, "email": who.email}
    stage.device().expect(202, "POST", "/api/auth/password/reset", asked)
    window = opened()
    page = window.page
    window.enter(f"/reset-password#token={mailed_token(stage.deployment.aws_endpoint, who.email)}")
    assert page.url == window.base + "/reset-password"
    for new, told in (("acme acme acme acme", "too little of it is left"), (PASS_PHRASE, "Sign in with it")):
        page.get_by_label("New password").fill(new)
        page.get_by_label("The same again").fill(new)
        press(page, "Set the new password")
        expect(page.get_by_text(told)).to_be_visible()
    who.password = PASS_PHRASE
    window.sign_in(who)


def test_markup_in_a_name_is_text(estate: StageEstate, opened: Opened, somebody: NewPerson) -> None:
    who, name = somebody("member"), "<img src=x onerror=alert(1)> ${name} </script>"
    estate.change_row("tenant_staff", profile_key(who.tenant, who.staff_id), {"name": name})
    window = opened()
    window.sign_in(who)
    window.open("account", "Your account")
    expect(window.page.locator("dd").first).to_have_text(name)
    assert window.page.locator("main img").count() == 0
