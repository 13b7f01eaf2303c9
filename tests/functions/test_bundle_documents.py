"""The documents in a bundle: by the settings when it was planned, with the counts of its own range."""

import re

import pytest

from functions.evidence_pipeline import document_file
from functions.evidence_pipeline import handler as pipeline
from functions.evidence_pipeline.population import Population
from shared.audit.catalogue import load
from shared.evidence.documents.questions import QUESTIONS
from tests.functions.archive import Archive
from tests.functions.company import archive, as_state, proven, requested, with_history, workers
from tests.functions.opened_bundle import OpenedBundle, opened

__all__ = ["archive"]

DOCUMENTS = ["documents/lifecycle.svg", "documents/policies.md", "documents/questions.md"]


@pytest.fixture(scope="module")
def bundle(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    """Make a bundle whose tenant changes its settings while it is made."""
    company = with_history(archive)
    tenant, estate = company.tenant, company.estate
    estate.change_settings(tenant, {"step_up_score": 44})
    export_id = requested(proven(estate, company.person("owner")))
    state = as_state(pipeline.plan({"tenant": tenant, "export_id": export_id}, None))
    estate.change_settings(tenant, {"step_up_score": 51})
    for worker in workers(state):
        pipeline.render(as_state(worker), None)
    for step in (pipeline.manifest, pipeline.assemble, pipeline.finish):
        step(state, None)
    return opened(company, export_id, tmp_path_factory.mktemp("documents"))


def test_documents_are_those_of_the_settings_when_it_was_planned(bundle: OpenedBundle) -> None:
    for path in DOCUMENTS:
        text = bundle.read(path).decode()
        assert "44" in text, path
        assert "51 to" not in text
        assert bundle.file(path)["settings_version"] == 2
        assert bundle.file(path)["settings_since"] is None
        assert bundle.file(path)["derivable"] is False


def test_counts_of_the_questions_are_the_rows_of_the_reports(bundle: OpenedBundle) -> None:
    reports, text = load().reports, bundle.read("documents/questions.md").decode()
    told = re.split(r"\n## \d\. ", text)[1:]
    assert len(told) == len(QUESTIONS) == 6
    seen = 0
    for question, part in zip(QUESTIONS, told, strict=True):
        counts = {name: int(count) for name, count in re.findall(r"\| `([A-Z_]+)` \| (\d+) \|", part)}
        assert tuple(counts) == question.actions
        rows = {
            action: sum(row["action"] == action for row in bundle.rows(reports[slug].path("csv")))
            for slug in question.reports
            for action in reports[slug].actions
        }
        assert counts == {action: rows[action] for action in question.actions}
        assert all(f"`{reports[slug].path('csv')}`" in part for slug in question.reports)
        seen += sum(counts.values())
    assert seen > 0
    assert "2026-07-01T00:00:00.000Z up to, not including, 2026-10-01T00:00:00.000Z" in text
    assert "The last digest is number 3 of" in text


def test_verifier_passes_it_and_calls_the_documents_unchecked(bundle: OpenedBundle) -> None:
    code, report = bundle.verified()
    assert (code, report["result"]) == (0, "PASSED"), report["steps"]
    (said,) = [each for each in report["not_checked"] if "README.txt" in each]
    assert all(path in said for path in DOCUMENTS)


def test_plan_from_before_there_were_documents_has_none() -> None:
    population = Population(0, {}, ())
    assert list(document_file.document_files({}, str, population, load())) == []
