"""Synthesizes a stage without building a layer, and asks questions of the template: it is the same, byte for byte."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from infra.app import QUIET_ON
from infra.packaging import Layer, Package, layer_digest
from infra.refusal import SynthesisRefused
from infra.stage import ROOT, Stage

for _name, _value in QUIET_ON.items():
    os.environ.setdefault(_name, _value)  # before jsii starts Node

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UnbuiltPackages:
    """Packages with nothing inside. Code is told apart by its folder: an edit during a run changes no template."""

    stage: Stage
    folder: Path

    def layer(self, group: Layer) -> Package:
        requirements = (ROOT / "requirements" / f"{group}.txt").read_bytes()
        return Package(self.folder, layer_digest(requirements, self.stage))

    def concern(self, folder: str) -> Package:
        return Package(self.folder, sha256(folder.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Template:
    """A synthesized template, with the questions that tests ask of it."""

    path: Path
    body: Mapping[str, Any]

    def resources(self, kind: str) -> dict[str, Resource]:
        found = self.body["Resources"]
        return {name: each for name, each in found.items() if each["Type"] == kind}

    def one(self, kind: str, beginning: str) -> Resource:
        """Return the properties of the one resource of `kind` whose logical id begins so."""
        (each,) = (resource for name, resource in self.resources(kind).items() if name.startswith(beginning))
        properties: Resource = each["Properties"]
        return properties

    def statements_of(self, role: str) -> list[Resource]:
        """List the statements of all policies attached to a role (its logical id)."""
        return [
            statement
            for policy in self.resources("AWS::IAM::Policy").values()
            if {"Ref": role} in policy["Properties"]["Roles"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]


def actions_of(statement: Resource) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


def synthesized(stage_name: str, outdir: Path, folder: Path, options: Mapping[str, object] | None = None) -> Template:
    """Synthesize a stage, production with `options` in its context."""
    from infra.synthesis import new_app, synthesize  # noqa: PLC0415 - starts Node, which `QUIET_ON` must precede

    app = new_app(str(outdir))
    context = {**app.node.get_all_context(), **(options or {})}
    stage = Stage.local() if stage_name == "local" else Stage.production(context)
    try:
        synthesize(app, stage, UnbuiltPackages(stage, folder))
    except SynthesisRefused as refusal:
        pytest.fail(str(refusal), pytrace=False)  # jsii's traceback says nothing more, a hundred times over
    path = outdir / "Muniment.template.json"
    return Template(path, json.loads(path.read_text(encoding="utf-8")))
