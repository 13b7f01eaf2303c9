"""The policies of CC6 to CC9: what the requirements have them say, sentence by sentence, as far as it is true here.

Rules of this module
- Each statement of the requirements has its counterpart. Where the product does less, or something else, that is said.
- The log is called tamper-evident, never immutable: its owner can change what he owns, and it shows.
"""

from __future__ import annotations

from shared.evidence.documents.sentences import Document, Heading, Sentence, paragraph, points

_IMPERSONATION = (
    Sentence(
        "Impersonation is switched off for this tenant: nobody can act in another person's name.", "impersonation_off"
    ),
    Sentence(
        "Impersonation begins with a request of its own that says why, by whoever is {impersonators}, with a second"
        " factor that was verified within the last {impersonate_step_up}, and ends after {impersonation_minutes} at"
        " the latest. It reaches only people who hold less than whoever acts: never {never_impersonated}.",
        "impersonated",
    ),
    Sentence(
        "Reading is all that it may do here; the adopter's services learn by introspection that they must refuse the"
        " rest.",
        "impersonation_read",
    ),
    Sentence(
        "It reads; whoever asks for it and holds `IMPERSONATE_WRITE` may write too, in the adopter's services as far as"
        " they let it. The person's own account, factors and sessions, exports, roles and rules stay closed to it.",
        "impersonation_write",
    ),
    Sentence(
        "Every answer to it carries the header `X-Impersonated-By`, and `GET /api/auth/me` the text of a banner;"
        " showing that to people is the part of the user interface.",
        "impersonated",
    ),
    Sentence("The impersonated person is told by mail when it begins.", "impersonated notice_start"),
    Sentence("The impersonated person is told by mail when it has ended.", "impersonated notice_end"),
    Sentence(
        "This tenant has switched off the mail to the impersonated person, who can see it in the list of sessions while"
        " it lasts.",
        "impersonated notice_never",
    ),
    Sentence(
        "Beginning, end and refusal are events, with the real person as their actor: {impersonation_actions}.",
        "impersonated",
    ),
)

ACCESS_CONTROL = Document(
    "access-control",
    "Access Control Policy (CC6)",
    "CC6",
    (
        Heading("Roles and permissions"),
        paragraph(
            "Everybody has one of the roles {roles}, and what a role may do follows from one table. Permissions do not"
            " travel in tokens: each request is decided by the role that the person's row has at that moment."
        ),
        paragraph("{permission_table}"),
        points(
            "Roles are changed in one place, by whoever is {staff_managers}, with a second factor that was verified"
            " within the last {rbac_admin_step_up}. Nobody gives or takes a role that holds more than his own,"
            " nobody changes himself, and the last owner of a tenant stays one.",
            "Whoever is invited, or comes by single sign-on, begins with the role that the invitation or the connection"
            " names.",
            "Whoever is {second_factor_roles} must have a second factor: before one is enrolled, nothing but what leads"
            " to it is served.",
        ),
        Heading("Authentication"),
        paragraph(
            "A sign-in gives an access token, a signed JWT that lives {access_token}, and a refresh token that is"
            " exchanged for another one at each use. A session that opens now ends {idle} after its last exchange.",
            Sentence(
                "It ends {absolute} after its beginning at the latest, and {administrator_absolute} for"
                " {administrators} where that is less.",
                "one_absolute",
            ),
            Sentence(
                "It ends {absolute} after its beginning at the latest if a second factor was given,"
                " {single_factor_absolute} if not, and {administrator_absolute} for {administrators} where that is"
                " less.",
                "absolute_by_factor",
            ),
        ),
        Heading("What is on the record"),
        paragraph(
            "Sign-ins, refused ones included, and refreshes of tokens are events of the audit log, and so are"
            " changes of roles and impersonations. The log is tamper-evident: it cannot keep the owner of the"
            " account that it lies in from changing something, but what was sealed cannot be changed without being"
            " found out (Audit and Evidence Policy).",
            "No event has what nobody's log could hold or a flood would fill it with: a sign-in to a tenant that does"
            " not exist, an attempt that was turned away because too many came before it, a request with a token that"
            " the service never signed.",
        ),
        points(
            "Access: {access_actions}.",
            "Roles: {role_actions}.",
        ),
        Heading("Impersonation"),
        points(*_IMPERSONATION),
        Heading("Taking access away"),
        paragraph(
            "Every person has a session version. Raising it, as a deactivation, a forced log-out, a role that"
            " shrinks or an incident does, ends all sessions of that person in the same commit: each request reads"
            " the version, strongly consistent, and a session of an earlier one is refused from then on.",
            "A service of the adopter that checks access tokens by their signature alone, without introspection,"
            " goes on accepting one until it expires, {access_token} at most.",
        ),
    ),
)

