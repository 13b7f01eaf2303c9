"""Six questions that auditors ask, with answers out of the settings in force and counts out of the log.

Rules of this module
- What the settings have switched off is not claimed: a sentence that depends on them names its condition.
- Counts are those of one range, by action. An action without an event counts 0: that is an answer, too.
- What was read at the moment (`Moment`) is told where somebody read it; a bundle has its own range and digests only.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shared.evidence.documents.sentences import Facts, Sentence, paragraph, said, table


class Question(NamedTuple):
    """`actions` are counted; `reports` name the evidence by the slugs of the catalogue."""

    id: str
    question: str
    sentences: tuple[Sentence, ...]
    actions: tuple[str, ...]
    reports: tuple[str, ...]


class Moment(NamedTuple):
    """What was read beside the settings; None: nobody has looked. Instants are texts of the log.

    `digest` is `{no, tree_size, signed_at}` of the last signed digest, `verification` `{at, digest}` of the last
    verification. `effective_ms` are those of the latest deactivations of the range, `unread` how many more there are.
    """

    digest: Mapping[str, Any] | None = None
    verification: Mapping[str, Any] | None = None
    holds: int | None = None
    cleaned_at: str | None = None
    effective_ms: tuple[int, ...] | None = None
    unread: int = 0

    def values(self) -> dict[str, str]:
        told: dict[str, str] = {}
        if self.digest is not None:
            told |= {f"digest_{name}": str(value) for name, value in self.digest.items()}
        if self.verification is not None:
            told |= {f"verified_{name}": str(value) for name, value in self.verification.items()}
        if self.effective_ms:
            told["slowest_ms"] = str(max(self.effective_ms))
            told["median_ms"] = str(round(statistics.median(self.effective_ms)))
            told["measured"] = str(len(self.effective_ms))
        return {**told, "unread": str(self.unread), "holds": str(self.holds), "cleaned_at": str(self.cleaned_at)}

    def flags(self) -> Iterator[str]:
        yield "digest" if self.digest is not None else "no_digest"
        yield "verified" if self.verification is not None else "not_verified"
        if self.holds is not None:
            yield "holds"
        if self.cleaned_at is not None:
            yield "cleaned"
        yield "measured" if self.effective_ms else "not_measured"
        if self.unread:
            yield "unread"


def _question(
    id_: str, question: str, *sentences: str | Sentence, actions: tuple[str, ...], reports: tuple[str, ...]
) -> Question:
    return Question(id_, question, paragraph(*sentences).sentences, actions, reports)


QUESTIONS: tuple[Question, ...] = (
    _question(
        "stolen-tokens",
        "What keeps a stolen refresh token from being used again?",
        "A refresh token is exchanged at each use, yields one successor ever, and is kept as its {token_hash} hash"
        " only.",
        "Until a successor was seen in use it also lies encrypted under a key that only the token before it yields.",
        Sentence(
            "From the same device the token that was just exchanged gives that same successor once more, for"
            " {concurrency_window}.",
            "concurrency_window",
        ),
        Sentence(
            "A client that names its device and lost the answer gets it for {lost_response_window}, while nobody has"
            " used it.",
            "lost_window",
        ),
        Sentence("No retry is answered: a token that was presented once is spent.", "strict"),
        "A spent token that is presented otherwise ends its family in the same commit.",
        Sentence("Every session of the person ends with it.", "reuse_user"),
        Sentence("By this tenant's choice the person's other sessions go on.", "reuse_family"),
        "The token stays on file for {security_retention} with `revoke_reason` `{reuse_reason}`.",
        Sentence(
            "A thief with the token and the device's identifier, who exchanges within {concurrency_window} of the owner"
            " each time, is not noticed before the absolute limit.",
            "concurrency_window",
        ),
        actions=("REFRESH_TOKEN_REUSED", "SUSPICIOUS_LOGIN_DETECTED", "AUTH_TOKEN_REFRESH_REPLAYED"),
        reports=("refresh-token-reuse", "suspicious-logins", "access-logs"),
    ),
    _question(
        "impersonation",
        "Can an administrator use another person's account without anybody knowing?",
        Sentence(
            "No: nobody can act in another person's name here, this tenant has it switched off.", "impersonation_off"
        ),
        Sentence(
            "No. It must be begun by whoever is {impersonators}, with a reason and a second factor that was verified"
            " within the last {impersonate_step_up}, and ends after {impersonation_minutes} at the latest. Nobody"
            " acts as {never_impersonated}.",
            "impersonated",
        ),
        Sentence("It may read and nothing else.", "impersonation_read"),
        Sentence("It may write where that was asked for.", "impersonation_write"),
        Sentence(
            "Every answer to it says so in the header `X-Impersonated-By` and every event names the real person; to"
            " show it on the screen is the part of the user interface.",
            "impersonated",
        ),
        Sentence("The person is told by mail when it begins.", "impersonated notice_start"),
        Sentence("The person is told by mail when it has ended.", "impersonated notice_end"),
        Sentence(
            "This tenant sends the person no mail about it; it stands in the person's list of sessions while it lasts.",
            "impersonated notice_never",
        ),
        actions=("IMPERSONATION_STARTED", "IMPERSONATION_ENDED", "IMPERSONATION_DENIED"),
        reports=("impersonation-events",),
    ),
    _question(
        "leavers",
        "How soon does somebody who leaves lose access?",
        "With the commit of the deactivation. It raises the session version of the person, which each request reads,"
        " strongly consistent: no request, refresh or second factor of an earlier version is let in from then on.",
        "`effective_ms` of each deactivation says how long the request for it had waited until that commit began.",
        Sentence(
            "Of the latest {measured} in the range the slowest took {slowest_ms} ms, half of them {median_ms} ms at"
            " most.",
            "measured",
        ),
        Sentence("{unread} earlier ones of the range were not read for this.", "unread"),
        Sentence("The rows of the report show it under `metadata`.", "not_measured"),
        "A service of the adopter that checks signatures alone, without introspection, accepts an access token until it"
        " expires, {access_token} at most.",
        actions=("USER_DEACTIVATED", "SESSION_INVALIDATED", "USER_ROLE_CHANGED"),
        reports=("user-lifecycle", "session-invalidations"),
    ),
    _question(
        "suspicious-sign-ins",
        "What happens when a sign-in looks suspicious?",
        Sentence("It is scored from zero to {highest_score}, by {groups}.", "scored"),
        Sentence(
            "What is noticed is recorded, but no signal counts for this tenant: the score is always zero.", "not_scored"
        ),
        Sentence(
            "From {step_up_score} to {below_block_score} a second factor is asked for first.", "step_up_reachable"
        ),
        Sentence(
            "No signals that count here reach {step_up_score} together, where a second factor would be asked for.",
            "step_up_unreachable",
        ),
        Sentence(
            "From {block_score} on it is refused, every session of the person ends, and the person is told.",
            "block_reachable",
        ),
        Sentence(
            "No signals that count here reach {block_score} together, where it would be refused.", "block_unreachable"
        ),
        Sentence("Observed only: {observed_signals}.", "some_observed"),
        Sentence("Switched off: {off_signals}.", "some_off"),
        actions=("ANOMALY_SCORED", "STEP_UP_REQUIRED", "STEP_UP_VERIFIED", "STEP_UP_FAILED", "SESSION_BLOCKED"),
        reports=("anomaly-decisions", "step-up", "session-blocks"),
    ),
    _question(
        "tampering",
        "How would it be noticed if somebody changed the audit log?",
        "The log is tamper-evident. Events are chained by their hashes, sealed every {seal_every} into objects under"
        " Object Lock ({vault_lock_mode}, {vault_retention}), and signed every {digest_every} in which something was"
        " sealed, over a tree of all of them. Whatever was changed, removed, moved or added after that is found by"
        " the verification that runs every {verify_every}, and by anybody with `verify_bundle.py` and the published"
        " keys.",
        Sentence("The lock can be bypassed by whoever is allowed to, and that is found.", "vault_GOVERNANCE"),
        "It does not show what was never written, nor that what was written was true.",
        Sentence(
            "The last digest is number {digest_no} of {digest_signed_at}, over {digest_tree_size} events.", "digest"
        ),
        Sentence("No digest has been signed yet.", "no_digest"),
        Sentence("The last verification, of {verified_at}, found nothing up to digest {verified_digest}.", "verified"),
        Sentence("Verifications are in the report on the integrity of the log.", "not_verified"),
        "Exports ask for a second factor that was verified within the last {data_export_step_up}, and each is on the"
        " record from its beginning to its end.",
        Sentence(
            "A shared link is the exception: it needs no account until it expires or is revoked, and each use is on the"
            " record.",
            "share_links",
        ),
        actions=(
            "AUDIT_DIGEST_SIGNED",
            "AUDIT_INTEGRITY_VERIFIED",
            "AUDIT_INTEGRITY_FAILED",
            "AUDIT_TAMPER_DETECTED",
            "DATA_EXPORT_STARTED",
            "DATA_EXPORT_COMPLETED",
            "DATA_EXPORT_FAILED",
            "DATA_EXPORT_DOWNLOADED",
        ),
        reports=("audit-log-integrity", "data-exports"),
    ),
    _question(
        "deletion",
        "Is security data ever deleted?",
        "Not by a cleanup: it revokes what has expired, every {cleanup_every}, with the reason, and deletes nothing.",
        "Rows expire by themselves: sessions and tokens {token_retention} beyond their absolute limit, those of an"
        " incident {security_retention} after it, the table's copy of the log after {audit_log_ttl}. The sealed log"
        " stays locked for {vault_retention}, bundles for {exports_retention}.",
        "A person's erasure makes that person's values in the log unreadable and takes no event away; a legal hold"
        " forbids it.",
        Sentence("Legal holds that count now: {holds}.", "holds"),
        Sentence("The last cleanup of this tenant began at {cleaned_at}.", "cleaned"),
        actions=(
            "CLEANUP_JOB_STARTED",
            "CLEANUP_JOB_COMPLETED",
            "RETENTION_CHANGED",
            "LEGAL_HOLD_PLACED",
            "LEGAL_HOLD_RELEASED",
            "PII_ERASED",
        ),
        reports=("cleanup-jobs", "audit-log-integrity", "user-lifecycle"),
    ),
)


class Answer(NamedTuple):
    """`counts` has every action of the question; `reports` the slugs of its evidence."""

    question: Question
    sentences: Sequence[str]
    counts: Mapping[str, int]


def answers(facts: Facts, counts: Mapping[str, int], moment: Moment) -> list[Answer]:
    """Answer every question; `counts` are by action, of one range."""
    known = facts._replace(values={**facts.values, **moment.values()}, flags=facts.flags | set(moment.flags()))
    return [
        Answer(each, said(each.sentences, known), {action: counts.get(action, 0) for action in each.actions})
        for each in QUESTIONS
    ]


def written(answered: Sequence[Answer], facts: Facts, remarks: Sequence[str], evidence: Mapping[str, str]) -> str:
    """Write the answers as one document; `evidence` says for each slug of a report where it is."""
    since = f", in force since {facts.since}" if facts.since else ""
    blocks = [
        "# Questions of an auditor",
        *remarks,
        f"Answered from version {facts.settings_version} of the settings{since}.",
    ]
    for number, each in enumerate(answered, 1):
        blocks += [
            f"## {number}. {each.question.question}",
            " ".join(each.sentences),
            table(("event", "in the range"), [(f"`{name}`", str(count)) for name, count in each.counts.items()]),
            "\n".join(f"- {evidence[slug]}" for slug in each.question.reports),
        ]
    return "\n\n".join(blocks) + "\n"
