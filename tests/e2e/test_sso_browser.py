"""A person signs in by the real oidc-provider in a real browser, over TLS and with IAM enforced."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from shared.store.attribute import marshal
from tests.benchmarks.peers.environments import node_environment
from tests.benchmarks.subject import NotRun
from tests.browser.window import Somebody, Window
from tests.chromium import chromium
from tests.e2e.test_permission_matrix import StageEstate
from tests.e2e.tls_front import tls_front
from tests.functions.estate import PASSWORD
from tests.installed import missing
from tests.running_stage import Stage

HERE = Path(__file__).resolve().parent
CONNECTION = "browser"
CLIENT = {
    "client_id": "muniment",
    "token_endpoint_auth_method": "none",
    "redirect_uris": [f"https://muniment.localhost/api/auth/sso/callback?connection={CONNECTION}"],
}
CONSOLE = "https://muniment.localhost"
TOKEN = f"{CONSOLE}/api/auth/sso/token"
EXCHANGE = """async (code) => {
  const headers = {"content-type": "application/json", "x-muniment-csrf": "1"};
  const body = JSON.stringify({code, mode: "cookie"});
  return (await fetch("/api/auth/sso/token", {method: "POST", headers, body})).status;
}"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Run oidc-provider, which trusts one client: the stage."""
    try:
        folder = node_environment()
    except NotRun as reason:
        missing("oidc-provider", str(reason))
    program = shutil.copy(HERE / "identity_provider.mjs", folder)
    with subprocess.Popen(  # noqa: S603 - our own program
        [str(shutil.which("node")), program, json.dumps(CLIENT)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        try:
            yield json.loads(running.stdout.readline())["issuer"]
        finally:
            running.terminate()


@pytest.fixture(scope="module")
def front(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    upstream = urlsplit(stage.demo["base_url"]).port
    assert upstream is not None
    with tls_front("muniment.localhost", upstream, tmp_path_factory.mktemp("tls")) as port:
        yield port


@pytest.fixture
def page(front: int) -> Iterator[Page]:
    rule = f"--host-resolver-rules=MAP muniment.localhost:443 127.0.0.1:{front}"
    with chromium(rule) as browser, contextlib.closing(browser.new_context(ignore_https_errors=True)) as context:
        yield context.new_page()


def trust(stage: Stage, issuer: str) -> None:
    """Make a connection whose domain is proven: the records of the world cannot be asked here."""
    row: dict[str, Any] = {
        "tenant": stage.demo["tenant"],
        "connection_id": CONNECTION,
        "name": "Browser",
        "issuer": issuer,
        "client_id": CLIENT["client_id"],
        "algorithms": ["RS256"],
        "domains": {"browser.example": {"token": "proof", "verified_at": int(time.time())}},
        "enabled": True,
        "provisioning": True,
        "max_age_seconds": 3600,
        "created_at": int(time.time()),
        "changed_at": int(time.time()),
        "version": 1,
    }
    stage.client("dynamodb").put_item(TableName=stage.deployment.outputs["SsoConnectionsTable"], Item=marshal(row))


def start_of(stage: Stage) -> str:
    return f"{CONSOLE}/api/auth/sso/{stage.demo['tenant']}/{CONNECTION}/start"


def prove(page: Page, who: str) -> None:
    """Fill in the provider's pages."""
    page.fill("input[name=login]", who)
    page.fill("input[name=password]", "anything")
    page.click("button[type=submit]")
    page.click("button[type=submit]")  # consent


def cookies(page: Page) -> Mapping[str, Any]:
    return {each["name"]: each for each in page.context.cookies(CONSOLE)}


def test_a_person_signs_in_by_a_provider_in_a_browser(stage: Stage, issuer: str, page: Page) -> None:
    trust(stage, issuer)
    page.goto(start_of(stage))
    with page.expect_response(TOKEN) as answered:
        prove(page, "grace")
    answer = answered.value.json()
    assert answer["session"]["role"] == "member"
    assert "refresh_token" not in answer
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert "sso" not in page.url
    kept = cookies(page)
    assert kept.keys() == {"__Host-rt", "__Host-did"}
    assert {(each["secure"], each["httpOnly"], each["sameSite"]) for each in kept.values()} == {(True, True, "Strict")}
    spent = answered.value.request.post_data_json or {}
    assert page.evaluate(EXCHANGE, spent["code"]) == 401
    actions = [event["action"] for event in stage.events()]
    assert [each for each in actions if each in {"USER_PROVISIONED", "AUTH_SSO_VERIFIED"}][-2:] == [
        "USER_PROVISIONED",
        "AUTH_SSO_VERIFIED",
    ]


def test_a_person_who_turns_back_at_the_provider_is_told_so_in_the_console(
    stage: Stage, issuer: str, page: Page
) -> None:
    trust(stage, issuer)
    page.goto(start_of(stage))
    page.get_by_text("Cancel").click()
    expect(page.get_by_role("alert").filter(has_text="did not confirm who you are")).to_be_visible()
    assert page.url == f"{CONSOLE}/"


def test_a_person_links_the_provider_to_the_account_that_he_has(stage: Stage, issuer: str, page: Page) -> None:
    trust(stage, issuer)
    with contextlib.closing(StageEstate(stage)) as estate:
        person = estate.new_person(stage.demo["tenant"], "member", totp=True)
    who = Somebody(person.tenant, person.staff_id, person.email, PASSWORD, person.totp_secret)
    window = Window(page, CONSOLE)
    window.sign_in(who)
    window.open("account", "Your account")
    page.get_by_role("button", name="Link an identity").click()
    page.get_by_label("Name of the connection").fill(CONNECTION)
    page.get_by_role("button", name="Go on to the provider").click()
    window.prove(who)
    prove(page, "hedy")
    expect(page.get_by_text("The identity is linked")).to_be_visible()
    expect(page.get_by_role("rowheader", name=CONNECTION)).to_be_visible()
    linked = next(event for event in reversed(stage.events()) if event["action"] == "IDENTITY_LINKED")
    assert linked["actor"]["id"] == person.staff_id
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible()
    with page.expect_response(TOKEN) as answered:
        page.goto(start_of(stage))  # the provider knows this browser by now
    assert answered.value.json()["session"]["staff_id"] == person.staff_id
