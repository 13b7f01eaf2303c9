"""Every setting of a deployment, as one value.

Rules of this module
- It is the only reader of CDK context; constructs get a `Stage` and ask nobody else.
- What cannot be undone is never guessed: lock mode, retention, issuer and epoch of a production stage stand in
  `cdk.json`'s context (or come by `cdk -c name=value`) and are refused when absent or absurd. A COMPLIANCE period can
  be shortened by nobody, the root user and AWS support included.
- What differs between the production and the local stage differs here, and tests/infra lists it.
"""

import json
import platform
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from infra.refusal import SynthesisRefused
from shared.store.audit_logs import MOST_LANES

ROOT: Final = Path(__file__).resolve().parent.parent

LockMode = Literal["COMPLIANCE", "GOVERNANCE"]
StageName = Literal["production", "local"]

# A SOC 2 Type II period is at most 12 months: what is locked for less can be gone before the auditor asks.
_SHORTEST_COMPLIANCE_DAYS: Final = 365
# Ten years: beyond it the period is a typing error, and one that nobody can take back.
_LONGEST_LOCK_DAYS: Final = 3653
_DAY_SECONDS: Final = 86_400
_MOST_LEDGER_KEYS: Final = 20
_MOST_ROOTS_BYTES: Final = 2_400  # a function's whole environment may have 4 KB (Lambda quotas)
_TIME_STAMPER: Final = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?(/[!-~]*)?")
_CERTIFICATES: Final = re.compile(
    r"(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n?)+"
)
_ORIGIN: Final = re.compile(r"https://(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)+)")
_ADDRESS: Final = re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9-]+(\.[a-z0-9-]+)+")
_LONGEST_ADDRESS: Final = 254  # characters; RFC 5321 section 4.5.3.1.3, less the angle brackets


class UnsoundSetting(SynthesisRefused):
    """A deployment setting is absent or absurd; the message is one line that names it and says what to write."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Object Lock of a bucket: for `days` after its writing no version of an object can be deleted."""

    mode: LockMode
    days: int


@dataclass(frozen=True, slots=True)
class CustomDomain:
    """The name under which CloudFront serves; its certificate must stand in us-east-1 (CloudFront's rule)."""

    name: str
    certificate_arn: str


@dataclass(frozen=True, slots=True)
class TimeStamping:
    """A time-stamping authority (RFC 3161) and the roots that its answers must lead to; `none` where there is none."""

    url: str = "none"
    roots: str = "none"


@dataclass(frozen=True, slots=True)
class Replica:
    """Another account's bucket, Object Lock on, that S3 copies the vault into."""

    bucket_arn: str
    account: str


