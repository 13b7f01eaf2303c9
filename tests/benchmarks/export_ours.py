"""Our side of exporting, in a process of its own: `python -m tests.benchmarks.export_ours FOLDER DATA_KEY`.

The product's renderer reads the segments of `task.json`, for the one report that the peers write, and its fragments are
put into a ZIP by reference. It does what the peers leave out, too: it compares each segment with its seal, follows the
lanes, opens personal data where there are any, guards against formulas, and gathers the segments for the bundle.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any, cast

from functions.evidence_pipeline.render import Renderer, shard_name
from shared.audit.catalogue import Catalogue, load
from shared.audit.personal_data import PersonalData
from shared.evidence.csv_rows import header
from shared.evidence.deflate import Fragment, deflate
from shared.evidence.evidence_row import COLUMNS, Discloser
from shared.evidence.s3_archive import Workbench
from shared.evidence.vault import LockedBucket
from shared.evidence.zip_layout import Entry, ObjectRange, Piece, layout
from tests.benchmarks.folder_s3 import FolderS3
from tests.benchmarks.peers.export_peers import peak_mb


def main() -> None:
    folder, data_key = Path(sys.argv[1]), bytes.fromhex(sys.argv[2])
    task = json.loads((folder / "task.json").read_bytes())
    s3 = cast("Any", FolderS3(folder))
    catalogue = _of_one_report(load(), task["report"])
    (report,) = catalogue.reports.values()
    salts = {subject: bytes.fromhex(salt) for subject, salt in task["salts"].items()}
    workbench = Workbench(s3, "exports", "bench", "exp_1")
    loaded, began = peak_mb(), time.process_time()
    discloser = Discloser(PersonalData(data_key, "bench"), salts)
    renderer = Renderer(LockedBucket(s3, "vault"), workbench, catalogue, discloser, lambda _: None)
    plan = {"samples": [], "resolved": task["resolved"], "requested": {"format": "csv"}}
    renderer.render(plan, task["rows"], 0)
    document = json.loads(workbench.read(shard_name(0)))
    _put_together(
        folder / "ours.zip", task["name"], [batch[report.slug] for batch in document["batches"]], workbench, folder
    )
    spent = time.process_time() - began
    print(json.dumps({"cpu_seconds": spent, "peak_mb": peak_mb(), "loaded_mb": loaded}))


def _of_one_report(catalogue: Catalogue, slug: str) -> Catalogue:
    actions = {
        name: {**told, "reports": [slug] if slug in told["reports"] else [], "reports_where": {}}
        for name, told in catalogue.actions.items()
    }
    return catalogue._replace(reports={slug: catalogue.reports[slug]}, actions=actions)


def _put_together(path: Path, name: str, parts: list[dict[str, Any]], workbench: Workbench, folder: Path) -> None:
    head = bytearray()
    pieces = [Piece(deflate([header(["index", *COLUMNS])], head.extend), bytes(head))]
    for part in parts:
        fragment = Fragment.from_json(part["fragment"])
        size = fragment.stored_bytes
        pieces.append(Piece(fragment, ObjectRange(workbench.bucket, workbench.key(part["name"]), None, 0, size, size)))
    with path.open("wb") as archive:
        for chunk in layout([Entry(name, "deflate", tuple(pieces))]).chunks:
            if isinstance(chunk, bytes):
                archive.write(chunk)
            else:
                with (folder / chunk.bucket / chunk.key).open("rb") as fragment_file:
                    shutil.copyfileobj(fragment_file, archive)


if __name__ == "__main__":
    main()
