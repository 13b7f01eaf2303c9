"""What the console offers rests on the roles and permissions of the code: its own copies of them say the same."""

import re
from typing import Final

import pytest

from shared.domain.permission import ABOUT, ROLES, covers
from shared.edge.routes import ROUTES
from tests.architecture.sources import ROOT

STATIC: Final = ROOT / "functions" / "console" / "static"
ROLES_SOURCE: Final = (STATIC / "core" / "roles.js").read_text(encoding="utf-8")
PAGES_SOURCE: Final = (STATIC / "core" / "pages.js").read_text(encoding="utf-8")
# What each page that is offered in another person's name reads.
READ_BY: Final = {
    "staff": ("GET /api/staff", "GET /api/staff/{staff_id}"),
    "ip-rules": ("GET /api/ip-rules",),
    "settings": ("GET /api/settings/security",),
    "sso-connections": ("GET /api/sso-connections",),
    "legal-holds": ("GET /api/legal-holds",),
}


@pytest.mark.parametrize("role", ROLES)
def test_the_console_has_each_role_act_on_those_whom_it_covers(role: str) -> None:
    table = ROLES_SOURCE.partition("COVERED = {")[2].partition("};")[0]
    row = re.search(rf"^  {role}: \[(.*)\],$", table, re.MULTILINE)
    assert row is not None
    assert set(re.findall(r'"(\w+)"', row[1])) == {other for other in ROLES if covers(role, other)}


def test_the_console_knows_every_role() -> None:
    line = re.search(r"ROLES = \[(.*)\];", ROLES_SOURCE)
    assert line is not None
    assert tuple(re.findall(r'"(\w+)"', line[1])) == ROLES


def test_every_page_asks_for_a_permission_that_there_is() -> None:
    asked = set(re.findall(r'(?:page|alsoActing)\("[^"]+", "(\w+)"', PAGES_SOURCE))
    assert asked
    assert asked <= set(ABOUT)


def test_in_another_name_those_pages_are_offered_whose_reading_is_served_then() -> None:
    offered = set(re.findall(r'^  "?([a-z-]+)"?: alsoActing\("[^"]+", "', PAGES_SOURCE, re.MULTILINE))
    assert offered == set(READ_BY)
    served = {route.key for route in ROUTES if route.impersonation}
    assert served >= {key for keys in READ_BY.values() for key in keys}
