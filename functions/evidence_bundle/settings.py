"""Environment of the bundle's HTTP side."""

from __future__ import annotations

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    exports_table: str
    share_links_table: str
    throttles_table: str
    outbox_table: str
    exports_bucket: str