@dataclass(frozen=True, slots=True)
class Stage:
    """`sealing_wait_seconds`: how long an export waits before it asks again for a signed digest.

    Durations are seconds. `runtime` and `architecture` are Lambda's identifiers. `public_origin` is where links in
    mails lead, `allowed_origins` are the origins whose pages may use cookies (a loopback one without a port stands for
    every port). `signing_key_publish_seconds` is how long a key is published before it may sign. `log_lanes` is how
    many lanes a log may have. `loopback_issuers`: identity providers may be on 127.0.0.1, over plain http.
    `example_api` deploys the example of docs/example-api.md. `ledger_keys` counts the ledger keys so far, all kept.
    """

    name: StageName
    runtime: str
    architecture: str
    vault_lock: Lock
    exports_lock: Lock
    issuer: str
    public_origin: str
    allowed_origins: tuple[str, ...]
    mail_from: str
    log_name: str
    log_epoch: int
    log_lanes: int
    watermark_lag_seconds: int
    writer_give_up_seconds: int
    sealing_wait_seconds: int
    protected: bool
    edge: bool
    loopback_issuers: bool
    software_version: str
    domain: CustomDomain | None = None
    example_api: bool = False
    ledger_keys: int = 1
    time_stamping: TimeStamping = TimeStamping()
    replica: Replica | None = None
    audit_log_ttl_seconds: int = 180 * _DAY_SECONDS
    security_retention_seconds: int = 180 * _DAY_SECONDS
    signing_key_rotation_seconds: int = 90 * _DAY_SECONDS
    signing_key_publish_seconds: int = _DAY_SECONDS
    access_token_seconds: int = 600
    refresh_idle_seconds: int = 28_800
    refresh_absolute_seconds: int = 86_400
    concurrency_window_seconds: int = 10
    lost_response_window_seconds: int = 86_400
    max_replays: int = 8
    requests_per_second: int = 200
    request_burst: int = 400
    requests_per_address: int = 2_000

    @classmethod
    def production(cls, context: Mapping[str, object]) -> "Stage":
        """Build the stage that stands in AWS; `UnsoundSetting` when the context leaves something unsaid."""
        mode, issuer = _lock_mode(context), _issuer(context)
        return cls(
            name="production",
            runtime="python3.13",
            architecture="arm64",
            vault_lock=Lock(mode, _lock_days(context, "vault_retention_days", mode)),
            exports_lock=Lock(mode, _lock_days(context, "exports_retention_days", mode)),
            issuer=issuer,
            public_origin=_origin(context, "public_origin") if context.get("public_origin") else issuer,
            allowed_origins=_allowed_origins(context, issuer),
            mail_from=_mail_from(context),
            log_name="prod",
            log_epoch=_whole(context, "log_epoch", least=1, most=9_999),
            log_lanes=_whole(context, "log_lanes", least=1, most=MOST_LANES),
            watermark_lag_seconds=120,
            writer_give_up_seconds=60,
            sealing_wait_seconds=60,
            protected=True,
            edge=_flag(context, "edge"),
            loopback_issuers=False,
            domain=_domain(context),
            software_version=_version(),
            ledger_keys=_whole({"ledger_keys": 1, **context}, "ledger_keys", least=1, most=_MOST_LEDGER_KEYS),
            time_stamping=_time_stamping(context),
            replica=_replica(context),
        )

    @classmethod
    def local(
        cls,
        python: tuple[int, int] = (sys.version_info.major, sys.version_info.minor),
        machine: str = platform.machine(),
    ) -> "Stage":
        """Build the stage of this machine: its interpreter runs the handlers, nothing outlives the stack."""
        return cls(
            name="local",
            runtime=f"python{python[0]}.{python[1]}",
            architecture="arm64" if machine.lower() in {"arm64", "aarch64"} else "x86_64",
            vault_lock=Lock("GOVERNANCE", 1),
            exports_lock=Lock("GOVERNANCE", 1),
            issuer="https://muniment.localhost",
            public_origin="https://muniment.localhost",
            allowed_origins=("http://127.0.0.1", "http://muniment.localhost", "https://muniment.localhost"),
            mail_from="no-reply@muniment.localhost",
            log_name="local",
            log_epoch=1,
            log_lanes=MOST_LANES,
            watermark_lag_seconds=4,
            writer_give_up_seconds=2,
            sealing_wait_seconds=2,
            protected=False,
            edge=False,
            loopback_issuers=True,
            software_version=_version(),
            example_api=True,
        )

    @property
    def audience(self) -> str:
        return f"{self.issuer}/api"

    @property
    def log_origin(self) -> str:
        """The first line of every checkpoint (C2SP tlog-checkpoint) up to the tenant."""
        return f"{self.issuer.removeprefix('https://')}/{self.log_name}"


