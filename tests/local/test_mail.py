"""`make mail`: what the stage has sent, and what is said where there is nothing to show."""

import contextlib
import os
from pathlib import Path

import pytest

from infra.local import mail
from infra.local.deploy import client
from infra.local.mail import Mail, chosen, listed, read_mails, shown
from infra.local.processes import Process
from infra.local.record import Deployment, RecordFile, StageRecord
from infra.local.stage import StageFailed
from tests.local.tiny_stack import TinyStack

LINK = "https://muniment.localhost/reset-password#token=" + "x" * 43
MAILS = [
    Mail(1795827600.5, ("ada@acme.example",), "Reset your password", f"Hello,\n\n{LINK}\n"),
    Mail(1795827900.0, ("grace@acme.example",), "Your password was changed", "Hello Grace,\n"),
    Mail(1795828140.0, ("ada@acme.example",), "Reset your password", "the newer one\n"),
]


def test_list_is_numbered_and_says_when_to_whom_and_what() -> None:
    assert listed(MAILS).splitlines() == [
        "   1  2026-11-28 01:00:00Z  ada@acme.example    Reset your password",
        "   2  2026-11-28 01:05:00Z  grace@acme.example  Your password was changed",
        "   3  2026-11-28 01:09:00Z  ada@acme.example    Reset your password",
    ]
    assert listed([]) == "no mail has been sent yet"


def test_number_of_the_list_is_the_mail_that_is_shown_and_its_link_is_whole() -> None:
    text = shown(chosen(MAILS, 1, None), "http://127.0.0.1:8470")
    assert LINK in text.splitlines()
    assert text.startswith("Date: 2026-11-28 01:00:00Z\nTo: ada@acme.example\nSubject: Reset your password\n\n")


def test_the_page_of_a_link_is_named_as_this_machine_serves_it() -> None:
    last = shown(MAILS[0], "http://127.0.0.1:8470").splitlines()[-1]
    assert last == "On this machine: http://127.0.0.1:8470/reset-password#token=" + "x" * 43
    assert "On this machine" not in shown(MAILS[1], "http://127.0.0.1:8470")


def test_part_of_a_subject_finds_the_newest() -> None:
    assert chosen(MAILS, None, "reset").text == "the newer one\n"


@pytest.mark.parametrize(
    ("number", "subject", "said"),
    [(0, None, "no mail 0"), (4, None, "3 have been sent"), (-1, None, "no mail -1"), (None, "invite", "'invite'")],
)
def test_mail_that_is_not_there_is_said_in_one_line(number: int | None, subject: str | None, said: str) -> None:
    with pytest.raises(StageFailed, match=said):
        chosen(MAILS, number, subject)


def test_without_a_stage_one_line_says_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUNIMENT_HOME", str(tmp_path))
    assert mail.main([]) == 1
    assert capsys.readouterr().err == "local stage: not running: `make up` starts it\n"


def test_engine_that_does_not_answer_is_said_in_one_line() -> None:
    with pytest.raises(StageFailed, match="does not answer"):
        read_mails("http://127.0.0.1:9")


def test_mails_of_the_engine_are_listed_in_the_order_of_sending(
    tiny_stack: TinyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = f"http://127.0.0.1:{tiny_stack.port}"
    with contextlib.closing(client("sesv2", endpoint)) as ses:
        ses.create_email_identity(EmailIdentity="list.example")
        for subject in ("first", "second"):
            body = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": LINK}}}
            ses.send_email(
                FromEmailAddress="us@list.example",
                Destination={"ToAddresses": ["you@list.example"]},
                Content={"Simple": body},
            )
    subjects = [one.subject for one in read_mails(endpoint) if one.to == ("you@list.example",)]
    assert subjects == ["first", "second"]
    us = Process.of(os.getpid())
    RecordFile(tmp_path).write(StageRecord(us, us, Deployment({}, endpoint, "http://127.0.0.1:1")))
    monkeypatch.setenv("MUNIMENT_HOME", str(tmp_path))
    assert mail.main(["--subject", "SECOND"]) == 0
    assert LINK in capsys.readouterr().out.splitlines()
