"""Environment of the share links."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`public_origin` is where browsers find this service; `data_key_id` also opens the tenants' data keys."""

    share_links_table: str
    exports_table: str
    throttles_table: str
    exports_bucket: str
    public_origin: str
