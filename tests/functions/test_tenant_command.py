"""`python -m infra.tenant`: the first tenant and owner of a deployment, by whoever IAM lets write its tables."""

import json
import os
import secrets
from pathlib import Path

import pytest

from infra import tenant as command
from infra.local.deploy import Assembly, deploy
from infra.operator_name import operator_name
from infra.tenant import USAGE, TenantRefused, main, wanted_of
from shared.store.invites import INVITE_SECONDS
from tests.functions.estate import Estate, MovableClock, me
from tests.functions.invitations import accept, invite, inviter
from tests.functions.test_step_up import enrol

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def stack(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Deploy a stack that names the estate's tables in its outputs."""
    name, folder = f"Estate{secrets.token_hex(4)}", tmp_path_factory.mktemp("stack")
    outputs = {
        "".join(map(str.capitalize, field.split("_"))): {"Value": estate.environ[field.upper()]}
        for field in command.Settings.__dataclass_fields__
    }
    resources = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}
    (folder / f"{name}.template.json").write_text(json.dumps({"Resources": resources, "Outputs": outputs}))
    deploy(estate.environ["AWS_ENDPOINT_URL"], Assembly(folder, name))
    return name


@pytest.fixture
def run(estate: Estate, stack: str, tmp_path: Path, capsys: Capture) -> "Command":
    return Command(estate, stack, tmp_path, capsys)


class Command:
    def __init__(self, estate: Estate, stack: str, home: Path, capsys: Capture) -> None:
        self.estate, self.stack, self.home, self.capsys = estate, stack, home, capsys
        self.tenant = f"t_first-{secrets.token_hex(4)}"

    def __call__(self, email: str = "owner@acme.example", name: str = "Acme", stack: str | None = None) -> int:
        at = ["--stack", stack or self.stack, "--endpoint", self.estate.environ["AWS_ENDPOINT_URL"]]
        self.capsys.readouterr()
        return main(["--name", name, "--email", email, "--tenant", self.tenant, *at], os.environ, self.home)

    def token(self) -> str:
        """Read the link that was printed."""
        said = self.capsys.readouterr()
        assert said.err == ""
        return said.out.partition("#token=")[2].strip()

    def complaint(self) -> str:
        said = self.capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err


def test_invited_owner_joins_enrols_and_invites_others(run: Command) -> None:
    assert run() == 0
    answer = accept(run.token())
    assert (answer.status, answer.body["session"]["role"]) == (200, "owner")
    bearer = answer.body["access_token"]
    assert me(bearer).body["tenant"] == {"tenant": run.tenant, "name": "Acme"}
    assert me(bearer).body["must_enrol"] is True
    enrol(bearer, run.estate.clock())
    assert me(bearer).body["must_enrol"] is False


def test_founding_is_on_the_record_with_the_operator(run: Command) -> None:
    run()
    token = run.token()
    created, asked = run.estate.events(run.tenant)
    assert (created["action"], asked["action"]) == ("TENANT_CREATED", "USER_INVITED")
    assert created["actor"]["type"] == "system"
    assert created["actor"]["id"].startswith("arn:aws:")
    assert asked["actor"] == created["actor"]
    assert asked["change"]["after"] == {"role": "owner", "status": "OPEN"}
    written = json.dumps([created, asked])
    assert "owner@acme.example" not in written
    assert token not in json.dumps(run.estate.partition("outbox", "tenant", run.tenant), default=str)
    kinds = [row["kind"] for row in run.estate.partition("outbox", "tenant", run.tenant)]
    assert sorted(kinds) == ["bus_event", "invitation"]


@pytest.mark.parametrize(
    ("arn", "told"),
    [
        ("arn:aws:sts::1:assumed-role/Admin/ada@acme.example", "arn:aws:sts::1:assumed-role/Admin"),
        ("arn:aws:iam::1:user/ada@acme.example", "arn:aws:iam::1:user"),
        ("arn:aws:iam::1:user/ada@acme.example/ops", "arn:aws:iam::1:user"),
        ("arn:aws:iam::1:user/ops", "arn:aws:iam::1:user/ops"),
    ],
)
def test_name_of_an_operator_that_is_an_address_stays_out_of_the_log(arn: str, told: str) -> None:
    assert operator_name(arn) == told


@pytest.mark.parametrize("again", ["owner@acme.example", "other@acme.example"])
def test_until_there_is_an_owner_it_may_be_repeated_and_the_earlier_link_is_void(run: Command, again: str) -> None:
    run()
    first = run.token()
    assert run(again) == 0
    second = run.token()
    assert accept(first).code == "invalid_grant"
    assert accept(second).status == 200
    assert run.estate.actions(run.tenant)[:3] == ["USER_INVITED", "USER_INVITED", "INVITE_REVOKED"]


def test_tenant_that_has_an_owner_is_refused(run: Command) -> None:
    run()
    accept(run.token())
    before = run.estate.events(run.tenant)
    assert run("thief@evil.example") == 1
    assert "has had an owner" in run.complaint()
    assert run.estate.events(run.tenant) == before


def test_link_dies_after_three_days(run: Command, clock: MovableClock) -> None:
    run()
    clock.offset += INVITE_SECONDS + 60
    assert accept(run.token()).code == "invite_expired"


@pytest.mark.parametrize(
    ("email", "name"),
    [("owner", "Acme"), ("\u043ewner@acme.example", "Acme"), ("a@b.example, c@d.example", "Acme"), ("", "Acme")]
    + [("owner@acme.example", name) for name in ("", "   ", "x" * 201, "Ac\nme", "Ac\x00me")],
)
def test_wrong_input_is_one_line_and_changes_nothing(run: Command, email: str, name: str) -> None:
    assert run(email, name) == USAGE
    assert run.complaint()
    assert run.estate.partition("tenants", "tenant", run.tenant) == []


def test_missing_input_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--name", "Acme"], os.environ, tmp_path)
    assert ended.value.code == USAGE
    assert capsys.readouterr().err.count("\n") == 1


def test_stack_that_is_not_there_is_one_line(run: Command) -> None:
    assert run(stack="NoSuchStack") == 1
    assert "NoSuchStack" in run.complaint()


def test_id_follows_from_the_name() -> None:
    assert wanted_of("M\u00fcller & S\u00f6hne GmbH", "o@acme.example", None).tenant == "t_muller-sohne-gmbh"
    for name, tenant in (("\u682a\u5f0f", None), ("Acme", "a.b"), ("Acme", "a#b"), ("Acme", "x" * 65)):
        with pytest.raises(TenantRefused, match="id"):
            wanted_of(name, "o@acme.example", tenant)


def test_owner_of_the_command_is_covered_by_nobody_but_owners(run: Command) -> None:
    run()
    run.token()
    admin = inviter(run.estate, run.tenant)
    assert invite(admin, "owner@acme.example").code == "permission_denied"
