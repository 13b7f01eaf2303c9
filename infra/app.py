"""The CDK app: builds the stacks from a Stage, nothing else.

    python -m infra.app                 production into cdk.out (no CDK CLI, no Docker, no AWS account)
    python -m infra.app local           the local stage into .muniment/cdk.out
    MUNIMENT_STAGE=local ...            the same by environment
    python -m infra.app --outdir PATH   elsewhere
    npx aws-cdk@2.1148.1 synth          production through the CDK CLI (cdk.json), e.g. -c edge=false

Production settings stand in cdk.json's context (infra/stage.py). Ends with 1 and one line on stderr when a setting is
refused, a layer cannot be built, Node is missing or too old, or cdk-nag has a finding.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.packaging import BuiltPackages, Packages
from infra.refusal import SynthesisRefused
from infra.stage import ROOT, Stage

# jsii prints a banner on each Node that it no longer (or not yet) supports; the CDK runs on these all the same.
QUIET_ON: Final = {
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20",  # the majors, not a flag
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
}
_OLDEST_NODE: Final = 18
_STAGES: Final = ("production", "local")


class NodeMissing(SynthesisRefused):
    """jsii runs in Node, and there is none that it can use; the message says what to do."""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = _options(arguments, environ)
    outdir = options.outdir or environ.get("CDK_OUTDIR") or str(_default_outdir(options.stage))
    for name, value in QUIET_ON.items():
        os.environ.setdefault(name, value)
    try:
        require_node(environ)
        build(options.stage, outdir)
    except SynthesisRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


def build(stage_name: str, outdir: str, packages: Packages | None = None) -> None:
    """Synthesize a stage into `outdir`; without `packages` the real layers are built."""
    # Importing the CDK starts Node: not before it was looked for.
    from infra.synthesis import new_app, synthesize  # noqa: PLC0415 - see above

    app = new_app(outdir)
    stage = Stage.local() if stage_name == "local" else Stage.production(app.node.get_all_context())
    synthesize(app, stage, packages or BuiltPackages(stage))


def require_node(environ: Mapping[str, str]) -> None:
    """Make sure that jsii will find a Node it can use; `NodeMissing` otherwise."""
    node = environ.get("JSII_NODE", "node")
    found = shutil.which(node, path=environ.get("PATH"))
    said = _version_of(found) if found else ""
    version = re.match(r"v(\d+)\.", said)
    if version is None or int(version[1]) < _OLDEST_NODE:
        raise NodeMissing(
            f"Node.js {_OLDEST_NODE} or later is needed to synthesize (found: {said or 'none'}): "
            "install it from nodejs.org or your system's packages, or set JSII_NODE to its path"
        )


def _version_of(node: str) -> str:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - resolved path
    return answer.stdout.strip()


def _options(arguments: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.app", description="Synthesize a stage.")
    chosen = environ.get("MUNIMENT_STAGE", "production")
    parser.add_argument("stage", nargs="?", choices=_STAGES, default=chosen)
    parser.add_argument("--outdir")
    return parser.parse_args(arguments)


def _default_outdir(stage_name: str) -> Path:
    return ROOT / ".muniment" / "cdk.out" if stage_name == "local" else ROOT / "cdk.out"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
