"""The tenants' data keys, unwrapped once per execution environment."""

from shared.audit.personal_data import PersonalData
from shared.runtime.sealed_secret import SecretSealer, data_key_context


class DataKeys:
    """Remembers unwrapped keys by tenant and ciphertext, so a re-wrapped key is unwrapped anew."""

    def __init__(self, sealer: SecretSealer) -> None:
        self._sealer = sealer
        self._open: dict[tuple[str, bytes], PersonalData] = {}

    def personal_data(self, tenant: str, data_key_sealed: bytes) -> PersonalData:
        """Give the sealer of a tenant's personal data; raises `Unavailable` and `ServiceError` of KMS."""
        known = self._open.get((tenant, data_key_sealed))
        if known is None:
            data_key = self._sealer.open(data_key_sealed, data_key_context(tenant))
            known = self._open[tenant, data_key_sealed] = PersonalData(data_key, tenant)
        return known
