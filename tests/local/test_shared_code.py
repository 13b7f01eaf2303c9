"""What several archives have in common lies on the disk once, and each function finds its own."""

import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.deploy import client
from infra.local.engine_process import EngineProcess

HANDLER = """
from common import told

def handler(event, context):
    return {"told": told.WORD, "at": told.__file__, "own": __file__, "version": %r}
"""


def archive(files: Mapping[str, str]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as written:
        for name, content in files.items():
            written.writestr(name, content)
    return body.getvalue()


def answer(engine: EngineProcess, version: str, word: str) -> Any:
    """Make a function with a handler of its own beside the folder `common`, and invoke it."""
    functions, name = client("lambda", engine.endpoint), f"shared-{secrets.token_hex(4)}"
    files = {"main.py": HANDLER % version, "common/told.py": f"WORD = {word!r}\n", "common/deep/er.py": ""}
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="main.handler",
        Code={"ZipFile": archive(files)},
    )
    return json.loads(functions.invoke(FunctionName=name, Payload=b"{}")["Payload"].read())


def test_equal_folders_of_two_archives_are_one_and_another_one_is_its_own(embedded_aws: EngineProcess) -> None:
    answers = [answer(embedded_aws, *each) for each in (("a", "same"), ("b", "same"), ("c", "other"))]
    assert [(each["version"], each["told"]) for each in answers] == [("a", "same"), ("b", "same"), ("c", "other")]
    one, two, other = (Path(each["at"]).resolve() for each in answers)
    assert one == two
    assert other != one
    assert len({Path(each["own"]).parent for each in answers}) == 3
    assert all(Path(each["at"]).is_relative_to(Path(each["own"]).parent) for each in answers)
