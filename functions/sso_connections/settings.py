"""What the connections read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`public_origin` is where browsers find this service; `loopback_issuers`: providers on 127.0.0.1 are allowed."""

    sso_connections_table: str
    outbox_table: str
    public_origin: str
    loopback_issuers: bool
