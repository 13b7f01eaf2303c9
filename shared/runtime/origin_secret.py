"""The secret that CloudFront shares with the origin, from Secrets Manager: the current and the previous value."""

from collections.abc import Callable
from typing import Final

from shared.store.wire import JsonService, ServiceError

_FRESH_SECONDS: Final = 60  # a rotated secret is accepted everywhere within this time; the edge is updated later


class StoredOriginSecrets:
    """Reads both versions at most once a minute; nothing is read until the first value is asked for."""

    def __init__(self, secretsmanager: JsonService, arn: str, clock: Callable[[], float]) -> None:
        self._secretsmanager = secretsmanager
        self._arn = arn
        self._clock = clock
        self._values: tuple[str, ...] = ()
        self._stale_at = 0.0

    def values(self) -> tuple[str, ...]:
        """Give the accepted values; raises `Unavailable` and `ServiceError` when they cannot be read."""
        now = self._clock()
        if now >= self._stale_at:
            stages = (self._value("AWSCURRENT"), self._value("AWSPREVIOUS"))
            self._values = tuple(value for value in stages if value)
            self._stale_at = now + _FRESH_SECONDS
        return self._values

    def _value(self, stage: str) -> str | None:
        try:
            answer = self._secretsmanager.call("GetSecretValue", {"SecretId": self._arn, "VersionStage": stage})
        except ServiceError as refusal:
            # A secret that was never rotated has no previous value.
            if stage == "AWSPREVIOUS" and refusal.code == "ResourceNotFoundException":
                return None
            raise
        return str(answer["SecretString"])
