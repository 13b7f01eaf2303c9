"""Address rules at the three doors of single sign-on: on the way out, on the way back, and at the code."""

from tests.functions.address_book import HOME, OFFICE, put_rules
from tests.functions.single_sign_on import Browser, Federation, federation, provider
from tests.functions.test_address_enforcement import DENY_OFFICE, enforced, refused
from tests.functions.test_sso_sign_in import ADA

__all__ = ["federation", "provider"]


def test_rules_hold_at_each_door_and_nothing_is_spent_by_the_refusal(federation: Federation) -> None:
    estate, tenant = federation.estate, federation.tenant
    put_rules(estate, tenant, DENY_OFFICE)
    browser = Browser(federation, HOME)
    back = browser.leave(ADA)
    browser.place = OFFICE
    assert refused(browser.start())
    assert refused(browser.come_back(back))
    browser.place = HOME
    code = browser.code_of(browser.come_back(browser.leave(ADA)))
    browser.place = OFFICE
    assert refused(browser.exchange(code, device_id="device-1"))
    browser.place = HOME
    assert browser.exchange(code, device_id="device-1").status == 200
    (line,) = enforced(estate, tenant)
    assert (line["outcome"], line["reason"], line["actor"]["type"]) == ("denied", "DENY_RULE", "anonymous")


def test_somebody_new_is_not_provisioned_from_a_denied_address(federation: Federation) -> None:
    put_rules(federation.estate, federation.tenant, DENY_OFFICE)
    browser = Browser(federation, HOME)
    back = browser.leave(ADA)
    browser.place = OFFICE
    assert refused(browser.come_back(back))
    assert "USER_PROVISIONED" not in federation.estate.actions(federation.tenant)
