"""Lambda entry of the share links: an export's links for whoever is signed in, and the use of one for who holds it."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config

from functions.share_links.flow import ShareLinks, Tables
from functions.share_links.record import Chronicler
from functions.share_links.settings import Settings
from functions.share_links.use import Tables as UseTables
from functions.share_links.use import Use
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import address_rules_of
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment

_LINKS = "/api/compliance/exports/{export_id}/share-links"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows, _ = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]], Use]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("share_links", settings)
    data_keys = DataKeys(parts.sealer)
    links, exports, keys = settings.share_links_table, settings.exports_table, settings.subject_keys_table
    flow = ShareLinks(
        dynamodb=parts.dynamodb,
        tables=Tables(links, exports, keys),
        ledger=parts.ledger,
        guard=parts.guard,
        chronicler=Chronicler(parts.dynamodb, keys, data_keys),
        public_origin=settings.public_origin,
        epoch=settings.log_epoch,
    )
    use = Use(
        dynamodb=parts.dynamodb,
        s3=boto3.client("s3", config=Config(signature_version="s3v4")),  # presigned addresses without it are SigV2
        tables=UseTables(links, exports, settings.tenants_table, keys, settings.throttles_table),
        exports_bucket=settings.exports_bucket,
        ledger=parts.ledger,
        data_keys=data_keys,
        addresses=address_rules_of(settings, parts.dynamodb, parts.ledger),
        epoch=settings.log_epoch,
        log=parts.log,
    )
    return (
        parts.door,
        {
            f"POST {_LINKS}": flow.make,
            f"GET {_LINKS}": flow.listed,
            f"DELETE {_LINKS}/{{share_id}}": flow.revoke,
            "GET /api/share/{token}": use,
        },
        use,
    )
