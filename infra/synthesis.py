"""From a Stage to a cloud assembly, checked by cdk-nag on the way.

Rules of this module
- No account, no region, no call to AWS: a synthesis needs no credentials and gives the same bytes everywhere.
- The production stage must pass the AwsSolutions and Serverless packs; a finding stops the synthesis. An
  acknowledgement stands beside the construct it speaks of.
"""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.packaging import Packages
from infra.refusal import SynthesisRefused
from infra.stack import FirewallStack, MunimentStack
from infra.stage import Stage, deployment_context


class FindingsRemain(SynthesisRefused):
    """cdk-nag objects to the template."""


def new_app(outdir: str) -> cdk.App:
    """Make the app with the context of cdk.json; what the CDK CLI passes (`-c name=value`) goes first."""
    return cdk.App(outdir=outdir, analytics_reporting=False, context=deployment_context())


def synthesize(app: cdk.App, stage: Stage, packages: Packages) -> MunimentStack:
    """Build the stacks of `stage` into `app` and write the assembly; `FindingsRemain` when cdk-nag objects."""
    stack = MunimentStack(app, stage, packages)
    if stage.edge:
        stack.add_stack_dependency(FirewallStack(app, stage))
    if stage.name == "production":
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    _write(app)
    return stack


def _write(app: cdk.App) -> None:
    try:
        app.synth()
    except RuntimeError as fault:
        # jsii hands every fault of the CDK on as a RuntimeError that begins with its name.
        if not str(fault).startswith("ValidationFailed"):
            raise
        raise FindingsRemain(
            f"cdk-nag has findings (listed above and in {app.outdir}/validation-report.json): repair them, or "
            "acknowledge them beside the construct with a reason"
        ) from fault
