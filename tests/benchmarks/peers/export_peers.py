"""The Python peers of exporting: one report of the log in a ZIP, with the standard library alone or zipstream-ng.

    export_peers.py zipfile|zipstream FOLDER

Standard library only, but for zipstream-ng. FOLDER has `task.json` (which segments, which actions, the criteria of
each) and takes the archive. They do what a straightforward program does: gzip, json, csv, and zlib at
level 6. None of them guards against formulas, opens personal data, compares segments with their seals or follows the
lanes.
"""

import csv
import gzip
import hashlib
import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def rows(folder: Path, task: dict[str, Any]) -> Iterator[list[Any]]:
    yield task["columns"]
    index = -1
    for segment in task["segments"]:
        with gzip.open(folder / segment, "rb") as lines:
            for ended in lines:
                line, index = ended.rstrip(b"\n"), index + 1
                event = json.loads(line)
                if event["action"] in task["criteria"]:
                    leaf = hashlib.sha256(b"\x00" + line).hexdigest()
                    yield row(index, event, leaf, task["criteria"][event["action"]])


def row(index: int, event: dict[str, Any], leaf: str, criteria: str) -> list[Any]:
    actor, context, change = event["actor"], event["context"], event["change"] or {}
    target = event["targets"][0] if event["targets"] else {}
    metadata = {**event["meta"], **(event["risk"] or {})}
    told = json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if metadata else ""
    return [
        *(index, event["id"], event["time"], event["action"], event["outcome"], event["reason"]),
        *(actor["type"], actor["id"], None, event["on_behalf_of"], target.get("type"), target.get("id")),
        *(event["resource"], context.get("ip_net"), context.get("country"), None, actor["session"]),
        *(change.get("before"), change.get("after"), told, context.get("correlation_id")),
        *(criteria, event["lane"], event["seq"], leaf),
    ]


def with_zipfile(folder: Path, task: dict[str, Any]) -> None:
    path = folder / "zipfile.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(task["name"], "w", force_zip64=True) as raw,
        io.TextIOWrapper(raw, encoding="utf-8", newline="") as text,
    ):
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows(folder, task))


def with_zipstream(folder: Path, task: dict[str, Any]) -> None:
    from zipstream import ZIP_DEFLATED, ZipStream  # type: ignore[import-not-found] # noqa: PLC0415 - in one peer only

    stream = ZipStream(compress_type=ZIP_DEFLATED)
    stream.add(data=blocks(folder, task), arcname=task["name"])
    with (folder / "zipstream.zip").open("wb") as file:
        file.writelines(stream)


def blocks(folder: Path, task: dict[str, Any]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for each in rows(folder, task):
        writer.writerow(each)
        if text.tell() >= 1 << 16:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def main() -> None:
    peer, folder = sys.argv[1], Path(sys.argv[2])
    task = json.loads((folder / "task.json").read_bytes())
    began = time.process_time()
    {"zipfile": with_zipfile, "zipstream": with_zipstream}[peer](folder, task)
    print(json.dumps({"cpu_seconds": time.process_time() - began, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
