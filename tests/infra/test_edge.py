"""The distribution: what it passes on, what it keeps, and what its firewall lets through."""

import json

import pytest

from shared.edge.routes import ROUTES
from tests.infra.template import Template


def test_the_edge_forwards_what_the_viewer_is_and_proves_itself(production: Template) -> None:
    config = production.one("AWS::CloudFront::Distribution", "Edge")["DistributionConfig"]
    (origin,) = config["Origins"]
    (header,) = origin["OriginCustomHeaders"]
    assert header["HeaderName"] == "X-Origin-Verify"
    assert header["HeaderValue"]["Fn::Join"][1][0] == "{{resolve:secretsmanager:"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    policy = production.one("AWS::CloudFront::OriginRequestPolicy", "Edge")["OriginRequestPolicyConfig"]
    forwarded = set(policy["HeadersConfig"]["Headers"])
    assert {f"CloudFront-Viewer-{fact}" for fact in ("Address", "Country", "Latitude", "Longitude")} <= forwarded
    assert len(forwarded) <= 10  # CloudFront's limit
    assert not {"Host", "X-Origin-Verify"} & forwarded


def test_the_edge_keeps_nothing_of_the_api_and_hides_nothing_from_the_origin(production: Template) -> None:
    config = production.one("AWS::CloudFront::CachePolicy", "EdgeNeverCached")["CachePolicyConfig"]
    assert (config["MinTTL"], config["DefaultTTL"], config["MaxTTL"]) == (0, 0, 1)
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"]["Headers"] == ["Authorization"]
    distribution = production.one("AWS::CloudFront::Distribution", "Edge")["DistributionConfig"]
    behavior = distribution["DefaultCacheBehavior"]
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert behavior["Compress"] is False, "an answer that mixes secrets and input is not compressed (BREACH)"
    assert "POST" in behavior["AllowedMethods"]


def test_requests_that_differ_in_anything_never_share_an_answer(production: Template) -> None:
    config = production.one("AWS::CloudFront::CachePolicy", "EdgeNeverCached")["CachePolicyConfig"]
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert key["CookiesConfig"] == {"CookieBehavior": "all"}


def test_the_edge_keeps_the_consoles_files_as_told_and_passes_nothing_of_the_viewer_to_them(
    production: Template,
) -> None:
    policy = production.one("AWS::CloudFront::CachePolicy", "EdgeFilesAsTold")["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, 365 * 86_400)
    assert policy["ParametersInCacheKeyAndForwardedToOrigin"] == {
        "CookiesConfig": {"CookieBehavior": "none"},
        "EnableAcceptEncodingBrotli": False,
        "EnableAcceptEncodingGzip": True,
        "HeadersConfig": {"HeaderBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }
    distribution = production.one("AWS::CloudFront::Distribution", "Edge")["DistributionConfig"]
    (files,) = distribution["CacheBehaviors"]
    assert (files["PathPattern"], files["AllowedMethods"]) == ("/console/*", ["GET", "HEAD"])
    assert files["ViewerProtocolPolicy"] == "https-only"
    assert "OriginRequestPolicyId" not in files
    assert [route.key for route in ROUTES if "/console/" in route.key] == ["GET /console/{build}/{folder}/{file}"]


def test_no_error_outlives_its_request_at_the_edge_and_none_is_replaced_by_a_page(production: Template) -> None:
    distribution = production.one("AWS::CloudFront::Distribution", "Edge")["DistributionConfig"]
    assert distribution["CustomErrorResponses"] == [
        {"ErrorCode": status, "ErrorCachingMinTTL": 0}
        for status in (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
    ]


def test_the_edge_runs_no_function_that_cloudfront_would_skip_for_errors(production: Template) -> None:
    distribution = production.one("AWS::CloudFront::Distribution", "Edge")["DistributionConfig"]
    assert "FunctionAssociations" not in distribution["DefaultCacheBehavior"]
    assert production.resources("AWS::CloudFront::Function") == {}


def test_the_firewall_has_managed_rules_and_a_rate_limit(production: Template) -> None:
    firewall = json.loads((production.path.parent / "MunimentFirewall.template.json").read_text(encoding="utf-8"))
    (acl,) = (each for each in firewall["Resources"].values() if each["Type"] == "AWS::WAFv2::WebACL")
    rules = acl["Properties"]["Rules"]
    assert [rule["Priority"] for rule in rules] == list(range(len(rules)))
    managed = [rule for rule in rules if "ManagedRuleGroupStatement" in rule["Statement"]]
    limits = [rule["Statement"]["RateBasedStatement"] for rule in rules if "RateBasedStatement" in rule["Statement"]]
    assert len(managed) == 3
    assert limits == [{"AggregateKeyType": "IP", "Limit": 2000}]


def test_a_password_that_looks_like_markup_or_an_address_passes_the_firewall(production: Template) -> None:
    firewall = json.loads((production.path.parent / "MunimentFirewall.template.json").read_text(encoding="utf-8"))
    (acl,) = (each for each in firewall["Resources"].values() if each["Type"] == "AWS::WAFv2::WebACL")
    overrides = {
        rule["Name"]: rule["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
        for rule in acl["Properties"]["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }
    assert {name: rules for name, rules in overrides.items() if rules} == {
        "AWSManagedRulesCommonRuleSet": [
            {"Name": "CrossSiteScripting_BODY", "ActionToUse": {"Count": {}}},
            {"Name": "GenericRFI_BODY", "ActionToUse": {"Count": {}}},
        ]
    }


@pytest.mark.parametrize("stage", ["production", "local"])
def test_functions_demand_the_edge_exactly_where_there_is_one(stage: str, request: pytest.FixtureRequest) -> None:
    template: Template = request.getfixturevalue(stage)
    deployed = "true" if template.resources("AWS::CloudFront::Distribution") else "false"
    demanded = {
        each["Properties"].get("Environment", {"Variables": {}})["Variables"].get("EDGE_REQUIRED", deployed)
        for each in template.resources("AWS::Lambda::Function").values()
    }
    assert demanded == {deployed}
    assert deployed == ("true" if stage == "production" else "false")
