import json

import pytest

from functions.evidence_pipeline.plan import MAX_SHARDS
from functions.notify.bus import SOURCE, detail_type
from infra.break_glass import REASON
from infra.concern import rate
from infra.concerns import CONCERNS
from infra.evidence_machine import definition
from infra.naming import camel_case
from shared.edge.routes import ROUTES
from tests.architecture.sources import ROOT
from tests.infra.template import Resource, Template, actions_of

ARNS = {concern.name: f"arn:{concern.name}" for concern in CONCERNS}


def function_behind(template: Template, route: Resource) -> str:
    integration = template.resources("AWS::ApiGatewayV2::Integration")[route["Target"]["Fn::Join"][1][1]["Ref"]]
    name = integration["Properties"]["IntegrationUri"]["Fn::GetAtt"][0]
    description: str = template.resources("AWS::Lambda::Function")[name]["Properties"]["Description"]
    return description.removeprefix("Muniment: ")


def test_every_route_of_the_code_leads_to_its_concern_and_all_else_to_front(production: Template) -> None:
    served = {
        each["Properties"]["RouteKey"]: function_behind(production, each["Properties"])
        for each in production.resources("AWS::ApiGatewayV2::Route").values()
    }
    assert served == {route.key: route.concern for route in ROUTES} | {"$default": "front"}


def test_the_api_throttles_and_its_log_names_no_address(production: Template) -> None:
    stage = production.one("AWS::ApiGatewayV2::Stage", "Api")
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 400, "ThrottlingRateLimit": 200}
    form = json.loads(stage["AccessLogSettings"]["Format"])
    assert "$context.requestId" in form.values()
    assert not {"$context.identity.sourceIp", "$context.path"} & set(form.values())


def test_every_step_that_can_fail_leads_to_the_failed_export() -> None:
    states = definition(ARNS, "exports", 60)["States"]
    for name, state in states.items():
        if state["Type"] in {"Task", "Map"} and name != "MarkFailed":
            (catch,) = state["Catch"]
            assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "MarkFailed"), name
            assert catch["ResultPath"] == "$.error"  # keeps tenant and export_id beside it
    assert states["MarkFailed"]["Next"] == "Failed"
    assert states["Failed"]["Type"] == "Fail"


def test_the_steps_follow_each_other_and_carry_ids_only() -> None:
    states = definition(ARNS, "exports", 60)["States"]
    for render in ("RenderOne", "RenderAll"):
        order = ["Plan"]
        while states[order[-1]]["Type"] != "Succeed":
            order.append(render if order[-1] == "HowManyShards" else states[order[-1]]["Next"])
        assert order == ["Plan", "HowManyShards", render, "Manifest", "Assemble", "Finish", "Done"]
    ids = {"tenant.$": "$.tenant", "export_id.$": "$.export_id"}
    for name in ("Plan", "Manifest", "Assemble", "Finish"):
        assert states[name]["Parameters"] == ids
    assert states["RenderOne"]["Parameters"] == ids | {"shard": 0}
    assert states["Plan"]["ResultSelector"] == {"shards.$": "$.shards", "list.$": "$.list"}


