"""What a body asks of a connection, whether it may be, and what it makes of the one that is there.

Rules of this module
- Issuer and client stay what they were: people are known by their issuer, and another provider is another connection.
- A client secret is written and never read: it is sealed for this very connection, and an event tells only that it is
  there, or was replaced.
- A domain keeps its token and its proof for as long as it is named; one that is named anew must be proven anew.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from shared.audit.event import new_event_id
from shared.domain.federation import ALGORITHMS, sound_domain, sound_issuer
from shared.edge.problem import invalid_request
from shared.store.sso_connections import Connection, Domain

MOST_CONNECTIONS: Final = 20
MOST_DOMAINS: Final = 20
MAX_AGE_SECONDS: Final = 86_400
_DEFAULT_ALGORITHMS: Final = ("RS256",)  # what OpenID Connect takes where nothing is said
_NEVER_TOLD: Final = frozenset({"tenant", "connection_id", "created_at", "changed_at", "version", "secret_sealed"})

Fault = tuple[str, str]
Sealing = Callable[[str, str], bytes]  # secret, connection id


def created(tenant: str, body: Mapping[str, Any], seal: Sealing, now: float, *, loopback: bool) -> Connection:
    """Make a connection; raises `Refused` (400)."""
    faults = list(_faults(body))
    if not sound_issuer(body["issuer"], loopback=loopback):
        faults.append(("/issuer", "This must be the https address of an issuer, without query."))
    if faults:
        raise invalid_request(faults)
    connection_id, instant = new_event_id(now), int(now)
    return Connection(
        tenant=tenant,
        connection_id=connection_id,
        name=body["name"],
        issuer=body["issuer"],
        client_id=body["client_id"],
        secret_sealed=None if body["client_secret"] is None else seal(body["client_secret"], connection_id),
        algorithms=tuple(body["algorithms"] or _DEFAULT_ALGORITHMS),
        domains=_domains(body["domains"] or (), {}),
        enabled=body["enabled"] is not False,
        provisioning=body["provisioning"] is True,
        max_age_seconds=body["max_age_seconds"] or None,
        created_at=instant,
        changed_at=instant,
        version=1,
    )


def changed(before: Connection, body: Mapping[str, Any], seal: Sealing, now: float) -> Connection:
    """Give what `body` makes of `before`, which it may be itself; raises `Refused` (400)."""
    faults = list(_faults(body))
    if faults:
        raise invalid_request(faults)
    wanted: dict[str, Any] = {
        name: body[name] for name in ("name", "enabled", "provisioning") if body[name] is not None
    }
    if body["algorithms"] is not None:
        wanted["algorithms"] = tuple(body["algorithms"])
    if body["domains"] is not None:
        wanted["domains"] = _domains(body["domains"], before.domains)
    if body["max_age_seconds"] is not None:
        wanted["max_age_seconds"] = body["max_age_seconds"] or None
    if body["client_secret"] is not None:
        wanted["secret_sealed"] = seal(body["client_secret"], before.connection_id)
    after = before._replace(**wanted)
    return before if after == before else after._replace(version=before.version + 1, changed_at=int(now))


def difference(before: Connection | None, after: Connection | None) -> Mapping[str, Mapping[str, Any] | None]:
    """Say for an event what changed: `before` and `after` hold exactly that, and no secret."""
    told = _told(before), _told(after)
    if before is None or after is None:
        return {"before": told[0], "after": told[1]}
    names = [name for name, value in (told[0] or {}).items() if (told[1] or {})[name] != value]
    sides: list[dict[str, Any]] = [{name: (side or {})[name] for name in names} for side in told]
    if before.secret_sealed != after.secret_sealed and before.secret_sealed is not None:
        sides[0]["client_secret"], sides[1]["client_secret"] = "set", "replaced"
    return {"before": sides[0], "after": sides[1]}


def _told(connection: Connection | None) -> dict[str, Any] | None:
    if connection is None:
        return None
    members = {name: value for name, value in connection._asdict().items() if name not in _NEVER_TOLD}
    members["algorithms"] = list(connection.algorithms)
    members["domains"], members["verified_domains"] = sorted(connection.domains), sorted(connection.verified_domains)
    members["client_secret"] = "none" if connection.secret_sealed is None else "set"
    return members


def _domains(names: Sequence[str], known: Mapping[str, Domain]) -> Mapping[str, Domain]:
    return {name: known.get(name) or Domain(secrets.token_urlsafe(24), None) for name in names}


def _faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    algorithms, domains, age = body["algorithms"], body["domains"], body["max_age_seconds"]
    if algorithms is not None and not _some_of(algorithms, tuple(ALGORITHMS)):
        yield "/algorithms", f"This must list some of {', '.join(ALGORITHMS)}, each once."
    if domains is not None and not (
        all(map(sound_domain, domains)) and len(set(domains)) == len(domains) <= MOST_DOMAINS
    ):
        yield "/domains", f"This must list at most {MOST_DOMAINS} domains, in lower case, each once."
    if age is not None and not 0 <= age <= MAX_AGE_SECONDS:
        yield "/max_age_seconds", f"This must be a whole number from 0 (any) to {MAX_AGE_SECONDS}."


def _some_of(values: Sequence[object], options: Sequence[str]) -> bool:
    return bool(values) and all(value in options for value in values) and len(set(map(str, values))) == len(values)
