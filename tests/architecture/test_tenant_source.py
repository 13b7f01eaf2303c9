"""The tenant of whoever is signed in comes from his token: nothing that he sends is even asked for one."""

import ast
from pathlib import Path

import pytest

from functions.front.body_table import BODIES
from shared.edge.routes import ROUTES
from tests.architecture.sources import module_of, python_files, tree_of

# Where nobody is signed in yet, and whoever comes says to which tenant.
BEFORE_THE_SIGN_IN = {
    "POST /api/auth/login",
    "POST /api/auth/password/reset",
    "GET /api/auth/sso/{tenant}/{connection}/start",
}
FLOWS_BEFORE_THE_SIGN_IN = {
    "functions.login.flow",
    "functions.password.reset_request",
    "functions.sso.start",
}
SENT = {"query", "path_parameters", "headers", "cookies"}


def names_tenant(path: str) -> bool:
    return any("tenant" in segment for segment in path.split("/") if segment.startswith("{"))


def test_only_routes_before_the_sign_in_take_a_tenant() -> None:
    in_body = {key for key, body in BODIES.items() if any("tenant" in field.name for field in body.fields)}
    in_path = {route.key for route in ROUTES if names_tenant(route.path)}
    assert in_body | in_path == BEFORE_THE_SIGN_IN
    assert [route.key for route in ROUTES if route.authenticated and route.key in BEFORE_THE_SIGN_IN] == []


@pytest.mark.parametrize("path", python_files("functions"), ids=module_of)
def test_flows_of_the_signed_in_read_no_tenant_from_the_request(path: Path) -> None:
    if module_of(path) in FLOWS_BEFORE_THE_SIGN_IN:
        return
    assert [ast.unparse(node) for node in ast.walk(tree_of(path)) if reads_tenant(node)] == []


def reads_tenant(node: ast.AST) -> bool:
    """Tell whether `node` is `body["tenant"]`, `request.query.get("tenant_id")` or the like."""
    source, key = None, None
    if isinstance(node, ast.Subscript):
        source, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        source, key = node.func.value, node.args[0]
    named = isinstance(key, ast.Constant) and isinstance(key.value, str) and "tenant" in key.value.lower()
    if isinstance(source, ast.Attribute):
        return named and source.attr in SENT
    return named and isinstance(source, ast.Name) and source.id in {"body", *SENT}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('body["tenant"]', True),
        ('request.query.get("tenant")', True),
        ('request.path_parameters["tenant_id"]', True),
        ('request.headers.get("x-tenant", "")', True),
        ('row["tenant"]', False),
        ('request.query["from"]', False),
    ],
)
def test_what_counts_as_reading_a_tenant(text: str, *, found: bool) -> None:
    assert any(reads_tenant(node) for node in ast.walk(ast.parse(text))) is found