SESSIONS_AND_TOKENS = Document(
    "session-and-token-management",
    "Session and Token Management Policy (CC7)",
    "CC7",
    (
        Heading("Sessions"),
        paragraph(
            "Each session is a row on the server, with its device, its limits and what was proved in it; a token"
            " without its row is worth nothing. A person has at most {concurrent_sessions} at once.",
            Sentence("One more sign-in ends the oldest.", "limit_evict_oldest"),
            Sentence("One more sign-in is refused.", "limit_deny"),
        ),
        Heading("Refresh tokens"),
        points(
            "A refresh token yields one successor, ever, and the exchange is what ends it. The server keeps the"
            " {token_hash} hash of each, not its text.",
            "Until a successor was seen in use it also lies encrypted beside its session, under a key that only the"
            " token before it yields: whoever reads the tables can open none.",
            Sentence(
                "A client that asks in parallel gets the same successor, for {concurrency_window} after the"
                " exchange, from the same device.",
                "concurrency_window",
            ),
            Sentence(
                "A client that never got its answer and names its device gets the same successor, for"
                " {lost_response_window}, while nobody has used that one.",
                "lost_window",
            ),
            Sentence("That is done {max_replays} times an exchange at most, and each time is an event.", "retries"),
            Sentence("No window for retries is open: a token that was presented once is spent.", "strict"),
        ),
        Heading("Reuse and other signs of theft"),
        points(
            "A spent token that is presented in any other case ends its family, which is its session, in the commit"
            " that detects it.",
            Sentence("All other sessions of that person end with it.", "reuse_user"),
            Sentence("Other sessions of that person go on: this tenant has chosen so.", "reuse_family"),
            "The token that was presented stays on file with `revoke_reason` `{reuse_reason}`, the person is told by"
            " mail, and `REFRESH_TOKEN_REUSED`, `SUSPICIOUS_LOGIN_DETECTED` and `SESSION_INVALIDATED` share one"
            " correlation id.",
            Sentence(
                "A use that differs from the session's own so much that it scores {block_score} or more ends every"
                " session of the person as well (Adaptive Authentication Policy).",
                "block_reachable",
            ),
            Sentence(
                "Not detected is a thief who holds the token and the device's own identifier, and exchanges within"
                " {concurrency_window} of its owner each time: he stays until the absolute limit.",
                "concurrency_window",
            ),
        ),
        Heading("Expiry"),
        paragraph(
            "A limit that has passed counts at once, since every use compares instants. Besides, a job revokes every"
            " {cleanup_every} what has expired, session and current token, with the reason, and deletes nothing:"
            " `CLEANUP_JOB_STARTED` and `CLEANUP_JOB_COMPLETED` say what it did. Rows go later, by their own expiry.",
        ),
    ),
)