def deployment_context() -> dict[str, object]:
    """Read the context of `cdk.json`: the CDK CLI passes it on, a plain `python -m infra.app` must not miss it."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    if not isinstance(context, dict):
        raise UnsoundSetting("cdk.json: `context` must be an object of settings")
    return context


def _stated(context: Mapping[str, object], name: str, what: str) -> object:
    if name not in context or context[name] in (None, ""):
        raise UnsoundSetting(f"context `{name}` is not set: state {what} in cdk.json")
    return context[name]


def _lock_mode(context: Mapping[str, object]) -> LockMode:
    name = "vault_lock_mode"
    mode = _stated(context, name, "COMPLIANCE (nobody can undo it) or GOVERNANCE")
    if mode == "COMPLIANCE":
        return "COMPLIANCE"
    if mode == "GOVERNANCE":
        return "GOVERNANCE"
    raise UnsoundSetting(f"context `{name}` is {mode!r}: expected COMPLIANCE or GOVERNANCE")


def _lock_days(context: Mapping[str, object], name: str, mode: LockMode) -> int:
    least = _SHORTEST_COMPLIANCE_DAYS if mode == "COMPLIANCE" else 1
    return _whole(context, name, least=least, most=_LONGEST_LOCK_DAYS)


def _whole(context: Mapping[str, object], name: str, *, least: int, most: int) -> int:
    raw = _stated(context, name, f"a whole number from {least} to {most}")
    # `cdk -c` passes every value as text; True is an int to Python and a typing error here.
    text = "" if isinstance(raw, bool) else str(raw)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UnsoundSetting(f"context `{name}` is {raw!r}: expected {least} to {most}")
    return int(text)


def _flag(context: Mapping[str, object], name: str) -> bool:
    raw = _stated(context, name, "true or false")
    if str(raw).lower() not in {"true", "false"}:
        raise UnsoundSetting(f"context `{name}` is {raw!r}: expected true or false")
    return str(raw).lower() == "true"


def _issuer(context: Mapping[str, object]) -> str:
    _stated(context, "issuer", "the https origin that signs tokens and names the log")
    return _origin(context, "issuer")


def _origin(context: Mapping[str, object], name: str) -> str:
    raw = str(context[name])
    if not _ORIGIN.fullmatch(raw):
        raise UnsoundSetting(f"context `{name}` is {raw!r}: expected https://host, no path")
    return raw


def _allowed_origins(context: Mapping[str, object], issuer: str) -> tuple[str, ...]:
    name = "allowed_origins"
    stated = str(context.get(name) or issuer)
    return tuple(_origin({name: each.strip()}, name) for each in stated.split(","))


def _mail_from(context: Mapping[str, object]) -> str:
    raw = str(_stated(context, "mail_from", "the address that mails come from, of a domain that SES has verified"))
    if not _ADDRESS.fullmatch(raw) or len(raw) > _LONGEST_ADDRESS:
        raise UnsoundSetting(f"context `mail_from` is {raw!r}: expected name@domain, in lower case")
    return raw


def _time_stamping(context: Mapping[str, object]) -> TimeStamping:
    """Read `tsa_url` and the file that `tsa_roots` names, relative to the project."""
    url, file = context.get("tsa_url"), context.get("tsa_roots")
    if not url and not file:
        return TimeStamping()
    if not url or not file:
        raise UnsoundSetting(
            "context `tsa_url` and `tsa_roots` go together: an answer that nobody checks proves nothing"
        )
    if not _TIME_STAMPER.fullmatch(str(url)):
        raise UnsoundSetting(f"context `tsa_url` is {url!r}: expected an https address")
    path = ROOT / str(file)
    roots = path.read_text(encoding="ascii", errors="replace") if path.is_file() else ""
    if not _CERTIFICATES.fullmatch(roots) or len(roots) > _MOST_ROOTS_BYTES:
        raise UnsoundSetting(
            f"context `tsa_roots` is {file!r}: expected a PEM file of certificates and nothing else, "
            f"{_MOST_ROOTS_BYTES} bytes at most"
        )
    return TimeStamping(str(url), roots)


def _replica(context: Mapping[str, object]) -> Replica | None:
    arn, account = context.get("replica_bucket_arn"), context.get("replica_account")
    if not arn and not account:
        return None
    if not re.fullmatch(r"arn:aws:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", str(arn)) or not re.fullmatch(
        r"[0-9]{12}", str(account)
    ):
        raise UnsoundSetting(
            "context `replica_bucket_arn` (arn:aws:s3:::NAME) and `replica_account` (twelve digits) go together"
        )
    return Replica(str(arn), str(account))


def _domain(context: Mapping[str, object]) -> CustomDomain | None:
    name, certificate = context.get("edge_domain"), context.get("edge_certificate_arn")
    if not name and not certificate:
        return None
    if not name or not re.fullmatch(r"arn:aws:acm:us-east-1:\d{12}:certificate/.+", str(certificate)):
        raise UnsoundSetting(
            "context `edge_domain` and `edge_certificate_arn` go together, the certificate in us-east-1"
        )
    return CustomDomain(str(name), str(certificate))


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
