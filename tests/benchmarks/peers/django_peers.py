# mypy: disable-error-code="import-not-found, misc, import-untyped"
# Django and the packages under test are installed in an environment of their own, where no type checker runs.
"""djangorestframework-simplejwt and django-oauth-toolkit on PostgreSQL, as WSGI applications without a server.

Rules of this module
- No middleware, no templates, connections kept open: what is left is the peer's own work.
- simplejwt: its own defaults (HS256) with rotation and blacklist. The check is a view behind `IsAuthenticated`, which
  loads the user. django-oauth-toolkit: rotation with reuse protection, opaque tokens.
"""

import io
import json
import secrets
import sys
import uuid
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import version
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from tests.benchmarks.worker import Operation, serve

_PACKAGES = ("django", "djangorestframework-simplejwt", "django-oauth-toolkit", "psycopg")
_CLIENT = "benchmark"


def configure(port: str) -> None:
    settings.configure(
        SECRET_KEY=secrets.token_hex(32),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=ModuleType("routes"),
        USE_TZ=True,
        MIDDLEWARE=[],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "rest_framework_simplejwt",
            "rest_framework_simplejwt.token_blacklist",
            "oauth2_provider",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "bench",
                "HOST": "127.0.0.1",
                "PORT": port,
                "CONN_MAX_AGE": None,
            }
        },
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        SIMPLE_JWT={
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
        },
        OAUTH2_PROVIDER={
            "ROTATE_REFRESH_TOKEN": True,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
            "SCOPES": {"read": "Read"},
            "DEFAULT_SCOPES": ["read"],
        },
    )
    django.setup()
    call_command("migrate", verbosity=0)


def mount() -> None:
    """Route the three operations. These modules can be loaded only now: they read the settings."""
    from django.urls import include, path  # noqa: PLC0415 - see above
    from rest_framework.permissions import IsAuthenticated  # noqa: PLC0415 - see above
    from rest_framework.response import Response  # noqa: PLC0415 - see above
    from rest_framework.views import APIView  # noqa: PLC0415 - see above
    from rest_framework_simplejwt.views import TokenRefreshView  # noqa: PLC0415 - see above

    class Me(APIView):
        permission_classes = (IsAuthenticated,)

        def get(self, request: Any) -> Any:
            return Response({"user": request.user.id})

    settings.ROOT_URLCONF.urlpatterns = [
        path("refresh", TokenRefreshView.as_view()),
        path("me", Me.as_view()),
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    ]


class Caller:
    """Calls a WSGI application as a server would; `empty` is an application that does nothing."""

    def __init__(self) -> None:
        self._application = get_wsgi_application()

    def __call__(
        self, path: str, body: bytes | None, kind: str, headers: Mapping[str, str], *, empty: bool = False
    ) -> Any:
        environ = {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body or b""),
            "wsgi.errors": sys.stderr,
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body or b"")),
            **headers,
        }
        status: list[str] = []
        if empty:
            return json.loads(b"".join([b"{}"]))
        answer = self._application(environ, lambda line, _: status.append(line))
        content = b"".join(answer)
        answer.close()
        if not status[0].startswith("200"):
            raise RuntimeError(f"{path}: {status[0]} {content[:200]!r}")
        return json.loads(content)


def simplejwt_operations(call: Caller, user: Any) -> dict[str, Operation]:
    from rest_framework_simplejwt.tokens import RefreshToken  # noqa: PLC0415 - reads the settings

    current = [str(RefreshToken.for_user(user))]
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {RefreshToken.for_user(user).access_token}"}

    def refresh(*, empty: bool = False) -> None:
        body = json.dumps({"refresh": current[0]}).encode()
        answer = call("/refresh", body, "application/json", {}, empty=empty)
        if not empty:
            current[0] = answer["refresh"]

    def check(*, empty: bool = False) -> None:
        call("/me", None, "", bearer, empty=empty)

    return {
        "refresh": refresh,
        "refresh.empty": lambda: refresh(empty=True),
        "check": check,
        "check.empty": lambda: check(empty=True),
    }


def toolkit_operations(call: Caller, user: Any) -> dict[str, Operation]:
    from django.utils import timezone  # noqa: PLC0415 - reads the settings
    from oauth2_provider.models import AccessToken, Application, RefreshToken  # noqa: PLC0415 - as above

    application = Application.objects.create(
        client_id=_CLIENT,
        user=user,
        client_type="public",
        authorization_grant_type="authorization-code",
        redirect_uris="https://client.example/callback",
    )
    access = AccessToken.objects.create(
        user=user,
        token=secrets.token_hex(20),
        application=application,
        expires=timezone.now() + timedelta(hours=1),
        scope="read",
    )
    current = [secrets.token_hex(20)]
    RefreshToken.objects.create(
        user=user, token=current[0], application=application, access_token=access, token_family=uuid.uuid4()
    )

    def refresh(*, empty: bool = False) -> None:
        body = f"grant_type=refresh_token&refresh_token={current[0]}&client_id={_CLIENT}".encode()
        answer = call("/o/token/", body, "application/x-www-form-urlencoded", {}, empty=empty)
        if not empty:
            current[0] = answer["refresh_token"]

    return {"toolkit_refresh": refresh, "toolkit_refresh.empty": lambda: refresh(empty=True)}


def prepare(given: dict[str, str]) -> dict[str, Operation]:
    configure(given["port"])
    mount()
    from django.contrib.auth.models import User  # noqa: PLC0415 - reads the settings

    user = User.objects.create(username="ada")
    call = Caller()
    return {**simplejwt_operations(call, user), **toolkit_operations(call, user)}


if __name__ == "__main__":
    serve(prepare, {name: version(name) for name in _PACKAGES})
