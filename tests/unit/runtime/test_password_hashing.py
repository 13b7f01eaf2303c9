"""Hashes of passwords, and the bundled list of common ones."""

import subprocess
import sys

from argon2 import PasswordHasher

from infra.common_passwords import SHORT_ENTRIES, TARGET, packed, selected
from shared.domain.password import MIN_ALONE, MIN_WITH_SECOND_FACTOR, folded, rejections
from shared.runtime.argon2id import DUMMY, hashed, needs_rehash, proves
from shared.runtime.password_blocklist import common_passwords, listed, origin


def test_hash_of_other_parameters_is_made_anew_and_still_proves() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("plum violet anchor")
    assert proves("plum violet anchor", weaker)
    assert needs_rehash(weaker)
    assert not needs_rehash(hashed("plum violet anchor"))
    assert not needs_rehash(DUMMY)
    assert not needs_rehash("damaged")


def test_list_holds_three_thousand_entries_of_either_minimum_and_more() -> None:
    """ASVS 6.2.4: the top 3,000 that satisfy the policy, whichever of the two minimums it has."""
    assert sum(len(entry) >= MIN_ALONE for entry in common_passwords()) > 9_000
    assert sum(len(entry) >= MIN_WITH_SECOND_FACTOR for entry in common_passwords()) > 3_000
    assert min(map(len, common_passwords())) == MIN_WITH_SECOND_FACTOR


def test_every_entry_is_folded_and_refused() -> None:
    entries = sorted(common_passwords())
    assert all(folded(entry) == entry for entry in entries)
    refused = [rejections(entry, second_factor=True, listed=listed) for entry in entries[::97]]
    assert all("common" in reasons for reasons in refused)


def test_well_known_ones_are_listed_and_a_passphrase_is_not() -> None:
    assert listed("password1")
    assert listed("1qaz2wsx3edc4rfv")
    assert not listed("correct horse battery staple")
    assert not listed("")


def test_list_names_its_source_and_licence() -> None:
    assert "SecLists" in origin()
    assert "MIT License" in origin()
    assert "Permission is hereby granted" in origin()


def test_list_is_what_its_script_writes() -> None:
    assert packed(sorted(common_passwords())) == TARGET.read_bytes()


def test_script_keeps_the_most_frequent_short_ones_all_long_ones_and_nothing_unconfirmed() -> None:
    ranked = ["short", "Password", "password", "unconfirmed long one", "a long one of old", "tenletters"]
    kept = {"a long one of old", "tenletters"}
    assert selected(ranked, kept) == ["a long one of old", "password", "tenletters"]
    many = [f"x{number:08d}" for number in range(SHORT_ENTRIES + 10)]
    assert len(selected(many, set())) == SHORT_ENTRIES
    assert many[-1] not in selected(many, set())


def test_importing_the_list_reads_nothing() -> None:
    program = (
        "import sys, builtins, pathlib; read = pathlib.Path.read_bytes\n"
        "pathlib.Path.read_bytes = lambda path: (_ for _ in ()).throw(AssertionError(path))\n"
        "import shared.runtime.password_blocklist\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - our own program
