"""What one sees to oneself: the password, the second factors, and the identities of providers."""

from pathlib import Path

from playwright.sync_api import Page, expect

from infra.local.demo_people import PASS_PHRASE
from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window

RECOVERY = "Your recovery codes"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def account_of(opened: Opened, who: Somebody, base: str | None = None) -> Window:
    window = opened()
    if base is not None:
        window.base = window.base.replace("127.0.0.1", base)
    window.sign_in(who)
    window.open("account", "Your account")
    return window


def test_the_last_factor_is_removed_by_a_member_and_kept_by_an_administrator(
    opened: Opened, somebody: NewPerson
) -> None:
    passkey = {"passkey_id": "p_1", "name": "blue key", "created_at": "2026-10-01T00:00:00.000Z", "backed_up": False}
    has = {"password": True, "totp": False, "totp_disabled": False, "passkeys": 1, "recovery_codes_left": 9}
    for role, told in (("member", "your recovery codes go with it"), ("admin", "your role needs one")):
        window = opened()
        window.page.route("**/api/auth/factors", lambda route: route.fulfill(json=has))
        window.page.route("**/api/auth/factors/passkeys", lambda route: route.fulfill(json={"passkeys": [passkey]}))
        window.sign_in(somebody(role))
        window.open("account", "Your account")
        press(window.page, "Remove blue key")
        expect(window.page.get_by_role("dialog", name="Remove blue key?")).to_contain_text(told)


def test_a_password_is_changed_by_who_knows_the_old_one(opened: Opened, somebody: NewPerson) -> None:
    who = somebody("member")
    window = account_of(opened, who)
    page = window.page
    for current, new, told in (
        (who.password, "password1", "tried first"),
        ("not the password", PASS_PHRASE, "This is not your password."),
        (who.password, PASS_PHRASE, "Your password is changed."),
    ):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password").fill(new)
        page.get_by_label("The same again").fill(new)
        press(page, "Change the password")
        expect(page.get_by_text(told)).to_be_visible()
    expect(page.get_by_label("Current password")).to_have_value("")


def test_recovery_codes_are_shown_once_saved_and_one_of_them_proves(
    opened: Opened, somebody: NewPerson, tmp_path: Path
) -> None:
    who = somebody("member")
    window = account_of(opened, who)
    page = window.page
    press(page, "Get recovery codes")
    press(page, "Get new codes")
    window.prove(who)
    dialog = page.get_by_role("dialog", name=RECOVERY)
    expect(dialog.get_by_role("listitem")).to_have_count(10)
    codes = dialog.get_by_role("listitem").all_inner_texts()
    with page.expect_download() as saving:
        press(page, "Save as a file")
    saving.value.save_as(tmp_path / "codes.txt")
    kept = (tmp_path / "codes.txt").read_text(encoding="utf-8")
    assert all(code in kept for code in codes)
    assert window.barriers() == []
    dialog.get_by_label("I have kept these codes").check()
    press(page, "Done")
    expect(page.get_by_text("10 left")).to_be_visible()
    other = account_of(opened, who)
    press(other.page, "Replace it")
    press(other.page, "Use a recovery code")
    other.page.get_by_role("dialog").get_by_label("Recovery code").fill(codes[3].lower())
    press(other.page, "Confirm")
    expect(other.page.get_by_role("img", name="QR code")).to_be_visible()
    press(other.page, "Cancel")


def test_a_passkey_is_added_named_used_as_a_proof_and_removed(opened: Opened, somebody: NewPerson) -> None:
    who = somebody("member")
    window = account_of(opened, who, "muniment.localhost")
    page = window.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    press(page, "Add a passkey")
    page.get_by_label("What you call it").fill("<b>blue</b> key")
    press(page, "Add the passkey")
    window.prove(who)
    expect(page.get_by_role("rowheader", name="<b>blue</b> key")).to_be_visible()
    assert window.barriers() == []
    page.reload()
    sign_out_and_in(window, who)
    press(page, "Remove <b>blue</b> key")
    page.get_by_role("dialog").get_by_role("button", name="Remove it").click()
    press(page, "Use a passkey")
    press(page, "Use the passkey")
    expect(page.get_by_text("is removed. All your other sessions have ended.")).to_be_visible()
    expect(page.get_by_role("rowheader", name="<b>blue</b> key")).to_have_count(0)


def sign_out_and_in(window: Window, who: Somebody) -> None:
    """Begin a session that has proved nothing yet."""
    press(window.page, "Sign out")
    window.sign_in(who)
    window.open("account", "Your account")


def test_the_last_factor_of_an_administrator_stays(opened: Opened, somebody: NewPerson) -> None:
    window = account_of(opened, somebody("admin"))
    press(window.page, "Remove it")
    dialog = window.page.get_by_role("dialog", name="Remove the authenticator?")
    expect(dialog).to_contain_text("your role needs one")
    expect(dialog.get_by_role("button", name="Remove it")).to_have_count(0)
    press(window.page, "Keep it")
    expect(dialog).to_have_count(0)


def test_who_has_no_second_factor_is_told_where_to_set_one_up(opened: Opened, somebody: NewPerson) -> None:
    window = account_of(opened, somebody("member", totp=False))
    page = window.page
    expect(page.get_by_text("Set up an authenticator app first")).to_be_visible()
    press(page, "Link an identity")
    page.get_by_label("Name of the connection").fill("anything")
    press(page, "Go on to the provider")
    dialog = page.get_by_role("dialog", name="You need a second factor")
    expect(dialog.get_by_role("link", name="Set one up")).to_be_visible()
    assert window.barriers() == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("Name of the connection")).to_have_value("anything")


def test_a_question_that_has_expired_is_asked_anew_and_says_so(opened: Opened, somebody: NewPerson) -> None:
    who = somebody("member")
    window = account_of(opened, who)
    page = window.page
    gone = '{"title": "The challenge is no longer open", "status": 410, "code": "challenge_expired"}'
    answer = {"status": 410, "content_type": "application/problem+json", "body": gone}
    page.route("**/api/auth/step-up/verify", lambda route: route.fulfill(**answer), times=1)
    press(page, "Replace it")
    dialog = page.get_by_role("dialog", name="Prove that it is you")
    dialog.get_by_label("Code of your authenticator app").fill("123456")
    press(page, "Confirm")
    expect(dialog.get_by_text("The question before had expired")).to_be_visible()
    window.prove(who)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
