"""Strict JSON bodies: a route says which fields it takes, and nothing else passes.

Rules of this module
- The body is one JSON object in UTF-8, sent as `application/json`; no duplicate keys, no NaN, no lone surrogates.
- An unknown field is an error, not a remark: a misspelt `mode` must not silently mean the default.
- All faults of a body are reported together, each with its JSON pointer.
- A field that is absent reads as None; `null` is not absence, it is a wrong type.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from shared.edge.problem import Refused, invalid_request
from shared.edge.request import Request

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# What a person writes for others to read: something visible, and neither control characters nor such as turn the
# direction of the text or cannot be seen (Unicode TR 36). It ends in evidence that others open with other programs.
_HIDDEN: Final = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff"  # the characters themselves: no escape of theirs is one to Python and to ECMA-262
)
# Scripts and emoji need the joiners and the variation selectors between other characters; alone they show nothing.
_VISIBLE: Final = r"[^\s\u200c\u200d\ufe00-\ufe0f]"
WORDS: Final = rf"(?=[\s\S]*{_VISIBLE})[^{_HIDDEN}]+"
LINE: Final = rf"(?!.*[\t\n\r]){WORDS}"  # of one line, as a name has
WORDS_FORM: Final = "This must have something to read in it, and no control or direction characters."
_MEDIA_TYPE: Final = re.compile(r'application/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)


class Field(NamedTuple):
    """One member of a body.

    Lengths count characters; `pattern` must match all of the text, and `form` says so in words. An integer lies in
    `between`, both ends included. Of a `dict` only the kind is checked: its reader trusts nothing in it. A `list` holds
    `items`, of which no more than that is checked.
    """

    name: str
    about: str
    kind: type[str] | type[int] | type[bool] | type[dict[str, Any]] | type[list[Any]] = str
    required: bool = True
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    form: str = "This does not have the form of such a value."
    min_length: int = 1
    max_length: int = 1024
    between: tuple[int, int] | None = None
    items: type[str] | type[dict[str, Any]] = str


class Body(NamedTuple):
    """The members of a route's body; of `one_of`, exactly one must be there."""

    fields: tuple[Field, ...] = ()
    one_of: tuple[str, ...] = ()


class _Malformed(ValueError):
    """A body that is JSON for some readers and something else for others."""


def read_body(request: Request, body: Body) -> dict[str, Any]:
    """Read the body; every field of `body` is a key of the result, None where it was not sent.

    Raises `Refused`: 415 for another media type, 400 for anything that is not exactly what `body` says. A route
    without fields also takes an empty body.
    """
    if not request.body and not body.fields:
        return {}
    if not _MEDIA_TYPE.fullmatch(request.headers.get("content-type", "")):
        raise Refused(415, "unsupported_media_type", "Send application/json in UTF-8.")
    document = _object(request.body)
    faults = list(_faults(document, body))
    if faults:
        raise invalid_request(faults)
    return {field.name: document.get(field.name) for field in body.fields}


def is_line(text: str) -> bool:
    """Tell whether a text of elsewhere could be a name here: what `LINE` says, and whole characters."""
    return not _SURROGATE.search(text) and re.fullmatch(LINE, text) is not None


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as fault:
        sentence = str(fault) if isinstance(fault, _Malformed) else "The body is not JSON in UTF-8."
        raise invalid_request([("", sentence)]) from fault
    if not isinstance(document, dict):
        raise invalid_request([("", "The body must be a JSON object.")])
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Malformed("A member is given twice.")
    return members


def _refuse_constant(name: str) -> None:
    raise _Malformed(f"{name} is not JSON.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse_constant)


def _faults(document: dict[str, Any], body: Body) -> Iterable[tuple[str, str]]:
    known = {field.name for field in body.fields}
    for name in document:
        if name not in known:
            yield _pointer(name), "This field is not known here."
    for field in body.fields:
        if field.name in document:
            sentence = _fault(document[field.name], field)
            if sentence:
                yield _pointer(field.name), sentence
        elif field.required:
            yield _pointer(field.name), "This field is required."
    if body.one_of and sum(name in document for name in body.one_of) != 1:
        yield "", f"Exactly one of {', '.join(body.one_of)} is required."


def _fault(value: object, field: Field) -> str | None:
    # `True` is an int to Python and never to JSON.
    if type(value) is not field.kind:
        return f"This must be {_KINDS[field.kind]}."
    if isinstance(value, list) and not all(isinstance(each, field.items) for each in value):
        return f"This must hold {_ITEMS[field.items]} only."
    if isinstance(value, dict | list) and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        return "This holds half of a surrogate pair."
    if isinstance(value, int) and field.between and not field.between[0] <= value <= field.between[1]:
        return f"This must be from {field.between[0]} to {field.between[1]}."
    return _text_fault(value, field) if isinstance(value, str) else None


def _text_fault(text: str, field: Field) -> str | None:
    if _SURROGATE.search(text):
        return "This holds half of a surrogate pair."
    if field.choices and text not in field.choices:
        return f"This must be one of {', '.join(field.choices)}."
    if not field.min_length <= len(text) <= field.max_length:
        return f"This must have {field.min_length} to {field.max_length} characters."
    if field.pattern and not re.fullmatch(field.pattern, text):
        return field.form
    return None


def _pointer(name: str) -> str:
    """RFC 6901 section 3. An unknown name is the caller's text: it is cut, and made safe to write."""
    clean = _SURROGATE.sub("\ufffd", name)[:64]
    return "/" + clean.replace("~", "~0").replace("/", "~1")


_KINDS: Final = {str: "a string", int: "an integer", bool: "true or false", dict: "an object", list: "an array"}
_ITEMS: Final = {str: "strings", dict: "objects"}
