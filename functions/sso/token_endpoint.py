"""The provider's token endpoint: a code, our PKCE verifier and the secret of a confidential client, for an ID token."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from functions.sso.distrust import Distrusted
from functions.sso.outbound import Outbound
from functions.sso.provider import Metadata
from shared.runtime.sealed_secret import SecretSealer, sso_client_context
from shared.store.sso_connections import Connection


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    outbound: Outbound
    sealer: SecretSealer

    def redeem(
        self, connection: Connection, metadata: Metadata, code: str, verifier: str, redirect_uri: str
    ) -> Mapping[str, Any]:
        """Give the endpoint's answer, unverified; raises `Distrusted`."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if connection.secret_sealed is None:
            form["client_id"] = connection.client_id
        else:
            secret = self._secret(connection, connection.secret_sealed)
            if metadata.secret_in_form:
                form |= {"client_id": connection.client_id, "client_secret": secret}
            else:
                headers["Authorization"] = _basic(connection.client_id, secret)
        answer = self.outbound.post(metadata.token_endpoint, form, headers)
        if str(answer.get("token_type", "")).lower() != "bearer":
            raise Distrusted("SSO_TOKEN_MISSING")
        return answer

    def _secret(self, connection: Connection, sealed: bytes) -> str:
        return self.sealer.open(sealed, sso_client_context(connection.tenant, connection.connection_id)).decode()


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749 section 2.3.1: both are form-encoded before they are joined."""
    joined = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(joined.encode()).decode()}"
