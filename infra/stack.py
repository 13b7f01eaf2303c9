"""The stacks: they compose constructs and own no resource themselves."""

from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.concern import Concern
from infra.concerns import AUTHORIZER, CONCERNS, EVIDENCE
from infra.constructs.access_logs import AccessLogs
from infra.constructs.api import Api
from infra.constructs.concern_function import ConcernFunction, Workshop, layer_version
from infra.constructs.dead_letters import DeadLetters
from infra.constructs.edge import FIREWALL_REGION, Edge, Firewall
from infra.constructs.evidence_pipeline import EvidencePipeline
from infra.constructs.example_api import ExampleApi
from infra.constructs.exports import Exports
from infra.constructs.grants import Estate
from infra.constructs.guarded_api import let_own_apis_ask
from infra.constructs.keys import Keys
from infra.constructs.observability import Observability, services_that_publish
from infra.constructs.random_secret import RandomSecret
from infra.constructs.schedules import Schedules
from infra.constructs.security_events import SecurityEvents
from infra.constructs.streams import Streams
from infra.constructs.tables import Tables
from infra.constructs.vault import Vault
from infra.naming import camel_case
from infra.packaging import Layer, Packages
from infra.registry import registry_of
from infra.stage import Stage

STACK_NAME = "Muniment"
FIREWALL_STACK_NAME = "MunimentFirewall"
_WEB_ACL_OUTPUT = "WebAclArn"


