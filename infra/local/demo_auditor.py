"""The part of the demonstration that an auditor asks for: calendar, access review, share link, an answer, one proof."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from infra.local.demo_client import Device, UnexpectedAnswerError, fetch
from infra.local.demo_evidence import Evidence, say

AUDITOR = "Audit LLP"
_REVIEWS = "/api/compliance/access-reviews"
_OK, _CREATED, _GONE, _FOUND, _UNAUTHORIZED, _NOT_FOUND = 200, 201, 204, 302, 401, 404
_WIDTH = 100


class Auditing:
    """What the owner shows of the quarter from `first` to `last`; the admin is the second pair of eyes."""

    def __init__(self, owner: Device, admin: Device, evidence: Evidence, quarter: tuple[str, str]) -> None:
        self._owner = owner
        self._admin = admin
        self._evidence = evidence
        self._range = f"from={quarter[0]}&to={quarter[1]}"

    def review(self, users: Mapping[str, Mapping[str, str]], leaver: str, device: Device) -> str:
        """Review the administrators: `leaver` loses the role with the decision, whose next request is refused."""
        owner, admin = (users[role]["staff_id"] for role in ("owner", "admin"))
        today = datetime.now(UTC).date().isoformat()
        asked = {"scope": "administrators", "reviewers": [owner, admin], "due": today}
        review = self._owner.expect(_CREATED, "POST", _REVIEWS, asked).json()
        this = f"{_REVIEWS}/{review['review_id']}"
        people = self._owner.expect(_OK, "GET", this).json()["snapshot"]["people"]
        device.expect(_OK, "GET", "/api/auth/me")
        for one in people:
            # Nobody decides about himself.
            reviewer = self._admin if one["staff_id"] == owner else self._owner
            body = {"decision": "revoke" if one["staff_id"] == leaver else "keep", "reason": "As her manager says"}
            reviewer.expect(_OK, "POST", f"{this}/items/{one['staff_id']}/decision", body)
        device.expect(_UNAUTHORIZED, "GET", "/api/auth/me")
        self._owner.expect(_OK, "POST", f"{this}/attest", {})
        whole = self._owner.expect(_OK, "GET", this).json()
        counts = Counter(one["result"] for one in whole["decisions"])
        told = ", ".join(f"{number} {result}" for result, number in sorted(counts.items()))
        return f"{len(people)} administrators: {told}; snapshot {review['snapshot_sha256'][:16]}..., attested"

    def share(self, export_id: str, bundle: Path, stranger: Device) -> str:
        """Give the bundle to somebody without an account, by a link that is then revoked."""
        links = f"/api/compliance/exports/{export_id}/share-links"
        made = self._owner.expect(_CREATED, "POST", links, {"expires_in_days": 14, "auditor": AUDITOR}).json()
        address = f"/api/share/{made['url'].rpartition('/')[2]}"
        archive = fetch(stranger.expect(_FOUND, "GET", address).headers["Location"])
        if archive.body != bundle.read_bytes():
            raise UnexpectedAnswerError("the share link gave another bundle")
        (listed,) = self._owner.expect(_OK, "GET", links).json()["share_links"]
        self._owner.expect(_GONE, "DELETE", f"{links}/{made['share_id']}")
        stranger.expect(_NOT_FOUND, "GET", address)
        return f"for {listed['auditor']}: used {listed['uses']} time, {len(archive.body):,} bytes; revoked, then 404"

    def prove(self, event_id: str, folder: Path) -> str:
        """Fetch the proof of one event, and have the verifier judge it."""
        answer = self._owner.expect(_OK, "GET", f"/api/compliance/events/{event_id}/proof")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{event_id}.proof.json"
        path.write_bytes(answer.body)
        outcome = self._evidence.proof_verifier(path)
        if outcome.returncode != 0:
            raise UnexpectedAnswerError(f"the verifier says {outcome.returncode} of a proof:\n{outcome.stdout}")
        told = answer.json()
        return f"event {told['index']} of {told['size']} in the signed log: {path.name}"

    def answer(self) -> Iterator[str]:
        """Give the first of the auditor's questions with its answer, line by line."""
        told = self._owner.expect(_OK, "GET", f"/api/compliance/questions?{self._range}").json()["questions"][0]
        counts = ", ".join(f"{action} {number}" for action, number in told["counts"].items() if number)
        yield told["question"]
        yield from textwrap.wrap(told["answer"], _WIDTH, max_lines=3, placeholder=" ...")
        yield f"counted in the log: {counts}"

    def calendar(self) -> Iterator[str]:
        """Give the calendar as a grid: a line an obligation, a column a month, what was collected of what was owed."""
        told = self._owner.expect(_OK, "GET", f"/api/compliance/calendar?{self._range}").json()
        owed: dict[str, Counter[int]] = defaultdict(Counter)
        collected: dict[str, Counter[int]] = defaultdict(Counter)
        months = sorted({date.fromisoformat(item["period"]["to"]).month for item in told["items"]})
        for item in told["items"]:
            month = date.fromisoformat(item["period"]["to"]).month
            owed[item["obligation"]][month] += item["status"] != "not_applicable"
            collected[item["obligation"]][month] += item["status"] in {"collected", "collected_late"}
        yield " " * 28 + "".join(f"{date(2000, month, 1):%b}".rjust(8) for month in months)
        for name, by_month in owed.items():
            cells = (f"{collected[name][month]}/{by_month[month]}" if by_month[month] else "-" for month in months)
            yield f"{name:28}" + "".join(cell.rjust(8) for cell in cells)
        summary = told["summary"]
        due = summary["collected"] + summary["late"] + summary["missed"]
        yield (
            f"coverage {summary['coverage_pct']} % of {due} due, {summary['missed']} missed; "
            f"{summary['not_applicable']} that a simulation cannot have (-)"
        )


def shown(lines: Iterable[str]) -> None:
    for each in lines:
        say(f"  {each}")