ADAPTIVE_AUTHENTICATION = Document(
    "adaptive-authentication",
    "Adaptive Authentication Policy (CC8)",
    "CC8",
    (
        Heading("What is scored"),
        paragraph(
            Sentence(
                "At a sign-in, at a refresh from elsewhere and before sensitive calls the risk is scored from zero to"
                " {highest_score}, by {groups}. Of each group the heaviest signal counts, the groups add up, trust"
                " subtracts.",
                "scored",
            ),
            Sentence(
                "The risk is assessed at a sign-in, at a refresh from elsewhere and before sensitive calls, but no"
                " signal counts for this tenant: the score is always zero.",
                "not_scored",
            ),
            Sentence("Observed, which is recorded and changes nothing: {observed_signals}.", "some_observed"),
            Sentence("Switched off: {off_signals}.", "some_off"),
            Sentence(
                "Signals of geography only observe for the first {geography_observed} of a tenant, unless it says"
                " otherwise: this one is as new.",
                "geography_observed",
            ),
        ),
        paragraph("{signal_table}"),
        Heading("What follows"),
        points(
            Sentence(
                "From {step_up_score} to {below_block_score} a second factor is asked for, and until it is given no"
                " session opens or goes on. Who has none cannot answer, and does not get in.",
                "step_up_reachable",
            ),
            Sentence(
                "The step-up would begin at {step_up_score}, which no signals that count here can reach together:"
                " the risk asks nobody of this tenant for a second factor.",
                "step_up_unreachable",
            ),
            Sentence(
                "From {block_score} on nothing opens, every session of the person ends, and the person is told by"
                " mail and the adopter on the event bus.",
                "block_reachable",
            ),
            Sentence(
                "The block would begin at {block_score}, which no signals that count here can reach together: the risk"
                " ends no session of this tenant.",
                "block_unreachable",
            ),
        ),
        Heading("Second factors"),
        points(
            "A time-based one-time password (TOTP) of {totp_digits} digits, a new one every {totp_step}, taken in"
            " its own step and the next, and once.",
            "A passkey, which is bound to the site; or one of {recovery_codes} recovery codes, each once.",
            "A challenge lives {challenge_life} and takes {challenge_tries} wrong answers. {factor_failures} wrong"
            " codes within {factor_window} lock the codes of that person for {factor_lock}, and longer each time, up"
            " to {factor_longest_lock}; {factor_disabled_after} in a row disable the authenticator.",
        ),
        Heading("On the record"),
        paragraph(
            "Each decision by a score is an event with score, reasons and what was decided (`ANOMALY_SCORED`,"
            " `STEP_UP_REQUIRED`, `SESSION_BLOCKED`), and with the signals and weights that it followed from:"
            " whoever has the event can compute score and decision again. A refresh from where the session is used"
            " anyway is not assessed.",
        ),
    ),
)

AUDIT_AND_EVIDENCE = Document(
    "audit-and-evidence",
    "Audit and Evidence Policy (CC9)",
    "CC9",
    (
        Heading("What is recorded"),
        paragraph(
            "The catalogue of version {catalogue_version} knows {catalogue_actions} kinds of events, and nothing"
            " that it does not know can be written. A change of state and its event are one commit: neither is there"
            " without the other. As evidence an event shows {columns}.",
            "It says what the application did. Who else reached the cloud account stands in that account's own trail.",
        ),
        Heading("Tamper-evident"),
        points(
            "Functions may append to the log and read it; the table's own policy denies changes and deletions to"
            " everybody. Each event carries the hash of the one before.",
            "Every {seal_every} what is new is sealed into objects under Object Lock, {vault_lock_mode},"
            " {vault_retention}.",
            Sentence(
                "In that mode nobody can delete one before, the owner of the account included.", "vault_COMPLIANCE"
            ),
            Sentence(
                "In that mode whoever is allowed to bypass it can delete one before, and the next verification tells.",
                "vault_GOVERNANCE",
            ),
            "Every {digest_every} in which something was sealed, a digest of it is signed, over a tree of all events"
            " since the log began.",
            "Every {verify_every} all of it is verified, and the result is an event: `AUDIT_INTEGRITY_VERIFIED` or"
            " `AUDIT_INTEGRITY_FAILED`.",
            "An event that was never written, or that was not true when it was, no such proof finds. What is not sealed"
            " yet is protected by the table alone.",
        ),
        Heading("Evidence"),
        paragraph(
            "Reports come as CSV or JSON, and so does the evidence bundle of a period, which an auditor verifies"
            " offline. They are for {evidence_readers}."
        ),
        paragraph("{report_table}"),
        paragraph(
            "What hands evidence out asks for a second factor that was verified within the last"
            " {data_export_step_up}; the request for a bundle spends that proof.",
            Sentence(
                "The exception is a link that one of them shares: whoever has it needs no account until it expires"
                " or is revoked, and each use is an event.",
                "share_links",
            ),
        ),
        paragraph("{export_table}"),
        paragraph("Exports are events themselves: {export_actions}."),
        Heading("Retention"),
        paragraph("{retention_table}"),
        paragraph(
            Sentence("No bundle can be deleted before, by anybody.", "exports_COMPLIANCE"),
            Sentence("A bundle can be deleted before by whoever is allowed to bypass its lock.", "exports_GOVERNANCE"),
            "The erasure of a person makes the personal values in that person's events unreadable, and leaves the"
            " log whole; what a bundle had printed before stays in it. A legal hold stops erasures; it prolongs none"
            " of these times.",
        ),
    ),
)

POLICIES = (ACCESS_CONTROL, SESSIONS_AND_TOKENS, ADAPTIVE_AUTHENTICATION, AUDIT_AND_EVIDENCE)
