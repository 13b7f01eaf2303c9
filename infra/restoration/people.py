"""The people of a tenant after a restore: each one's correction is one commit with its event, or it was made before.

What says that somebody is corrected is his gate row itself: `epoch` is the epoch of the log that knows all about him.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from infra.restoration.erasures import Erasures
from infra.restoration.operation import Operation
from shared.audit.canonical import Json
from shared.audit.event import Target
from shared.domain.restoration import Correction, Found, Replay, Told, correction
from shared.runtime.argon2id import hashed
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.identities import Identities, changed_identities, identities_of
from shared.store.item import Item, delete, get, update
from shared.store.second_factors import Factors, factors_of, removed_factors, replaced_recovery_codes
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import (
    GateRow,
    factor_key,
    gate_key,
    gate_of,
    identity_key,
    named,
    people_of,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the restored tables have him. `password` None: an identity provider says who he is.

    `rows` are all that `tenant_staff` holds of him, by their names.
    """

    staff_id: str
    gate: GateRow
    epoch: int
    password: str | None
    factors: Factors
    identities: Identities
    rows: Mapping[str, Row]

    def found(self) -> Found:
        totp = self.factors.totp
        return Found(
            status=self.gate.status,
            role=self.gate.role,
            session_version=self.gate.session_version,
            must_enrol=self.gate.must_enrol,
            has_password=self.password is not None,
            totp_step=None if totp is None else totp.last_totp_step,
            passkeys=len(self.factors.passkeys.passkeys),
            codes=len(self.factors.recovery.codes),
            identities=len(self.identities.links),
        )


@dataclass(frozen=True, slots=True)
class People:
    operation: Operation
    tenant: str

    def read(self) -> Iterator[Person]:
        """Read everybody of the tenant who has a gate, in the order of the staff ids."""
        rows = people_of(self.operation.dynamodb, self.operation.tables.tenant_staff, self.tenant)
        for staff_id, own in groupby(rows, lambda row: row["item"].partition("#")[0]):
            found = named(list(own))
            if f"{staff_id}#gate" in found:
                yield self._person(staff_id, found)

    def waiting(self) -> Iterator[Person]:
        """Read those whom this restore has not corrected yet."""
        return (person for person in self.read() if person.epoch < self.operation.epoch)

    def correct(self, person: Person, replay: Replay) -> Correction:
        """Commit what is made of `person`; raises `Contended` where somebody else changes him: nobody should by now."""
        made, told = self.planned(person, replay), replay.of(person.staff_id)
        operation = self.operation
        subjects = self._erasures.subjects(person.staff_id, told, person.rows)
        self._erasures.forget(person.staff_id, subjects)
        event = operation.event(
            f"tenant_staff/{person.staff_id}",
            Target("user", person.staff_id),
            change={"before": _told(person.gate), "after": _told(_after(person.gate, made))},
            meta={"measures": ["sessions", *made.measures]},
        )
        if told.erased is None:
            items = self._items(person, made)
        else:
            items = [
                self._gate(person, made),
                *self._erasures.ended(person.staff_id, told.erased, subjects, person.rows),
            ]
        operation.commit(self.tenant, items, event)
        return made

    def planned(self, person: Person, replay: Replay) -> Correction:
        return correction(person.found(), replay.of(person.staff_id), self.operation.step)

    def _person(self, staff_id: str, rows: Mapping[str, Row]) -> Person:
        operation = self.operation
        salt = get(operation.dynamodb, operation.tables.subject_keys, subject_key(self.tenant, staff_id))
        gate = rows[f"{staff_id}#gate"]
        return Person(
            staff_id=staff_id,
            gate=gate_of(gate),
            epoch=int(gate.get("epoch", 1)),
            password=rows.get(f"{staff_id}#factor#password", {}).get("hash"),
            factors=factors_of(rows, staff_id, None if salt is None else salt["salt"]),
            identities=identities_of(rows.get(f"{staff_id}#identities")),
            rows=rows,
        )

    def erase_absent(self, staff_id: str, told: Told) -> None:
        """Erase again whom the restored tables do not have as a person; his salts and invites may be there."""
        subjects = self._erasures.subjects(staff_id, told, {})
        self._erasures.forget(staff_id, subjects)
        if told.erased is not None:
            self._erasures.tombstone(staff_id, told.erased, subjects)

    @property
    def _erasures(self) -> Erasures:
        return Erasures(self.operation, self.tenant)

    def _items(self, person: Person, made: Correction) -> list[Item]:
        return [
            self._gate(person, made),
            *self._password(person, made),
            *self._factors(person, made),
            *self._identities(person, made),
        ]

    def _gate(self, person: Person, made: Correction) -> Item:
        operation = self.operation
        set_: dict[str, Any] = {
            "status": made.status,
            "role": made.role,
            "session_version": made.session_version,
            "invites_void_before": int(operation.now),
            "epoch": operation.epoch,
        }
        return update(
            operation.tables.tenant_staff,
            gate_key(self.tenant, person.staff_id),
            equals("status", person.gate.status),
            equals("role", person.gate.role),
            equals("session_version", person.gate.session_version),
            set_=set_ | ({"must_enrol": True} if made.must_enrol else {}),
            remove=() if made.must_enrol else ("must_enrol",),
            label="gate",
        )

    def _password(self, person: Person, made: Correction) -> Iterator[Item]:
        """Void a reset that may have been used since; where the password is another one by now, nothing fits it."""
        if person.password is None:
            return
        table, key = self.operation.tables.tenant_staff, factor_key(self.tenant, person.staff_id, "password")
        # A hash stays, of what nobody knows: without one the person could ask for no link to a new password.
        unknown = {"hash": hashed(secrets.token_urlsafe(32))} if made.no_password else {}
        yield update(
            table, key, equals("hash", person.password), set_=unknown, remove=("reset_hash",), label="password"
        )

    def _factors(self, person: Person, made: Correction) -> Iterator[Item]:
        table, factors = self.operation.tables.tenant_staff, person.factors
        if made.no_factors:
            yield from removed_factors(table, self.tenant, person.staff_id, factors)
            return
        if made.no_codes:
            yield replaced_recovery_codes(table, self.tenant, person.staff_id, factors.recovery, ())
        if made.totp_step is not None and factors.totp is not None:
            yield update(
                table,
                factor_key(self.tenant, person.staff_id, "totp"),
                equals("secret_sealed", factors.totp.secret_sealed),
                set_={"last_totp_step": made.totp_step},
                label="totp",
            )

    def _identities(self, person: Person, made: Correction) -> Iterator[Item]:
        if not made.no_identities:
            return
        table = self.operation.tables.tenant_staff
        yield changed_identities(table, self.tenant, person.staff_id, person.identities, {})
        for digest in person.identities.links:
            yield delete(table, identity_key(self.tenant, digest), label="identity")


def _after(gate: GateRow, made: Correction) -> GateRow:
    return gate._replace(status=made.status, role=made.role, session_version=made.session_version)


def _told(gate: GateRow) -> dict[str, Json]:
    return {"role": gate.role, "status": gate.status, "session_version": gate.session_version}
