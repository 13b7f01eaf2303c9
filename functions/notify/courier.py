"""Sends mails through SES, to addresses that can only be addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from functions.notify.message import Message

_REFUSED: Final = frozenset({"MessageRejected", "BadRequestException"})
_OUR_OWN_FAULT: Final = "not verified"  # the sender, or an account in the sandbox: to be put right, then sent
_UTF8: Final = "UTF-8"


class MailService(Protocol):
    """What is used of boto3's client of SES (API version 2)."""

    def send_email(self, **request: Any) -> Any: ...  # noqa: ANN401 - boto3's own shapes

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Courier:
    ses: MailService
    sender: str

    def send(self, address: str, message: Message) -> bool:
        """Send one mail to an address that `deliverable` gave; False when SES will never take it.

        All other refusals (throttling, a paused account, a sender that is not verified) raise `ClientError`: it is sent
        again.
        """
        content = {
            "Subject": _part(message.subject),
            "Body": {"Text": _part(message.text), "Html": _part(message.html)},
        }
        try:
            self.ses.send_email(
                FromEmailAddress=self.sender,
                Destination={"ToAddresses": [address]},
                Content={"Simple": content},
            )
        except ClientError as refusal:
            error = refusal.response["Error"]
            if error["Code"] not in _REFUSED or _OUR_OWN_FAULT in error.get("Message", ""):
                raise
            return False
        return True


def _part(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": _UTF8}
