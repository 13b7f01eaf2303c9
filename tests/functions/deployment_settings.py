"""What the functions of the tests read from their environment, besides the names of resources."""

from collections.abc import Mapping
from typing import Final

SETTINGS: Final[Mapping[str, str]] = {
    "EDGE_REQUIRED": "false",
    "LOG_NAME": "local",
    "LOG_EPOCH": "1",
    "LOG_LANES": "1",  # one lane numbers all commits: that is how these tests know who came first
    "WRITER_GIVE_UP_SECONDS": "20",
    "AUDIT_LOG_TTL_SECONDS": "630720000",  # twenty years: tests write in the past, and go on today
    "ISSUER": "https://muniment.example",
    "AUDIENCE": "muniment",
    "ALLOWED_ORIGINS": "https://muniment.example",
    "ACCESS_TOKEN_SECONDS": "600",
    "REFRESH_IDLE_SECONDS": "28800",
    "REFRESH_ABSOLUTE_SECONDS": "86400",
    "CONCURRENCY_WINDOW_SECONDS": "10",
    "LOST_RESPONSE_WINDOW_SECONDS": "86400",
    "MAX_REPLAYS": "8",
    "SECURITY_RETENTION_SECONDS": "15552000",
    "SIGNING_KEY_ROTATION_SECONDS": "7776000",
    "SIGNING_KEY_PUBLISH_SECONDS": "86400",
    "VAULT_LOCK_MODE": "COMPLIANCE",
    "VAULT_RETENTION_DAYS": "2557",
    "EXPORTS_LOCK_MODE": "COMPLIANCE",
    "EXPORTS_RETENTION_DAYS": "1096",
    "AUDIT_SEAL_MINUTES": "5",
    "AUDIT_DIGEST_MINUTES": "60",
    "AUDIT_VERIFY_MINUTES": "1440",
    "CLEANUP_MINUTES": "60",
    "PUBLIC_ORIGIN": "https://muniment.example",
    "MAIL_FROM": "no-reply@muniment.example",
    "EVENT_BUS_NAME": "default",
    "SOFTWARE_VERSION": "0.1.0",
    "STAGE_NAME": "local",
    "LOOPBACK_ISSUERS": "true",
}
