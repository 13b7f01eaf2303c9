"""What policies, diagram and answers claim is what is in force: every figure, every condition, nothing else."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from shared.audit.catalogue import load
from shared.domain.refresh_token import token_hash
from shared.domain.risk import MODES, OBSERVE, OFF, RULES
from shared.domain.security_policy import CHOICES, NUMBERS
from shared.edge.routes import ROUTES
from shared.evidence.documents.facts import HASH_OF_TOKENS, every, spoken
from shared.evidence.documents.lifecycle import ALL_SENTENCES, lines_of, mermaid, svg
from shared.evidence.documents.policies import POLICIES
from shared.evidence.documents.questions import QUESTIONS, Moment, answers
from shared.evidence.documents.sentences import Facts, Sentence
from shared.evidence.documents.terms import DeploymentTerms
from shared.evidence.documents.texts import texts, together
from tests.architecture.published import facts, published
from tests.architecture.sources import ROOT

SENTENCES = [
    *(each for document in POLICIES for each in document.sentences()),
    *(each for question in QUESTIONS for each in (Sentence(question.question), *question.sentences)),
    *ALL_SENTENCES,
]
PLACE = re.compile(r"\{[a-z_]+\}")
CITATION = re.compile(r"\bCC[6-9](\.\d)?\b|\bRFC \d+( section \d+(\.\d+)*)?")
NUMBER_WORDS = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|sixty|ninety|hundred|thousand"
    r"|twice|dozen)\b",
    re.IGNORECASE,
)
MOMENTS = (
    Moment(),
    Moment(
        digest={"no": 7, "tree_size": 1_204, "signed_at": "2026-10-01T00:00:00.000Z"},
        verification={"at": "2026-10-02T00:00:00.000Z", "digest": 6},
        holds=1,
        cleaned_at="2026-10-01T00:00:00.000Z",
        effective_ms=(8, 12, 40),
        unread=2,
    ),
)


UNSHARED = [route for route in ROUTES if not route.path.startswith("/api/share/")]


def modes(mode: str) -> dict[str, Any]:
    return {"risk_modes": {rule.name: mode for rule in RULES}}


def variants() -> Iterator[Facts]:
    """Give facts under which, together, every condition comes and goes."""
    yield facts()
    yield facts()._replace(flags=facts().flags - {"since_known", "of_tenant"} | {"since_unknown", "of_nobody"})
    yield from (facts({choice.name: option}) for choice in CHOICES for option in choice.options)
    yield facts({"concurrency_window_seconds": 0, "lost_response_window_seconds": 0})
    yield facts({"single_factor_absolute_seconds": 36_000})
    yield from (facts(modes(mode)) for mode in MODES)
    yield facts(new=True)
    yield facts(vault_lock_mode="GOVERNANCE", exports_lock_mode="GOVERNANCE")
    yield facts(routes=UNSHARED)


def everything(given: Facts, moment: Moment = MOMENTS[0]) -> str:
    """Write all that can be written of these facts."""
    answered = " ".join(sentence for each in answers(given, {}, moment) for sentence in each.sentences)
    return "\n".join([together(given, load()), svg(given), answered])


@pytest.mark.parametrize("path", published())
def test_published_document_is_that_of_the_code(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == published()[path], f"{path} differs: make docs writes it"


def test_no_sentence_holds_a_figure_of_its_own() -> None:
    bare = {each.text: CITATION.sub("", PLACE.sub("", each.text)) for each in SENTENCES}
    assert [text for text, rest in bare.items() if re.search(r"\d", rest) or NUMBER_WORDS.search(rest)] == []
    titles = [document.title for document in POLICIES]
    assert [title for title in titles if re.search(r"\d", CITATION.sub("", title))] == []


def test_every_sentence_is_true_of_some_settings_and_every_condition_has_its_contrary() -> None:
    seen = [given.flags | set(moment.flags()) for given in variants() for moment in MOMENTS]
    for sentence in SENTENCES:
        if sentence.when:
            needed = set(sentence.when.split())
            assert any(needed <= flags for flags in seen), sentence
            assert any(not needed <= flags for flags in seen), sentence


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_another_number_is_another_text(number: Any) -> None:
    """A setting that no text speaks of fails here: say in shared/evidence/documents what it does."""
    other = number.default - 1 if number.default == number.most else number.default + 1
    assert everything(facts({number.name: other})) != everything(facts())


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_another_choice_is_another_text(choice: Any) -> None:
    written = [everything(facts({choice.name: option})) for option in choice.options]
    assert len(set(written)) == len(choice.options)


@pytest.mark.parametrize("name", [field.name for field in fields(DeploymentTerms)])
def test_another_deployment_is_another_text(name: str) -> None:
    changed: Any = "GOVERNANCE" if name.endswith("_mode") else 7
    assert everything(facts(**{name: changed})) != everything(facts())


# What is said under a setting and its contrary, which must not be: (own settings, terms) -> says, does not say.
CLAIMS: Mapping[str, tuple[Facts, list[str], list[str]]] = {
    "risk observes": (
        facts(modes(OBSERVE)),
        ["the score is always zero", "asks nobody of this tenant", "ends no session of this tenant", "No signals that"],
        ["a second factor is asked for", "every session of the person ends", "second factor first"],
    ),
    "risk is off": (
        facts(modes(OFF)),
        ["the score is always zero", "Switched off: `FIRST_LOGIN`, `DEVICE_MISMATCH`"],
        ["a second factor is asked for", "second factor first"],
    ),
    "risk blocks nobody": (
        facts(
            {
                "step_up_score": 30,
                "block_score": 99,
                **modes(OFF),
                "risk_modes": {rule.name: "enforce" if rule.name == "NEW_DEVICE" else "off" for rule in RULES},
            }
        ),
        ["From 30 to 98 a second factor is asked for", "by device.", "ends no session of this tenant"],
        ["nothing opens, every session", "location, network", "or more: every session", "or more: refused"],
    ),
    "nobody impersonates": (
        facts({"impersonation": "off"}),
        ["Impersonation is switched off", "this tenant has it switched off"],
        ["X-Impersonated-By", "told by mail when it", "may write"],
    ),
    "impersonation reads": (
        facts({"impersonation": "read"}),
        ["Reading is all", "It may read and nothing else"],
        ["may write"],
    ),
    "nobody is told of an impersonation": (
        facts({"impersonation_notice": "never"}),
        ["switched off the mail", "sends the person no mail"],
        ["told by mail when it"],
    ),
    "no retries": (
        facts({"concurrency_window_seconds": 0, "lost_response_window_seconds": 0}),
        ["No window for retries is open", "No retry is answered"],
        ["same successor", "Not detected is a thief", "is not noticed before"],
    ),
    "reuse ends the family": (
        facts({"reuse_scope": "family"}),
        ["this tenant has chosen so", "By this tenant's choice"],
        [
            "All other sessions of that person end",
            "Every session of the person ends with it",
            "and every session of the person",
        ],
    ),
    "the limit denies": (facts({"session_limit_action": "deny"}), ["One more sign-in is refused"], ["ends the oldest"]),
    "the lock can be bypassed": (
        facts(vault_lock_mode="GOVERNANCE", exports_lock_mode="GOVERNANCE"),
        ["allowed to bypass it can delete one", "The lock can be bypassed", "A bundle can be deleted before"],
        ["the owner of the account included", "No bundle can be deleted"],
    ),
    "a new tenant": (facts(new=True), ["only observe for the first 14 days"], []),
    "links cannot be shared": (facts(routes=UNSHARED), [], ["a link that one of them shares", "A shared link"]),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_the_settings_switched_off_is_not_claimed(name: str) -> None:
    given, said, unsaid = CLAIMS[name]
    text = everything(given)
    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []
    usual = everything(facts())
    assert [part for part in said if part in usual] == []
    assert [part for part in unsaid if part not in usual] == []


def test_answers_tell_what_was_read_and_no_more() -> None:
    nothing, read = (everything(facts(), moment) for moment in MOMENTS)
    for part in ("number 7 of", "over 1204 events", "up to digest 6", "that count now: 1.", "slowest took 40 ms, half"):
        assert part in read
        assert part not in nothing
    assert "half of them 12 ms at most" in read
    assert "2 earlier ones of the range were not read" in read
    assert "No digest has been signed yet" in nothing


def test_counts_are_zero_where_the_log_has_nothing() -> None:
    (first, *_) = answers(facts(), {"REFRESH_TOKEN_REUSED": 3, "AUTH_LOGOUT": 9}, Moment())
    assert first.counts == {
        "REFRESH_TOKEN_REUSED": 3,
        "SUSPICIOUS_LOGIN_DETECTED": 0,
        "AUTH_TOKEN_REFRESH_REPLAYED": 0,
    }


def test_evidence_of_an_answer_holds_what_it_counts() -> None:
    reports = load().reports
    for question in QUESTIONS:
        told = [reports[slug] for slug in question.reports]
        held = {action for report in told for action in report.actions if action not in report.where}
        assert set(question.actions) <= held, question.id


def test_wording_promises_nothing_that_cannot_be_kept() -> None:
    for given in variants():
        for word in ("satisf", "tamper-proof", "immutable", "compliant", "guarantee"):
            assert word not in everything(given, MOMENTS[1]).lower()


def test_criteria_of_a_policy_are_those_of_its_reports() -> None:
    told = {text.section: set(text.tsc) for text in texts(facts(), load())}
    assert told["CC9"] >= {"CC4.1", "CC6.7", "CC7.2", "C1.2"}
    assert told[None] == set()


def test_hash_that_is_named_is_the_one_that_is_taken() -> None:
    assert hashlib.new(HASH_OF_TOKENS, b"rt1.a.b").hexdigest() == token_hash("rt1.a.b")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((0, "0 seconds"), (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (5_400, "90 minutes")),
        *((86_400, "24 hours"), (172_800, "2 days"), (220_924_800, "2,557 days"), (93_600, "26 hours")),
    ],
)
def test_durations_are_said_in_the_largest_whole_unit(seconds: int, said: str) -> None:
    assert spoken(seconds) == said


def test_a_period_of_one_is_named_without_it() -> None:
    assert [every(minutes) for minutes in (1, 5, 60, 1_440)] == ["minute", "5 minutes", "hour", "24 hours"]


def test_drawing_is_black_on_white_needs_nothing_from_elsewhere_and_fits() -> None:
    for given in variants():
        text = svg(given)
        root = ET.fromstring(text)  # noqa: S314 - our own
        assert set(re.findall(r"#[0-9a-f]{3,6}\b", text)) == {"#000", "#fff"}
        assert set(re.findall(r"[a-z]+://[^\"]*", text)) == {"http://www.w3.org/2000/svg"}
        assert root.get("font-family") == "sans-serif"
        assert max(map(len, lines_of(given))) <= 52  # of about 7 units each, in a box of 376
        boxes = [each for each in root if each.tag.endswith("rect")][1:]
        spans = [(float(each.get("y", 0)), float(each.get("height", 0))) for each in boxes]
        assert all(top + height < below for (top, height), (below, _) in pairwise(spans))
        assert sum(spans[-1]) <= float(root.get("height", 0))


def test_mermaid_label_ends_where_it_should() -> None:
    for given in variants():
        for line in mermaid(given).splitlines()[1:]:
            assert re.fullmatch(r'  [a-z_]+(\["[^"]+"\]| -->\|"[^"]+"\| [a-z_]+)', line), line
