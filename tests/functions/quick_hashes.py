"""Passwords and recovery codes that are hashed with next to no work: what a hash costs, tests/unit/runtime asks."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher

import shared.runtime.argon2id
import tests.functions.estate
from tests.functions.estate import PASSWORD


@contextmanager
def quick_hashes() -> Iterator[None]:
    """Take the least that argon2id takes for today's parameters, and for the password of everybody who is new."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.runtime.argon2id, "_HASHER", quick)
        patch.setattr(tests.functions.estate, "_HASH", quick.hash(PASSWORD))
        yield