def test_one_shard_is_one_call_and_more_are_the_items_of_a_distributed_map() -> None:
    states = definition(ARNS, "exports", 60)["States"]
    (one,) = states["HowManyShards"]["Choices"]
    assert one == {"Variable": "$.plan.shards", "NumericEquals": 1, "Next": "RenderOne"}
    assert states["HowManyShards"]["Default"] == "RenderAll"
    workers = states["RenderAll"]
    assert workers["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert workers["ItemReader"]["Parameters"] == {"Bucket": "exports", "Key.$": "$.plan.list"}
    assert (workers["ToleratedFailurePercentage"], workers["MaxConcurrency"]) == (0, 40)
    assert "ToleratedFailureCount" not in workers
    assert workers["ResultSelector"] == {"rendered.$": "States.ArrayLength($)"}, "answers are counted, not gathered"


def test_no_state_of_the_largest_plan_comes_near_8_kb() -> None:
    """30,000 segments make fewer shards than the most that there can be (tests/unit/evidence/test_plan.py)."""
    ids = {"tenant": "t" * 64, "export_id": f"exp_{'0' * 24}"}
    at = {"plan": {"shards": MAX_SHARDS, "list": f"rendering/{ids['tenant']}/{ids['export_id']}/shards.json"}}
    states = [
        ids | at,
        ids | {"shard": MAX_SHARDS - 1},
        list(range(MAX_SHARDS)),  # what the children answer, before it is counted
        ids | at | {"answer": {"rendered": MAX_SHARDS}},
        ids | at | {"answer": ids},
        ids | at | {"error": {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "c" * 1_024}},
    ]
    assert max(len(json.dumps(state)) for state in states) < 8_192


def test_the_machine_may_do_what_its_distributed_map_needs_and_nothing_else(production: Template) -> None:
    (role,) = (name for name in production.resources("AWS::IAM::Role") if name.startswith("EvidenceRole"))
    (machine,) = production.resources("AWS::StepFunctions::StateMachine")
    granted = {
        action: statement["Resource"]
        for statement in production.statements_of(role)
        for action in actions_of(statement)
        if action.partition(":")[0] in {"states", "s3", "kms"}
    }
    assert set(granted) == {
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "s3:GetObject",
        "kms:Decrypt",
    }
    assert granted["states:StartExecution"] == {"Ref": machine}
    assert granted["s3:GetObject"]["Fn::Join"][1][1] == "/rendering/*/shards.json"
    children = granted["states:StopExecution"]
    assert children == granted["states:DescribeExecution"]
    for each in children:
        parts = each["Fn::Join"][1]
        assert {"Fn::GetAtt": [machine, "Name"]} in parts
        assert parts[-1] in {":*", "/Shards:*"}


def test_an_answer_of_a_step_is_set_beside_the_ids_and_never_in_their_place(production: Template) -> None:
    machine = production.one("AWS::StepFunctions::StateMachine", "Evidence")
    parts = machine["DefinitionString"]["Fn::Join"][1]
    states = json.loads("".join(part if isinstance(part, str) else "arn" for part in parts))["States"]
    kept = {name: each.get("ResultPath", "$") for name, each in states.items() if each["Type"] in {"Task", "Map"}}
    assert set(kept) == {"Plan", "RenderOne", "RenderAll", "Manifest", "Assemble", "Finish", "MarkFailed"}
    assert not {name for name, path in kept.items() if path == "$"}  # the default would drop tenant and export_id


def test_an_export_waits_for_the_next_digest_instead_of_failing() -> None:
    waiting = definition(ARNS, "exports", 60)["States"]["Plan"]["Retry"][0]
    assert waiting["ErrorEquals"] == ["NotSealedYetError"]
    assert waiting["IntervalSeconds"] * waiting["MaxAttempts"] > 2 * 3600  # digests are hourly
    assert waiting["BackoffRate"] == 1


def test_executions_that_end_badly_by_themselves_are_marked_too(production: Template) -> None:
    rule = production.one("AWS::Events::Rule", "Evidence")
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("EvidenceFailFunction")
    assert "DeadLetterConfig" in target


def test_the_state_machine_logs_without_data_and_is_traced(production: Template) -> None:
    machine = production.one("AWS::StepFunctions::StateMachine", "Evidence")
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_streams_set_aside_what_keeps_failing(production: Template) -> None:
    mappings = list(production.resources("AWS::Lambda::EventSourceMapping").values())
    assert len(mappings) == 2
    for mapping in mappings:
        properties = mapping["Properties"]
        assert properties["BisectBatchOnFunctionError"] is True
        assert properties["MaximumRetryAttempts"] == 5
        assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        destination = properties["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination["Fn::GetAtt"][0].startswith("DeadLetters")


def test_schedules_are_those_of_the_concerns(production: Template) -> None:
    written = {
        each["Properties"]["Description"].removeprefix("Muniment: "): each["Properties"]["ScheduleExpression"]
        for each in production.resources("AWS::Scheduler::Schedule").values()
    }
    assert written == {each.name: rate(each.every_minutes) for each in CONCERNS if each.every_minutes}
    assert written["audit_digest"] == written["cleanup"] == "rate(1 hour)"
    assert written["audit_seal"] == "rate(5 minutes)"


@pytest.mark.parametrize(
    ("minutes", "expression"),
    [(1, "rate(1 minute)"), (5, "rate(5 minutes)"), (60, "rate(1 hour)"), (1440, "rate(24 hours)")],
)
def test_a_rate_is_written_as_eventbridge_reads_it(minutes: int, expression: str) -> None:
    assert rate(minutes) == expression


def test_alarms_speak_to_an_encrypted_topic(production: Template) -> None:
    topic = production.one("AWS::SNS::Topic", "Observability")
    assert topic["KmsMasterKeyId"]["Fn::GetAtt"][0].startswith("KeysData")
    alarms = production.resources("AWS::CloudWatch::Alarm").values()
    assert {len(alarm["Properties"]["AlarmActions"]) for alarm in alarms} == {1}
    watched = {alarm["Properties"]["AlarmDescription"] for alarm in alarms}
    assert {
        "Muniment: audit_seal raised an error",
        "Muniment: a row of the log was changed or removed",
        "Muniment: the daily verification found a fault in a log, or in itself",
    } <= watched


@pytest.mark.parametrize(
    ("concern", "metric"), [("audit_tripwire", "AuditTamperDetected"), ("audit_verify", "AuditIntegrityFailed")]
)
def test_an_alarm_watches_the_metric_that_the_handler_emits(production: Template, concern: str, metric: str) -> None:
    (alarm,) = [
        each["Properties"]
        for each in production.resources("AWS::CloudWatch::Alarm").values()
        if each["Properties"].get("MetricName") == metric
    ]
    assert (alarm["Namespace"], alarm["Dimensions"]) == ("Muniment", [{"Name": "service", "Value": concern}])
    handler = (ROOT / "functions" / concern / "handler.py").read_text(encoding="utf-8")
    assert f'name="{metric}"' in handler
    assert f'Metrics(namespace="Muniment", service="{concern}")' in handler


def test_a_repeated_start_of_the_verification_is_the_same_run(production: Template) -> None:
    (schedule,) = [
        each["Properties"]
        for each in production.resources("AWS::Scheduler::Schedule").values()
        if each["Properties"]["Description"] == "Muniment: audit_verify"
    ]
    assert json.loads(schedule["Target"]["Input"]) == {"run": "<aws.scheduler.scheduled-time>"}
    assert schedule["ScheduleExpression"] == "rate(24 hours)"


def test_whoever_is_on_call_is_told_when_the_glass_is_broken(production: Template) -> None:
    rule = production.one("AWS::Events::Rule", "ObservabilityBreakGlass")
    assert rule["EventPattern"] == {
        "source": [SOURCE],
        "detail-type": [detail_type("ip_rule_changed")],
        "detail": {"detail": {"reason": [REASON]}},
    }
    (topic,) = production.resources("AWS::SNS::Topic")
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": topic}]
    assert rule["EventBusName"]["Ref"].startswith("SecurityEventsBus")
    written = json.dumps(production.one("AWS::SNS::TopicPolicy", "ObservabilityTopic"))
    assert '"Service": "events.amazonaws.com"' in written
    key = production.one("AWS::KMS::Key", "KeysData")["KeyPolicy"]["Statement"]
    (allowed,) = [each for each in key if each["Principal"] == {"Service": "events.amazonaws.com"}]
    assert allowed["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_an_alarm_rings_when_what_runs_by_the_clock_no_longer_runs(production: Template) -> None:
    scheduled = {each.name: each.every_minutes * 60 for each in CONCERNS if each.every_minutes}
    alarms = [each["Properties"] for each in production.resources("AWS::CloudWatch::Alarm").values()]
    stopped = {}
    for alarm in alarms:
        if alarm.get("MetricName") == "Invocations":
            name = alarm["AlarmDescription"].removeprefix("Muniment: ").partition(" ")[0]
            stopped[name] = alarm
            assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
            assert (alarm["TreatMissingData"], alarm["Statistic"]) == ("breaching", "Sum")
            (dimension,) = alarm["Dimensions"]
            assert dimension["Value"]["Ref"].startswith(f"{camel_case(name)}Function")
    patience = {name: alarm["Period"] * alarm["EvaluationPeriods"] for name, alarm in stopped.items()}
    assert patience == {name: 2 * seconds for name, seconds in scheduled.items()}
    assert max(alarm["Period"] for alarm in stopped.values()) == 86_400  # CloudWatch sums over no longer a period
    assert {"audit_seal", "audit_digest", "audit_verify", "cleanup", "housekeeping", "notify"} <= set(stopped)


def test_an_error_rings_an_alarm_and_a_quiet_function_none(production: Template) -> None:
    errors = {
        alarm["Properties"]["AlarmDescription"].split()[1]: alarm["Properties"]["TreatMissingData"]
        for alarm in production.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "Errors"
    }
    watched = {
        *("audit_seal", "audit_digest", "audit_verify", "audit_tripwire"),
        *("cleanup", "erasure_sweep", "evidence_collection", "housekeeping", "notify"),
    }
    assert errors == dict.fromkeys(watched, "notBreaching")


def test_an_alarm_rings_when_events_wait_too_long_for_their_seal_or_nobody_measures_it(production: Template) -> None:
    alarm = production.one("AWS::CloudWatch::Alarm", "ObservabilitySealingLag")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Muniment", "AuditSealLag")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "audit_seal"}]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Maximum", 900, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "breaching"
    (sealer,) = [each for each in CONCERNS if each.name == "audit_seal"]
    assert alarm["Period"] == 2 * 60 * (sealer.every_minutes or 0)  # one run may be late


def test_an_alarm_rings_when_a_reader_of_evidence_met_a_broken_log(production: Template) -> None:
    """The metric has no dimension: whichever door it was, see tests/unit/edge/test_door_mapping.py."""
    alarm = production.one("AWS::CloudWatch::Alarm", "ObservabilityLogBroken")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Muniment", "LogBroken")
    assert "Dimensions" not in alarm
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Sum", 1, "notBreaching")


@pytest.mark.parametrize(("name", "threshold", "periods"), [("UnexpectedFault", 1, 1), ("ControlFailure", 5, 2)])
def test_an_alarm_rings_when_requests_fail_by_our_fault(
    production: Template, name: str, threshold: int, periods: int
) -> None:
    """The metrics have no dimension: tests/unit/edge/test_door_mapping.py and tests/functions/test_authorizer.py."""
    alarm = production.one("AWS::CloudWatch::Alarm", f"Observability{name}")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Muniment", name)
    assert "Dimensions" not in alarm
    assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Sum", threshold, periods)
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == (
        "GreaterThanOrEqualToThreshold",
        "notBreaching",
    )
    assert alarm["AlarmActions"]


def test_an_alarm_rings_when_the_table_does_not_continue_what_is_sealed(production: Template) -> None:
    alarm = production.one("AWS::CloudWatch::Alarm", "ObservabilityBrokenLane")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Muniment", "AuditLaneBroken")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "audit_seal"}]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Sum", 1, "notBreaching")
