"""Legal holds: for whom nothing may be erased, while somebody needs it as evidence."""

from typing import Final

TENANT: Final = "tenant"
STAFF: Final = "staff"
SCOPES: Final = (TENANT, STAFF)
