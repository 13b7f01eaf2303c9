"""Which texts are addresses that mail can reach, and how they are written."""

import pytest

from shared.domain.mail_address import deliverable


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ada@acme.example", "ada@acme.example"),
        (" ada+x@acme.example ", "ada+x@acme.example"),
        ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
        ("ada", None),
        ("", None),
        (None, None),
        ("a@b@c.example", None),
        ("ada@acme.example, eve@evil.example", None),
        ("Ada <ada@acme.example>", None),
        ("ada@acme.example\r\nBcc: eve@evil.example", None),
        ("ada\n@acme.example", None),
        ("\u00e4da@acme.example", None),
        ('"a b"@acme.example', None),
        ("ada@" + "a" * 64 + ".example", None),
        ("a" * 400 + "@acme.example", None),
        ("\u0430da@acme.example", None),  # a Cyrillic letter
        ("\uff41da@acme.example", None),  # a full-width one
        ("ada@\u0430cme.example", "ada@xn--cme-5cd.example"),
        ("ada@ac\u00adme.example", "ada@acme.example"),  # a soft hyphen
        ("ada@\uff41cme\u3002example", "ada@acme.example"),  # full width, and the ideographic full stop
        ("ada@acme..example", None),
        ("ada@acme.example.", None),  # the same mailbox in another spelling
        ("ada@acme", None),
        ("a" * 64 + "@acme.example", "a" * 64 + "@acme.example"),
        ("a" * 65 + "@acme.example", None),
        ("ada\x00@acme.example", None),
        ("ada@acme.exam\x00ple", None),
        ("ada\ud800@acme.example", None),
        ("ada@\udfffacme.example", None),
    ],
)
def test_mails_go_to_one_plain_address_or_nowhere(typed: object, address: str | None) -> None:
    assert deliverable(typed) == address
