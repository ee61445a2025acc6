"""``cdk-appflow-connector refresh``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cdk_appflow_connector_cli import polling
from werkzeug import Response

from tests.cli.front import Alteration, changed_json, error_for, front
from tests.cli.support import make_stack, registration, run, run_here, user_variables
from tests.support import BROKEN_CONNECTOR, Account, connector

LABEL = "acme-crm"
CHANGED = connector("1.1")

ACTIONS = ("appflow:DescribeConnector", "appflow:UpdateConnectorRegistration")
INVOKE = "lambda:InvokeFunction"
STATE_ACTIONS = ("lambda:GetFunctionConfiguration", "lambda:GetAlias")

# Longer than any test: the test ends it when its clock says so.
AS_LONG_AS_SET = 600


class Clock:
    """A clock whose time passes during pauses only, and that acts at a time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._actions: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        self._actions.append((seconds, action))

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for due in [one for one in self._actions if one[0] <= self.now]:
            self._actions.remove(due)
            due[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of commands that run in this process."""
    clock = Clock()
    monkeypatch.setattr(polling, "clock", clock)
    return clock


@pytest.fixture
def refresh_here(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Mapping[str, Any]]]:
    """Refreshes the label in this process; returns the exit code and the label's result."""

    def refresh(**variables: str) -> tuple[int, Mapping[str, Any]]:
        code = run_here(account, monkeypatch, "refresh", LABEL, "--json", **variables)
        [found] = json.loads(capsys.readouterr().out)["connectors"]
        return code, found

    return refresh


@pytest.fixture
def configure(account: Account) -> Iterator[Callable[..., None]]:
    """Sets how functions of the account become ready; without arguments, they are ready."""

    def configure(**settings: Any) -> None:
        account.local_cloud.configure_lambda(account.id, **settings)

    yield configure
    configure()


@pytest.fixture(autouse=True)
def registered(account: Account, crm: str) -> None:
    """The connector of the label, which AppFlow shows as version 1.0."""
    account.register(LABEL, crm, description="Tried out")


def results(result: subprocess.CompletedProcess[str]) -> list[Mapping[str, Any]]:
    """The connectors in the output of ``--json``, which must be the only output."""
    assert result.stderr == ""
    found: list[Mapping[str, Any]] = json.loads(result.stdout)["connectors"]
    return found


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The outcome of each connector in the output of ``--json``, by label."""
    return {found["connectorLabel"]: found["outcome"] for found in results(result)}


def version(account: Account, label: str = LABEL) -> str:
    """The connector's version that AppFlow shows."""
    found = account.registered(label)
    assert found is not None
    return str(found["connectorVersion"])


def updates(account: Account) -> list[Mapping[str, Any]]:
    """The parameters of the calls that have refreshed a connector, without their tokens."""
    return [
        {name: value for name, value in call["parameters"].items() if name != "clientToken"}
        for call in account.calls()
        if call["operation"] == "UpdateConnectorRegistration"
    ]


class TestSuccess:
    """A connector that AppFlow reads again."""

    def test_changed_connector_is_refreshed(self, account: Account, crm: str) -> None:
        """A changed connector is REFRESHED, with what changed, its ARN and its description."""
        account.change_code("crm", CHANGED.replace('["v1"]', '["v2"]'))

        result = run(account, "refresh", LABEL)

        assert result.stdout == (
            "acme-crm is REFRESHED: AppFlow shows a changed configuration.\n"
            "  connectorVersion      1.0 -> 1.1\n"
            "  supportedApiVersions  -v1 +v2\n"
            "\n"
            f"In account {account.id}, Region us-east-1: 1 REFRESHED\n"
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert version(account) == "1.1"
        assert account.registered_values(LABEL) == (crm, "Tried out")
        assert updates(account) == [{"connectorLabel": LABEL}]

    def test_output_is_shown_in_the_docs(self, account: Account) -> None:
        """The reference shows the output for a changed connector word for word."""
        account.change_code("crm", CHANGED.replace('["v1"]', '["v2"]'))

        text = run(account, "refresh", LABEL).stdout

        page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
        assert text.replace(account.id, "111122223333") in page.read_text()

    def test_unchanged_connector_is_read_again(self, account: Account) -> None:
        """A connector without a change is UNCHANGED, and each run has another client token."""
        for _ in range(2):
            result = run(account, "refresh", LABEL)

            assert result.stdout.startswith(
                "acme-crm is UNCHANGED: AppFlow has read the configuration again, which is the same"
                " as before.\n"
            )
            assert result.returncode == 0
        assert len(updates(account)) == 2
        assert not any(call["remembered"] for call in account.calls())

    def test_json_has_the_changes(self, account: Account) -> None:
        """The JSON has each change, with the value before and after."""
        account.change_code("crm", CHANGED)

        [found] = results(run(account, "refresh", LABEL, "--json"))

        assert found == {
            "connectorLabel": LABEL,
            "outcome": "REFRESHED",
            "changes": [
                {
                    "propertyPath": "connectorConfiguration.connectorVersion",
                    "before": "1.0",
                    "after": "1.1",
                }
            ],
            "differences": [],
            "reason": "AppFlow shows a changed configuration",
            "nextStep": None,
            "notes": [],
        }

    def test_moved_label_stays_where_it_is(self, account: Account) -> None:
        """A label that was moved to another function is refreshed there."""
        other = account.make_function("crm-2", connector("2.0"))
        account.move(LABEL, other)
        account.change_code("crm-2", connector("2.1"))

        assert run(account, "refresh", LABEL).returncode == 0

        assert account.registered_values(LABEL) == (other, "Tried out")
        assert version(account) == "2.1"

    def test_cleared_description_is_restored(self, account: Account) -> None:
        """A description that AppFlow clears, since the refresh has none, is set again."""
        account.local_cloud.configure_appflow(account.id, omittedDescription="cleared")
        account.change_code("crm", CHANGED)

        assert run(account, "refresh", LABEL).returncode == 0

        assert account.registered(LABEL)["connectorDescription"] == "Tried out"  # type: ignore[index]
        assert version(account) == "1.1"

    def test_label_that_is_named_twice(self, account: Account) -> None:
        """A label that is named twice is refreshed once."""
        assert len(results(run(account, "refresh", LABEL, LABEL, "--json"))) == 1

        assert len(updates(account)) == 1


class TestFailure:
    """A connector that is not refreshed, or whose refresh is not seen."""

    def test_broken_connector_is_refused(self, account: Account) -> None:
        """A connector that fails is REFUSED with AppFlow's reason, and stays as it was."""
        account.change_code("crm", BROKEN_CONNECTOR)

        result = run(account, "refresh", LABEL)

        assert result.stdout.startswith(
            "acme-crm is REFUSED: UpdateConnectorRegistration failed with ConnectorServerException:"
            " Error while communicating to connector: Got error from connector. the connector is"
            " broken.\n"
            "  The connector's own error is in its log group, by default /aws/lambda/crm.\n"
        )
        assert result.stdout.endswith(": 1 REFUSED\n")
        assert result.returncode == 1
        assert version(account) == "1.0"

    def test_missing_grant_of_appflow_is_named(self, account: Account, crm: str) -> None:
        """A function that AppFlow may not invoke is REFUSED, and the next step names the rights."""
        account.client("lambda").remove_permission(FunctionName="crm", StatementId="AppFlow")

        [found] = results(run(account, "refresh", LABEL, "--json"))

        assert found["outcome"] == "REFUSED"
        assert found["nextStep"] == (
            f"Allow appflow.amazonaws.com to invoke exactly {crm}, and allow yourself"
            " appflow:UpdateConnectorRegistration and lambda:InvokeFunction"
        )

    @pytest.mark.parametrize(
        ("code", "status", "outcome", "exit_code", "next_step"),
        [
            (
                *("ConflictException", 409, "REFUSED", 1),
                "Another update of this connector is in progress. Refresh it again when that has"
                " ended",
            ),
            (
                *("ConnectorAuthenticationException", 401, "REFUSED", 1),
                "The connector's own error is in its log group, by default /aws/lambda/crm",
            ),
            ("ValidationException", 400, "REFUSED", 1, "Correct the value that AppFlow names"),
            (
                *("ResourceNotFoundException", 404, "REFUSED", 1),
                "Check that ARN exists, and that the label is still registered",
            ),
            ("NewException", 400, "FAILED", 2, "Run this command again"),
            (
                *("ExpiredTokenException", 403, "FAILED", 2),
                "Sign in again, or choose other credentials with --profile",
            ),
        ],
    )
    def test_error_of_appflow_has_a_next_step(
        self,
        account: Account,
        crm: str,
        code: str,
        status: int,
        outcome: str,
        exit_code: int,
        next_step: str,
    ) -> None:
        """Each error of AppFlow has a next step, and tells a refusal from a failure."""
        refused = {"UpdateConnectorRegistration": error_for(LABEL, code, status)}
        with front(account.cloud.environment(account.id), refused) as variables:
            result = run(account, "refresh", LABEL, "--json", **variables)

        [found] = results(result)
        assert (found["outcome"], result.returncode) == (outcome, exit_code)
        assert found["reason"] == f"UpdateConnectorRegistration failed with {code}: Not today"
        assert found["nextStep"] == next_step.replace("ARN", crm)

    def test_missing_label_fails(self, account: Account) -> None:
        """A label that is not registered is FAILED, and is not registered afterwards."""
        result = run(account, "refresh", "acme-erp")

        assert result.stdout.startswith(
            "acme-erp is FAILED: no connector is registered under this label.\n"
            "  Check the label, --region and --profile. This command registers no connector.\n"
        )
        assert result.returncode == 2
        assert account.registered("acme-erp") is None

    @pytest.mark.parametrize("label", ["x", "acme crm", "-"])
    def test_text_that_is_no_label_fails(self, account: Account, label: str) -> None:
        """A text that cannot be a label is an error of the command, before any refresh."""
        result = run(account, "refresh", LABEL, label)

        assert result.stderr == (
            f"cdk-appflow-connector: {label!r} is not a connector label. A label has 2 to 256"
            " characters: it begins with a letter or a digit, and has letters, digits and _!@#.-"
            " only\n"
        )
        assert result.returncode == 2
        assert updates(account) == []

    @pytest.mark.parametrize("arguments", [[], [LABEL, "--stack", "Crm"]])
    def test_labels_and_stack_exclude_each_other(
        self, account: Account, arguments: list[str]
    ) -> None:
        """The command needs labels or a stack, and not both."""
        result = run(account, "refresh", *arguments)

        assert "LABEL" in result.stderr
        assert result.returncode == 2

    def test_others_are_tried_after_a_failure(self, account: Account) -> None:
        """All labels are tried in their order, and a refusal decides about the exit code."""
        account.register("acme-erp", account.make_function("erp", connector()))
        account.change_code("erp", BROKEN_CONNECTOR)
        account.change_code("crm", CHANGED)

        result = run(account, "refresh", "missing", "acme-erp", LABEL)

        assert result.stdout.endswith(": 1 REFRESHED, 1 REFUSED, 1 FAILED\n")
        assert result.returncode == 1
        assert version(account) == "1.1"
        json_result = run(account, "refresh", "missing", "acme-erp", LABEL, "--json")
        assert list(outcomes(json_result).items()) == [
            ("missing", "FAILED"),
            ("acme-erp", "REFUSED"),
            (LABEL, "UNCHANGED"),
        ]

    def test_appflow_that_still_shows_another(
        self, account: Account, clock: Clock, refresh_here: Callable[..., Any]
    ) -> None:
        """A connector of which AppFlow shows the old configuration for half a minute is STALE."""
        account.change_code("crm", CHANGED)
        shown = json.loads(json.dumps(account.registered(LABEL), default=lambda when: 0))
        stale = changed_json(lambda document: document | {"connectorConfiguration": shown})

        with front(account.cloud.environment(account.id), {"DescribeConnector": stale}) as to:
            code, found = refresh_here(**to)

        assert (found["outcome"], code) == ("STALE", 1)
        assert found["reason"] == (
            "AppFlow accepted the refresh, and still shows another configuration than the connector"
            " returns after 30 seconds"
        )
        assert found["nextStep"] == (
            "Run this command again. If the difference remains, AppFlow keeps what the connector"
            " returns in another form: AWS does not document the form"
        )
        assert found["differences"] == [
            {
                "propertyPath": "connectorConfiguration.connectorVersion",
                "expectedValue": "1.1",
                "actualValue": "1.0",
            }
        ]
        assert 28 <= clock.now <= 30

    def test_remaining_difference_is_shown(
        self,
        account: Account,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The text for a difference that remains says which value is whose."""
        account.change_code("crm", CHANGED)
        shown = json.loads(json.dumps(account.registered(LABEL), default=lambda when: 0))
        stale = changed_json(lambda document: document | {"connectorConfiguration": shown})

        with front(account.cloud.environment(account.id), {"DescribeConnector": stale}) as to:
            run_here(account, monkeypatch, "refresh", LABEL, **to)

        text = capsys.readouterr().out
        assert "\n  AppFlow -> connector:\n  connectorVersion  1.0 -> 1.1\n" in text

    def test_refresh_that_shows_late(
        self, account: Account, clock: Clock, refresh_here: Callable[..., Any]
    ) -> None:
        """A refresh that AppFlow shows after some seconds is REFRESHED."""
        account.change_code("crm", CHANGED)
        shown = json.loads(json.dumps(account.registered(LABEL), default=lambda when: 0))
        late = changed_json(
            lambda document: (
                document | ({"connectorConfiguration": shown} if clock.now < 10 else {})
            )
        )

        with front(account.cloud.environment(account.id), {"DescribeConnector": late}) as to:
            code, found = refresh_here(**to)

        assert (found["outcome"], code) == ("REFRESHED", 0)
        assert 10 <= clock.now < 13

    @pytest.mark.parametrize(
        ("change", "now"),
        [
            (
                lambda account: account.move(LABEL, account.make_function("crm-2", connector())),
                "registered with arn:aws:lambda:us-east-1:ID:function:crm-2",
            ),
            (
                lambda account: account.client("appflow").unregister_connector(
                    connectorLabel=LABEL
                ),
                "not registered",
            ),
        ],
        ids=["moved", "unregistered"],
    )
    def test_label_that_changes_meanwhile_fails(
        self, account: Account, change: Callable[[Account], object], now: str
    ) -> None:
        """A label that is moved or unregistered during the refresh is FAILED, with what it is."""

        def then_change(_: str, response: Response) -> Response:
            change(account)
            return response

        alterations: dict[str, Alteration] = {"UpdateConnectorRegistration": then_change}
        with front(account.cloud.environment(account.id), alterations) as variables:
            [found] = results(run(account, "refresh", LABEL, "--json", **variables))

        assert found["outcome"] == "FAILED"
        assert found["reason"] == (
            "the registration was changed during the refresh; the label is now "
            + now.replace("ID", account.id)
        )


class TestFunctionState:
    """The function of the connector, which has to be ready."""

    def test_update_in_progress_is_waited_for(
        self,
        account: Account,
        clock: Clock,
        configure: Callable[..., None],
        refresh_here: Callable[..., Any],
    ) -> None:
        """AppFlow reads the new code of a function whose update is in progress."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        account.change_code("crm", CHANGED)
        clock.at(20, configure)

        code, found = refresh_here()

        assert (found["outcome"], code) == ("REFRESHED", 0)
        assert version(account) == "1.1"
        assert 20 <= clock.now < 25

    def test_update_that_does_not_end_fails(
        self,
        account: Account,
        crm: str,
        clock: Clock,
        configure: Callable[..., None],
        refresh_here: Callable[..., Any],
    ) -> None:
        """A function that is not ready after five minutes is FAILED, and AppFlow is not called."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        account.change_code("crm", CHANGED)

        code, found = refresh_here()

        assert (found["outcome"], code) == ("FAILED", 2)
        assert found["reason"].startswith(
            f"{crm} was not ready within 5 minutes: its LastUpdateStatus is InProgress"
        )
        assert found["nextStep"] == "Refresh the connector when Lambda has ended the change."
        assert 295 < clock.now <= 300
        assert updates(account) == []

    def test_failed_update_fails(
        self, account: Account, crm: str, configure: Callable[..., None]
    ) -> None:
        """A function whose update failed still has its old code, and is FAILED."""
        configure(updateFailure="The image is gone.")
        account.change_code("crm", CHANGED)

        [found] = results(run(account, "refresh", LABEL, "--json"))

        assert found["outcome"] == "FAILED"
        assert found["reason"] == (
            f"{crm} does not run its newest code, since its LastUpdateStatus is Failed (The image"
            " is gone.)"
        )
        assert found["nextStep"] == "Correct the function. Then refresh the connector."
        assert updates(account) == []

    def test_shifting_alias_is_waited_for(
        self, account: Account, clock: Clock, refresh_here: Callable[..., Any]
    ) -> None:
        """AppFlow reads the configuration of an alias when it has one version left."""
        aliases = account.client("lambda")
        aliases.publish_version(FunctionName="crm")
        account.change_code("crm", CHANGED)
        aliases.publish_version(FunctionName="crm")
        alias = aliases.create_alias(FunctionName="crm", Name="live", FunctionVersion="1")
        account.grant_appflow(alias["AliasArn"])
        account.move(LABEL, alias["AliasArn"])
        weights = {"AdditionalVersionWeights": {"2": 0.1}}
        aliases.update_alias(FunctionName="crm", Name="live", RoutingConfig=weights)

        def end() -> None:
            aliases.update_alias(
                FunctionName="crm", Name="live", FunctionVersion="2", RoutingConfig={}
            )

        clock.at(40, end)
        code, found = refresh_here()

        assert (found["outcome"], code) == ("REFRESHED", 0)
        assert version(account) == "1.1"
        assert 40 <= clock.now < 45


class TestPermissions:
    """The permissions that ``--help`` lists."""

    def test_state_may_stay_unread(self, account: Account) -> None:
        """Without a permission to read the function's state, a note says so, and no more."""
        account.change_code("crm", CHANGED)
        variables = user_variables(account, "writer", [*ACTIONS, INVOKE])

        result = run(account, "refresh", LABEL, **variables)

        assert "acme-crm is REFRESHED" in result.stdout
        assert (
            "  state of the function not checked: GetFunctionConfiguration failed with"
            " AccessDeniedException: "
        ) in result.stdout
        assert (
            "  The call needs the permission lambda:GetFunctionConfiguration; --help lists all"
            " permissions.\n"
        ) in result.stdout
        assert result.returncode == 0

    @pytest.mark.parametrize(
        ("missing", "outcome", "exit_code"),
        [
            ("appflow:DescribeConnector", "FAILED", 2),
            ("appflow:UpdateConnectorRegistration", "REFUSED", 1),
            (INVOKE, "REFUSED", 1),
        ],
    )
    def test_each_other_one_is_needed(
        self, account: Account, missing: str, outcome: str, exit_code: int
    ) -> None:
        """A permission that is missing is named by the next step."""
        actions = {*ACTIONS, INVOKE, *STATE_ACTIONS} - {missing}

        result = run(account, "refresh", LABEL, "--json", **user_variables(account, "w", actions))

        [found] = results(result)
        assert (found["outcome"], result.returncode) == (outcome, exit_code)
        assert missing in found["nextStep"]

    @pytest.mark.parametrize(("source", "outcome"), [(CHANGED, "REFRESHED"), (None, "FAILED")])
    def test_connector_that_is_not_invoked(
        self, account: Account, clock: Clock, refresh_here: Any, source: str | None, outcome: str
    ) -> None:
        """A connector that cannot be asked is REFRESHED if AppFlow shows a change, else FAILED."""
        if source:
            account.change_code("crm", source)
        throttled = {"Invoke": error_for("", "TooManyRequestsException", 429)}

        with front(account.cloud.environment(account.id), throttled) as variables:
            code, found = refresh_here(**variables)

        assert (found["outcome"], code) == (outcome, 0 if source else 2)
        assert found["notes"] == [
            "configuration not compared: Invoke failed with TooManyRequestsException: Not today"
        ]
        if not source:
            assert found["reason"] == (
                "AppFlow accepted the refresh and shows the same configuration as before; whether"
                " the connector returns another one is not known"
            )


class TestStack:
    """The connectors that a stack manages."""

    def test_connectors_of_a_stack_are_refreshed(self, account: Account, crm: str) -> None:
        """All connectors of the stack are refreshed, and no others."""
        for label in ("acme-erp", "by-hand"):
            account.register(label, crm)
        labels = (LABEL, "acme-erp")
        resources = [registration(account, label, LambdaArn=crm) for label in labels]
        make_stack(account, "Crm", *resources)
        account.change_code("crm", CHANGED)

        result = run(account, "refresh", "--stack", "Crm", "--json")

        assert outcomes(result) == dict.fromkeys(labels, "REFRESHED")
        assert result.returncode == 0
        assert version(account, "by-hand") == "1.0"

    def test_moved_label_is_not_refreshed(self, account: Account, crm: str) -> None:
        """A label with another function than the template's is FAILED, and stays as it is."""
        make_stack(account, "Crm", registration(account, LABEL, LambdaArn=crm))
        other = account.make_function("crm-2", connector("2.0"))
        account.move(LABEL, other)

        result = run(account, "refresh", "--stack", "Crm")

        assert result.stdout.startswith(
            f"acme-crm is FAILED: the label is registered with {other}, and a refresh does not move"
            f" it to {crm} of the template.\n  To restore the template's values, deploy stack Crm"
        )
        assert result.returncode == 2
        assert updates(account) == [
            {
                "connectorLabel": LABEL,
                "connectorProvisioningConfig": {"lambda": {"lambdaArn": other}},
            }
        ]

    def test_other_description_is_kept(self, account: Account, crm: str) -> None:
        """A connector whose description alone differs is refreshed, and keeps its description."""
        make_stack(account, "Crm", registration(account, LABEL, LambdaArn=crm, Description="Acme"))
        account.change_code("crm", CHANGED)

        result = run(account, "refresh", "--stack", "Crm", "--json")

        assert outcomes(result) == {LABEL: "REFRESHED"}
        assert account.registered_values(LABEL) == (crm, "Tried out")

    def test_missing_connector_is_not_registered(self, account: Account, crm: str) -> None:
        """A label of the stack that is not registered is FAILED, with the way to register it."""
        make_stack(account, "Crm", registration(account, "acme-erp", LambdaArn=crm))

        [found] = results(run(account, "refresh", "--stack", "Crm", "--json"))

        assert found["outcome"] == "FAILED"
        assert found["reason"] == "no connector is registered under this label"
        assert found["nextStep"].startswith("To register it again, deploy stack Crm with")

    def test_unknown_arn_needs_the_label(self, account: Account, crm: str) -> None:
        """A label whose ARN in the template is not known is FAILED, and can be named instead."""
        first = registration(account, LABEL, LambdaArn={"Fn::Select": ["0", [crm]]})
        make_stack(account, "Crm", first)

        [found] = results(run(account, "refresh", "--stack", "Crm", "--json"))

        assert found["outcome"] == "FAILED"
        assert found["reason"] == "LambdaArn cannot be resolved: it depends on Fn::Select"
        assert found["nextStep"] == (
            "Compare the registered values with the template manually. To refresh the function"
            " that is registered, whichever it is, run cdk-appflow-connector refresh acme-crm"
        )

    def test_stack_without_connectors(self, account: Account) -> None:
        """A stack without connectors has nothing to refresh."""
        make_stack(account, "Other", {"Type": "AWS::CloudFormation::WaitConditionHandle"})

        result = run(account, "refresh", "--stack", "Other")

        assert result.stdout == (
            f"In account {account.id}, Region us-east-1: no connectors to refresh\n"
        )
        assert result.returncode == 0

    def test_listed_permissions_are_sufficient(self, account: Account, crm: str) -> None:
        """A user with the permissions of the help can refresh a stack."""
        make_stack(account, "Crm", registration(account, LABEL, LambdaArn=crm))
        text = run(account, "refresh", "--help").stdout
        listed = [line.split()[0] for line in text.splitlines() if line[:2] == "  " and ":" in line]
        actions = [word for word in listed if word[:4] in ("appf", "clou", "lamb")]

        variables = user_variables(account, "writer", actions)
        [found] = results(run(account, "refresh", "--stack", "Crm", "--json", **variables))

        assert (found["outcome"], found["notes"]) == ("UNCHANGED", [])
        assert len(actions) == 9