class FirewallStack(cdk.Stack):
    """The web ACL of the edge, in the one region where CloudFront looks for it."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope, FIREWALL_STACK_NAME, env=cdk.Environment(region=FIREWALL_REGION), analytics_reporting=False
        )
        firewall = Firewall(self, "Firewall", requests_per_address=stage.requests_per_address)
        cdk.CfnOutput(self, _WEB_ACL_OUTPUT, value=firewall.web_acl_arn)


class MunimentStack(cdk.Stack):
    """The whole product in one account and region; outputs are the registry, in CamelCase."""

    def __init__(self, scope: Construct, stage: Stage, packages: Packages) -> None:
        super().__init__(
            scope,
            STACK_NAME,
            analytics_reporting=False,
            termination_protection=stage.protected,
            description="Muniment: audit-ready identity with evidence",
        )
        self._stage = stage
        self.keys = Keys(self, "Keys", stage=stage)
        self.tables = Tables(self, "Tables", stage=stage, key=self.keys.data)
        self.access_logs = AccessLogs(self, "AccessLogs", stage=stage)
        self.vault = Vault(self, "Vault", stage=stage, access_logs=self.access_logs.bucket)
        self.exports = Exports(self, "Exports", stage=stage, key=self.keys.data, access_logs=self.access_logs.bucket)
        self._secrets()
        self.security_events = SecurityEvents(self, "SecurityEvents")
        self.dead_letters = DeadLetters(self, "DeadLetters")
        self.api = Api(self, "Api", stage=stage)
        self._functions(packages)
        self._own_apis()
        self._restrict()
        self._observe()
        if stage.edge:
            self._edge()
        self._outputs()

    def _secrets(self) -> None:
        self.origin = RandomSecret(
            self,
            "Origin",
            stage=self._stage,
            key=self.keys.data,
            describes="value of X-Origin-Verify between the edge and the functions",
            unrotated="Rotated by an operator: a new value must reach the distribution in the same deployment; "
            "functions accept current and previous.",
        )
        self.introspection = RandomSecret(
            self,
            "IntrospectionSecret",
            stage=self._stage,
            key=self.keys.data,
            describes="secret of the services that may introspect access tokens",
            unrotated="Rotated by an operator, with the services that hold it; current and previous are accepted.",
        )

    def _functions(self, packages: Packages) -> None:
        estate = self._estate()
        layers: dict[Layer, lambda_.LayerVersion] = {
            "hot": layer_version(self, "HotLayer", "hot", packages, self._stage),
            "cold": layer_version(self, "ColdLayer", "cold", packages, self._stage),
        }
        workshop = Workshop(self._stage, packages, layers, estate, self.dead_letters)
        self.registry = registry_of(self._stage, estate)
        evidence = self._build(EVIDENCE, workshop)
        self.pipeline = EvidencePipeline(
            self,
            "Evidence",
            stage=self._stage,
            functions=evidence,
            exports=self.exports.bucket,
            key=self.keys.data,
            undelivered=self.dead_letters.queue,
        )
        self.registry["evidence_state_machine_arn"] = self.pipeline.state_machine.state_machine_arn
        self.functions = evidence | self._build((each for each in CONCERNS if each not in EVIDENCE), workshop)
        self.api.route(self.functions)
        self._triggers()

    def _triggers(self) -> None:
        functions = self.functions.values()
        Schedules(self, "Schedules", functions=functions, missed=self.dead_letters)
        Streams(
            self,
            "Streams",
            functions=functions,
            tables=self.tables.by_name,
            undelivered=self.dead_letters,
        )

    def _build(self, concerns: Iterable[Concern], workshop: Workshop) -> dict[str, ConcernFunction]:
        return {
            concern.name: ConcernFunction(self, camel_case(concern.name), concern, workshop, self.registry)
            for concern in concerns
        }

    def _estate(self) -> Estate:
        keys = self.keys
        return Estate(
            tables=self.tables.by_name,
            buckets={"vault": self.vault.bucket, "exports": self.exports.bucket},
            keys={"data": keys.data, "ledger": keys.ledgers[-1], "evidence": keys.evidence},
            origin_secret=self.origin.secret,
            introspection_secret=self.introspection.secret,
            event_bus=self.security_events.bus,
            mail_from=self._stage.mail_from,
            earlier_ledger_keys=tuple(keys.ledgers[:-1]),
        )

    def _own_apis(self) -> None:
        authorizer = self.functions[AUTHORIZER].function
        let_own_apis_ask(authorizer)
        cdk.CfnOutput(self, "AuthorizerArn", value=authorizer.function_arn)
        if self._stage.example_api:
            example = ExampleApi(self, "Example", stage=self._stage, authorizer=authorizer)
            cdk.CfnOutput(self, "ExampleApiId", value=example.http_api.api_id)

    def _restrict(self) -> None:
        functions = self.functions
        self.keys.restrict_signing(ledger=functions["audit_digest"].role, evidence=functions["evidence_manifest"].role)
        self.exports.restrict_locks(assembler=functions["evidence_assemble"].role, hold_role=self.vault.hold_role)
        for each in functions.values():
            if each.concern.starts_evidence:
                self.pipeline.allow_start(each)

    def _observe(self) -> None:
        for service, says_account in services_that_publish().items():
            self.keys.allow_service(service, says_account=says_account)
        Observability(
            self,
            "Observability",
            functions=self.functions,
            undelivered=self.dead_letters.queue,
            failed_exports=self.pipeline.state_machine.metric_failed(),
            event_bus=self.security_events.bus,
            key=self.keys.data,
            vault=self.vault.bucket,
            stage=self._stage,
        )

    def _edge(self) -> None:
        self.edge = Edge(
            self,
            "Edge",
            stage=self._stage,
            api_host=f"{self.api.http_api.api_id}.execute-api.{cdk.Aws.REGION}.amazonaws.com",
            secret=self.origin.secret,
            access_logs=self.access_logs.bucket,
            web_acl_arn=cdk.Fn.get_stack_output(FIREWALL_STACK_NAME, _WEB_ACL_OUTPUT, FIREWALL_REGION),
        )
        cdk.CfnOutput(self, "EdgeEndpoint", value=f"https://{self.edge.distribution.distribution_domain_name}")

    def _outputs(self) -> None:
        names: Mapping[str, str] = {
            **self.registry,
            "api_id": self.api.http_api.api_id,
            "api_endpoint": self.api.http_api.api_endpoint,
            **{f"{name}_function": each.function.function_name for name, each in self.functions.items()},
        }
        for name, value in sorted(names.items()):
            cdk.CfnOutput(self, camel_case(name), value=value)
