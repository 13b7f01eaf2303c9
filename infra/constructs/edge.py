"""The edge: CloudFront in front of the API, and its firewall.

Rules of this module
- Nothing of the API is cached. CloudFront passes `Authorization` on only as part of a cache key, hence a cache policy
  whose lifetimes are zero unless the origin asks for more, and then one second; every answer of the API is
  `no-store`. Errors have a lifetime of their own, ten seconds whatever the origin says, unless each status is given
  another.
- The console's files are kept as long as their function says: they are about nobody, and change with their address
  alone. To their behavior no cookie, no query string and no header of the viewer exists, so none can make an answer.
- CloudFront answers requests of one cache key that come at the same moment with one answer of the origin, even when it
  caches nothing. So everything that an answer depends on stands in the key: query strings and cookies too.
- The viewer's address, country and position come from CloudFront's own headers; with `X-Origin-Verify`, whose value is
  a dynamic reference to the secret, the functions know that nobody else wrote them.
- API Gateway renames `WWW-Authenticate`, and CloudFront runs no function on an origin's error, so a challenge reaches
  the client under the other name: its facts stand in the problem's body, and clients read them there.
- The logs of CloudFront and the counters of the firewall know addresses; the logs expire with infra/constructs/
  access_logs.py, and the firewall keeps no samples.
- A web ACL for CloudFront exists in us-east-1 only, so the firewall is a stack of its own there.
"""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.stage import CustomDomain, Stage

FIREWALL_REGION: Final = "us-east-1"
_ORIGIN_HEADERS: Final = (
    "CloudFront-Viewer-Address",
    "CloudFront-Viewer-Country",
    "CloudFront-Viewer-Latitude",
    "CloudFront-Viewer-Longitude",
    "CloudFront-Viewer-ASN",
    "Content-Type",
    "Origin",
    "Sec-Fetch-Site",
    "User-Agent",
    "X-Muniment-CSRF",
)  # CloudFront takes ten
_MANAGED_RULES: Final = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)
# A password may hold any character (NIST SP 800-63B-4 section 3.1.1.2), so also look like markup or an address. The API
# answers JSON and includes no file, so these two rules have nothing to protect.
_COUNTED_ONLY: Final = {"AWSManagedRulesCommonRuleSet": ("CrossSiteScripting_BODY", "GenericRFI_BODY")}
# Every status whose lifetime CloudFront lets us set; 401, 409 and 429 it caches only if the origin says so.
_CACHED_ERRORS: Final = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)


class Edge(Construct):
    """`distribution`: the one door of a production deployment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        api_host: str,
        secret: secretsmanager.ISecret,
        access_logs: s3.IBucket,
        web_acl_arn: str,
    ) -> None:
        super().__init__(scope, construct_id)
        origin = origins.HttpOrigin(
            api_host,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            custom_headers={"X-Origin-Verify": secret.secret_value.unsafe_unwrap()},
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Muniment",
            default_behavior=self._behavior(origin),
            additional_behaviors={"/console/*": self._files(origin)},
            error_responses=[
                cloudfront.ErrorResponse(http_status=status, ttl=cdk.Duration.seconds(0)) for status in _CACHED_ERRORS
            ],
            # Under CloudFront's own name the minimum is CloudFront's; asking for one would only be ignored.
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if stage.domain else None,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            enable_ipv6=True,
            enable_logging=True,
            log_bucket=access_logs,
            log_file_prefix="edge/",
            log_includes_cookies=False,
            web_acl_id=web_acl_arn,
            domain_names=[stage.domain.name] if stage.domain else None,
            certificate=self._certificate(stage.domain),
        )
        self._acknowledge(stage)

    def _behavior(self, origin: origins.HttpOrigin) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origin,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=self._never_cached(),
            origin_request_policy=self._viewer_facts(),
            compress=False,  # a compressed answer that mixes secrets and input leaks them (BREACH)
        )

    def _files(self, origin: origins.HttpOrigin) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origin,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            cache_policy=self._as_told(),
            compress=False,  # they come compressed from their function
        )

    def _never_cached(self) -> cloudfront.CachePolicy:
        return cloudfront.CachePolicy(
            self,
            "NeverCached",
            comment="Muniment: Authorization reaches the origin, nothing is kept",
            min_ttl=cdk.Duration.seconds(0),
            default_ttl=cdk.Duration.seconds(0),
            max_ttl=cdk.Duration.seconds(1),
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("Authorization"),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.all(),
            cookie_behavior=cloudfront.CacheCookieBehavior.all(),
        )

    def _as_told(self) -> cloudfront.CachePolicy:
        return cloudfront.CachePolicy(
            self,
            "FilesAsTold",
            comment="Muniment: the console's files, as long as their function says",
            min_ttl=cdk.Duration.seconds(0),
            default_ttl=cdk.Duration.seconds(0),
            max_ttl=cdk.Duration.days(365),
            # CloudFront itself compresses nothing: the function must be told that the viewer takes it.
            enable_accept_encoding_gzip=True,
        )

    def _viewer_facts(self) -> cloudfront.OriginRequestPolicy:
        return cloudfront.OriginRequestPolicy(
            self,
            "ViewerFacts",
            comment="Muniment: who asks, from where",
            header_behavior=cloudfront.OriginRequestHeaderBehavior.allow_list(*_ORIGIN_HEADERS),
            cookie_behavior=cloudfront.OriginRequestCookieBehavior.all(),
            query_string_behavior=cloudfront.OriginRequestQueryStringBehavior.all(),
        )

    def _certificate(self, domain: CustomDomain | None) -> certificatemanager.ICertificate | None:
        if domain is None:
            return None
        return certificatemanager.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)

    def _acknowledge(self, stage: Stage) -> None:
        reasons = {
            "AwsSolutions-CFR1": "Where people may log in from is a tenant's decision (ip_rules, "
            "country in the risk score), not the deployment's."
        }
        if stage.domain is None:
            reasons["AwsSolutions-CFR4"] = (
                "Without edge_domain CloudFront serves under its own name, whose certificate admits no "
                "minimum; with one, TLS 1.2 is the least."
            )
        acknowledge(self.distribution, reasons)


class Firewall(Construct):
    """`web_acl_arn`: AWS's managed rules, and a limit on requests of one address in five minutes."""

    def __init__(self, scope: Construct, construct_id: str, *, requests_per_address: int) -> None:
        super().__init__(scope, construct_id)
        managed = [_managed_rule(name, order) for order, name in enumerate(_MANAGED_RULES)]
        web_acl = wafv2.CfnWebACL(
            self,
            "WebAcl",
            scope="CLOUDFRONT",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("Firewall"),
            rules=[*managed, _rate_rule(requests_per_address, len(managed))],
        )
        self.web_acl_arn = web_acl.attr_arn


def _managed_rule(name: str, order: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=order,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=name, rule_action_overrides=_counted_only(name)
            )
        ),
        visibility_config=_visibility(name),
    )


def _counted_only(group: str) -> list[wafv2.CfnWebACL.RuleActionOverrideProperty] | None:
    count = wafv2.CfnWebACL.RuleActionProperty(count={})
    rules = _COUNTED_ONLY.get(group, ())
    return [wafv2.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=count) for rule in rules] or None


def _rate_rule(limit: int, order: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name="RequestsPerAddress",
        priority=order,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(limit=limit, aggregate_key_type="IP")
        ),
        visibility_config=_visibility("RequestsPerAddress"),
    )


def _visibility(metric: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=metric,
        sampled_requests_enabled=False,  # samples would keep addresses and headers of people
    )
