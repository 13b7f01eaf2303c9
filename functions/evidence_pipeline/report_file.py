"""Reports, events and disclosure as files of the bundle, made of fragments that lie in the stores already."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from functions.evidence_pipeline.bundle_file import BundleFile, inline_file, inline_piece, stored_file
from functions.evidence_pipeline.fragments import DISCLOSURE, EVENTS
from functions.evidence_pipeline.population import Population, Rendered, rendered
from shared.audit.canonical import canonical
from shared.audit.catalogue import Catalogue, Incidents, Report
from shared.evidence.csv_rows import header
from shared.evidence.deflate import deflate
from shared.evidence.evidence_row import COLUMNS
from shared.evidence.response_times import file_of, response_times
from shared.evidence.s3_archive import Workbench
from shared.evidence.sample import sample_document, united
from shared.evidence.zip_layout import ObjectRange, Piece
from shared.store.audit_seals import number_of

EVENTS_FILE = "events/events.ndjson.gz"
DISCLOSURE_FILE = "events/disclosure.ndjson.gz"

Place = tuple[str, str]  # bucket and key prefix of the working folder


def report_file(
    report: Report, catalogue: Catalogue, population: Population, plan: Mapping[str, Any], place: Place
) -> BundleFile:
    """Make a report's file; raises `RuntimeError` when its rows are not the events that it was asked for."""
    content = rendered(population.batches, report.slug, *place)
    if content.rows != population.rows_of(report):
        raise RuntimeError(f"{report.slug} has {content.rows} rows of {population.rows_of(report)} events")
    extension = plan["requested"]["format"]
    pieces = _csv_pieces(content) if extension == "csv" else _json_pieces(report, content)
    facts = {
        "rows": content.rows,
        "section": report.section,
        "tsc": catalogue.criteria_of(report),
        "derivable": True,
        "query": report.query(),
        "columns": ["index", *COLUMNS],
        "first_index": content.first_index,
        "last_index": content.last_index,
        "csv_neutralised_cells": content.neutralised,
    }
    return BundleFile(report.path(extension), "deflate", tuple(pieces), facts)


def events_file(population: Population, place: Place) -> BundleFile:
    """Put the sealed segments one after another: members of one gzip file, each the locked object byte for byte.

    They stand gathered in a few objects. Raises `RuntimeError` where those do not hold what the segments do.
    """
    gathered = rendered(population.batches, EVENTS, *place).pieces
    size = sum(piece.fragment.stored_bytes for piece in gathered)
    sealed = sum(segment.bytes for segment in population.segments)
    if size != sealed:
        raise RuntimeError(f"{size} bytes of segments were gathered of {sealed}")
    listed = [(segment.bytes, segment.sha256) for segment in population.segments]
    return dataclasses.replace(stored_file(EVENTS_FILE, gathered, derivable=False), fragments=listed or None)


def disclosure_file(population: Population, place: Place) -> BundleFile:
    """Put the rendered disclosure together: gzip members, like the segments that it speaks of."""
    content = rendered(population.batches, DISCLOSURE, *place)
    return stored_file(DISCLOSURE_FILE, content.pieces, derivable=False, lines=content.rows)


def sample_files(plan: Mapping[str, Any], population: Population) -> Iterator[BundleFile]:
    """Make a file for each sample that was asked for."""
    for number, (asked, parts) in enumerate(zip(plan["samples"], population.samples, strict=True), 1):
        document = sample_document(asked, *united(parts, asked["n"]))
        yield inline_file(f"samples/{number_of(number)}.json", canonical(document))


def response_times_file(
    population: Population, catalogue: Catalogue, incidents: Incidents, extension: str, workbench: Workbench
) -> BundleFile:
    """Join the incidents that the shards have parts of; the content goes into the working folder."""
    rows = response_times(population.incidents, catalogue)
    content, facts = file_of(rows, catalogue, incidents, extension)
    stored, name = bytearray(), f"{incidents.file}.deflate"
    fragment = deflate([content], stored.extend)
    version, size = workbench.write(name, bytes(stored)), fragment.stored_bytes
    place = ObjectRange(workbench.bucket, workbench.key(name), version, 0, size, size)
    return BundleFile(incidents.path(extension), "deflate", (Piece(fragment, place),), facts)


def _csv_pieces(content: Rendered) -> Iterator[Piece]:
    yield inline_piece(header(["index", *COLUMNS]))
    yield from content.pieces


def _json_pieces(report: Report, content: Rendered) -> Iterator[Piece]:
    head = json.dumps({"control": report.section, "report": report.slug})[:-1]
    yield inline_piece(f'{head}, "evidence": [\n'.encode())
    for number, piece in enumerate(content.pieces):
        if number:
            yield inline_piece(b",\n")
        yield piece
    yield inline_piece(b"\n]}\n")
