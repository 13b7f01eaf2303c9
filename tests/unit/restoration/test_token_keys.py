"""The keys of access tokens after a restore: which are suspect, and that none is ended behind somebody's back."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from infra.restoration import token_keys
from infra.restoration.token_keys import TokenKeys
from shared.domain.signing_key import CURRENT, NEXT, PREVIOUS, RETIRED, REVOKED, SigningKey
from shared.store.item import Item
from shared.store.signing_keys import Ring
from shared.store.transaction import Contended

RESTORED_AT = 1_000
RING = Ring(
    7,
    (
        SigningKey("b-current", CURRENT, RESTORED_AT),
        SigningKey("a-next", NEXT, RESTORED_AT - 1),
        SigningKey("c-previous", PREVIOUS, 1),
        SigningKey("d-retired", RETIRED, 1),
        SigningKey("e-revoked", REVOKED, 1),
        SigningKey("f-made-since", CURRENT, RESTORED_AT + 1),
    ),
)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> TokenKeys:
    monkeypatch.setattr(token_keys, "read_ring", lambda *_: RING)
    return TokenKeys(cast("Any", None), "signing_keys")


def test_whatever_may_sign_or_verify_and_was_there_at_the_restore_is_suspect(keys: TokenKeys) -> None:
    assert keys.suspect(RESTORED_AT) == ["a-next", "b-current", "c-previous"]
    assert keys.suspect(RESTORED_AT - 1) == ["a-next", "c-previous"]


def test_all_are_ended_in_one_change_of_the_keys_as_they_were_read(
    keys: TokenKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, list[str]]] = []

    def changed(_dynamodb: object, _table: str, revision: int, items: Sequence[Item]) -> bool:
        asked.append((revision, [str(dict(item.key)["kid"]) for item in items]))
        return True

    monkeypatch.setattr(token_keys, "changed", changed)
    keys.revoke(["a-next", "b-current"], 2_000.5)
    assert asked == [(7, ["a-next", "b-current"])]
    keys.revoke([], 2_000.5)
    assert len(asked) == 1


def test_keys_that_somebody_changes_meanwhile_are_not_said_to_be_ended(
    keys: TokenKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_keys, "changed", lambda *_: False)
    with pytest.raises(Contended):
        keys.revoke(["a-next"], 2_000.5)
