"""The mails that the local stage has sent: `python -m infra.local.mail` is what `make mail` runs.

    python -m infra.local.mail              lists them, the newest last
    python -m infra.local.mail --number 3   shows the third of the list as text
    python -m infra.local.mail --subject x  shows the newest whose subject holds `x`

They are read from the embedded AWS, which hands them to nobody; they end with the stage. Links in them lead to the
deployment's public origin, which no name server knows: below a mail stands where the same page is on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.stage import StageFailed, StageSettings, running
from shared.edge.console_routes import PAGES

INSPECTION: Final = "/_ministack/ses/messages"
_SECONDS: Final = 10
_CONSOLE_LINK: Final = re.compile(rf"https?://[^/\s]+((?:{'|'.join(PAGES[1:])})#\S+)")


@dataclass(frozen=True, slots=True)
class Mail:
    """`sent_at` is in Unix seconds; `text` is the plain part, with every link whole."""

    sent_at: float
    to: tuple[str, ...]
    subject: str
    text: str


def read_mails(aws_endpoint: str) -> list[Mail]:
    """Read what was sent, the newest last; `StageFailed` when the embedded AWS does not answer."""
    try:
        with urllib.request.urlopen(aws_endpoint + INSPECTION, timeout=_SECONDS) as answer:  # noqa: S310 - ours
            accounts = json.load(answer)["messages"].values()
    except (urllib.error.URLError, ValueError) as fault:
        raise StageFailed(f"the embedded AWS at {aws_endpoint} does not answer: {fault}") from fault
    mails = [
        Mail(float(one["Timestamp"]), tuple(one["To"]), str(one["Subject"]), str(one["BodyText"]))
        for messages in accounts
        for one in messages
    ]
    return sorted(mails, key=lambda mail: mail.sent_at)


def listed(mails: Sequence[Mail]) -> str:
    if not mails:
        return "no mail has been sent yet"
    width = max(len(", ".join(mail.to)) for mail in mails)
    return "\n".join(
        f"{number:4}  {_moment(mail)}  {', '.join(mail.to):{width}}  {mail.subject}"
        for number, mail in enumerate(mails, start=1)
    )


def shown(mail: Mail, base_url: str) -> str:
    """Write a mail out; pages of the console that it links to are named once more, as `base_url` serves them."""
    head = f"Date: {_moment(mail)}\nTo: {', '.join(mail.to)}\nSubject: {mail.subject}"
    here = [base_url + path for path in dict.fromkeys(_CONSOLE_LINK.findall(mail.text))]
    foot = "".join(f"\n\nOn this machine: {link}" for link in here)
    return f"{head}\n\n{mail.text.rstrip()}{foot}"


def _moment(mail: Mail) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(mail.sent_at))


def chosen(mails: Sequence[Mail], number: int | None, subject: str | None) -> Mail:
    """Give the one that is asked for; `StageFailed` says that there is none."""
    if number is not None:
        if not 1 <= number <= len(mails):
            raise StageFailed(f"there is no mail {number}: {len(mails)} have been sent")
        return mails[number - 1]
    wanted = (subject or "").lower()
    found = [mail for mail in mails if wanted in mail.subject.lower()]
    if not found:
        raise StageFailed(f"no mail has {subject!r} in its subject")
    return found[-1]


def told(home: Path, number: int | None, subject: str | None) -> str:
    """Answer one call for the stage in `home`."""
    record = running(home)
    if record is None or record.deployment is None:
        raise StageFailed("not running: `make up` starts it")
    mails = read_mails(record.deployment.aws_endpoint)
    if number is None and not subject:
        return listed(mails)
    return shown(chosen(mails, number, subject), record.deployment.base_url)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local.mail", description="Read the local stage's mails.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--number", type=int)
    which.add_argument("--subject")
    options = parser.parse_args(arguments)
    try:
        said = told(StageSettings.from_environment(os.environ).home, options.number, options.subject)
    except StageFailed as failed:
        sys.stderr.write(f"local stage: {failed}\n")
        return 1
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
