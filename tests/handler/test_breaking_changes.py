"""Refreshes that would break flows and connector profiles, with ``on_breaking_change`` FAIL."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSResponse
from connector_registration import breaking_changes, sdk
from connector_registration.appflow import AppFlow
from connector_registration.request import Registration

from appflow_connector_configuration.findings import Finding, Severity
from tests.handler import flows
from tests.handler.clock import Clock
from tests.handler.cloudformation import CloudFormation
from tests.handler.events import FUNCTION_ARN, LABEL, destroyed, failing, properties
from tests.handler.faults import FAULTS, Inject, cloudformation_error, success_response
from tests.handler.flows import versions
from tests.handler.log import Log
from tests.local_cloud import flow_support
from tests.support import Account

UPDATE = ["DescribeConnector", "UpdateConnectorRegistration", "DescribeConnector"]
USAGE = ["DescribeConnectorProfiles", "ListFlows", "DescribeFlow"]

NEXT_STEP = "Keep what they use, or change them first, or add the ids to acknowledged_changes."
BROKEN = (
    "connector acme-crm: the new code breaks 1 flow, and on_breaking_change is FAIL:"
    f" API_VERSION_REMOVED:v1 (flow orders). {NEXT_STEP}"
)


@pytest.fixture
def both(account: Account) -> str:
    """The function of a connector with the API versions v1 and v2."""
    return account.make_function("both", versions("v1", "v2"))


@pytest.fixture
def only_v2(account: Account) -> str:
    """The function of a connector with the API version v2."""
    return account.make_function("only-v2", versions("v2"))


MakeFlow = Callable[..., None]


@pytest.fixture
def make_flow(account: Account) -> MakeFlow:
    """Makes a flow from the connector, and the connector profile that it needs."""
    return functools.partial(flows.make_flow, account)


@pytest.fixture
def in_use(account: Account, cloudformation: CloudFormation, both: str, make_flow: MakeFlow) -> str:
    """The function of both versions, registered, with a flow that uses v1."""
    cloudformation.create(failing(both))
    make_flow()
    return both


Operations = Callable[[], list[str]]


@pytest.fixture
def operations(account: Account) -> Operations:
    """The operations of AppFlow since the last time."""
    counted = 0

    def take() -> list[str]:
        nonlocal counted
        calls = [call["operation"] for call in account.calls(after=counted)]
        counted += len(calls)
        return calls

    return take


class TestUpdate:
    """Updates of a registration whose connector loses an API version."""

    def test_change_in_use_fails(
        self, cloudformation: CloudFormation, in_use: str, only_v2: str
    ) -> None:
        """An update that takes away what a flow uses fails with the flow's name."""
        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert (response["Status"], response["Reason"]) == ("FAILED", BROKEN)
        assert response["PhysicalResourceId"] == LABEL

    def test_rollback_restores_what_is_in_use(
        self,
        account: Account,
        cloudformation: CloudFormation,
        operations: Operations,
        in_use: str,
        only_v2: str,
    ) -> None:
        """The rollback of a refused update has AppFlow show the old configuration again."""
        cloudformation.update(failing(only_v2), failing(in_use), LABEL)
        operations()

        response = cloudformation.update(failing(in_use), failing(only_v2), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == UPDATE
        registered = account.registered(LABEL)
        assert registered is not None
        assert registered["supportedApiVersions"] == ["v1", "v2"]

    def test_new_code_under_the_same_arn_fails(
        self, account: Account, cloudformation: CloudFormation, in_use: str
    ) -> None:
        """New code of the same function is compared with its old code."""
        account.change_code("both", versions("v2"))
        changed = failing(in_use, FunctionHash={"Hash": "2"})

        response = cloudformation.update(changed, failing(in_use), LABEL)

        assert response["Reason"] == BROKEN

    def test_acknowledged_change_passes(
        self, cloudformation: CloudFormation, operations: Operations, in_use: str, only_v2: str
    ) -> None:
        """An update whose changes are acknowledged succeeds, and reads no flow."""
        operations()

        response = cloudformation.update(
            failing(only_v2, "OTHER", "API_VERSION_REMOVED:v1"), failing(in_use), LABEL
        )

        assert response["Status"] == "SUCCESS"
        assert operations() == UPDATE

    def test_only_whole_ids_acknowledge(
        self, cloudformation: CloudFormation, in_use: str, only_v2: str
    ) -> None:
        """The id of another version does not acknowledge a change."""
        desired = failing(only_v2, "API_VERSION_REMOVED", "API_VERSION_REMOVED:v11")

        response = cloudformation.update(desired, failing(in_use), LABEL)

        assert response["Reason"] == BROKEN

    def test_acknowledged_ones_are_left_out(
        self,
        account: Account,
        cloudformation: CloudFormation,
        in_use: str,
        make_flow: MakeFlow,
    ) -> None:
        """Beside acknowledged changes that are in use, the reason names the others."""
        make_flow("newest", "v2")
        only_v3 = account.make_function("only-v3", versions("v3"))
        desired = failing(only_v3, "API_VERSION_REMOVED:v2")

        response = cloudformation.update(desired, failing(in_use), LABEL)

        assert response["Reason"] == BROKEN

    def test_change_that_nothing_uses_passes(
        self,
        cloudformation: CloudFormation,
        operations: Operations,
        both: str,
        only_v2: str,
        make_flow: MakeFlow,
    ) -> None:
        """An update that takes away what no flow uses succeeds."""
        cloudformation.create(failing(both))
        make_flow(api_version="v2")
        operations()

        response = cloudformation.update(failing(only_v2), failing(both), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == [*UPDATE, *USAGE]

    def test_without_profiles_no_flow_is_read(
        self, cloudformation: CloudFormation, operations: Operations, both: str, only_v2: str
    ) -> None:
        """Of a label without connector profiles, no flow is read."""
        cloudformation.create(failing(both))
        operations()

        response = cloudformation.update(failing(only_v2), failing(both), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == [*UPDATE, "DescribeConnectorProfiles"]

    def test_flows_of_other_labels_are_not_read(
        self,
        account: Account,
        cloudformation: CloudFormation,
        operations: Operations,
        in_use: str,
        only_v2: str,
    ) -> None:
        """Only flows whose source or destination has the label are described."""
        account.register("acme-erp", in_use)
        profile = {**flow_support.profile("erp"), "connectorLabel": "acme-erp"}
        account.client("appflow").create_connector_profile(**profile)
        for name, flow in {
            "from-other": flow_support.Sales(account).reading(),
            "into-label": flow_support.Sales(account).writing(),
        }.items():
            if name == "from-other":
                flow["sourceFlowConfig"]["connectorProfileName"] = "erp"
            account.client("appflow").create_flow(**{**flow, "flowName": name})
        operations()

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert "breaks 2 flows" in response["Reason"]
        assert "(flows into-label, orders)" in response["Reason"]
        described = [
            call["parameters"]["flowName"]
            for call in account.calls()
            if call["operation"] == "DescribeFlow"
        ]
        assert described == ["into-label", "orders"]

    def test_flow_that_is_deleted_meanwhile_passes(
        self, cloudformation: CloudFormation, inject: Inject, in_use: str, only_v2: str
    ) -> None:
        """A flow that is deleted after it was listed breaks no more."""
        inject("DescribeFlow", FAULTS["ResourceNotFoundException"][0], 1)

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert response["Status"] == "SUCCESS"

    def test_whole_list_is_logged(
        self, cloudformation: CloudFormation, log: Log, in_use: str, only_v2: str
    ) -> None:
        """The log has every finding with its text and everything that it breaks."""
        cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        [line] = [one for one in log.messages("decision") if "findings" in one]
        assert line == {
            "decision": "breaking changes",
            "label": LABEL,
            "lambda_arn": only_v2,
            "findings": [
                {
                    "id": "API_VERSION_REMOVED:v1",
                    "severity": "ERROR",
                    "text": "API version v1 is no longer supported",
                    "profiles": [],
                    "flows": ["orders"],
                }
            ],
        }

    @pytest.mark.parametrize("policy", [{}, {"OnBreakingChange": "Ignore"}])
    def test_ignore_makes_no_call(
        self,
        cloudformation: CloudFormation,
        operations: Operations,
        in_use: str,
        only_v2: str,
        policy: Mapping[str, Any],
    ) -> None:
        """By default an update makes the three calls of any update, whatever it breaks."""
        operations()

        response = cloudformation.update(properties(only_v2, **policy), properties(in_use), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == UPDATE

    def test_ignored_refresh_without_changes(
        self, cloudformation: CloudFormation, operations: Operations, both: str
    ) -> None:
        """By default a refresh that changes nothing makes three calls too."""
        cloudformation.create(properties(both))
        operations()

        changed = properties(both, FunctionHash={"Hash": "2"})
        cloudformation.update(changed, properties(both), LABEL)

        assert operations() == UPDATE

    def test_addition_makes_no_other_call(
        self, cloudformation: CloudFormation, operations: Operations, both: str, only_v2: str
    ) -> None:
        """An update by which nothing is lost makes the three calls of any update."""
        cloudformation.create(failing(only_v2))
        operations()

        cloudformation.update(failing(both), failing(only_v2), LABEL)

        assert operations() == UPDATE

    def test_changed_choice_refreshes_nothing(
        self, cloudformation: CloudFormation, operations: Operations, both: str
    ) -> None:
        """An update of what fails a deployment does not refresh the registration."""
        cloudformation.create(properties(both))
        operations()

        response = cloudformation.update(failing(both, "ANY:id"), properties(both), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == ["DescribeConnector"]

    def test_label_that_vanished_is_not_compared(
        self,
        account: Account,
        cloudformation: CloudFormation,
        operations: Operations,
        both: str,
        only_v2: str,
    ) -> None:
        """A label that was unregistered meanwhile is registered without a comparison."""
        cloudformation.create(failing(both))
        account.client("appflow").unregister_connector(connectorLabel=LABEL)
        operations()

        response = cloudformation.update(failing(only_v2), failing(both), LABEL)

        assert response["Status"] == "SUCCESS"
        assert set(operations()).isdisjoint(USAGE)

    def test_second_delivery_finds_no_difference(
        self, cloudformation: CloudFormation, in_use: str, only_v2: str, request_id: str
    ) -> None:
        """A second delivery cannot see what the first one has refreshed."""
        cloudformation.update(failing(only_v2), failing(in_use), LABEL, RequestId=request_id)

        second = cloudformation.update(
            failing(only_v2), failing(in_use), LABEL, RequestId=request_id
        )

        assert second["Status"] == "SUCCESS"


class TestLateConfiguration:
    """AppFlow shows an update a moment later."""

    def late(self, account: Account, inject: Inject, times: int) -> None:
        """Let AppFlow show the configuration of now for some more calls."""
        shown = account.client("appflow").describe_connector(
            connectorType="CustomConnector", connectorLabel=LABEL
        )
        old = {**shown["connectorConfiguration"], "registeredAt": 1_767_225_600}
        body = json.dumps({"connectorConfiguration": old}).encode()
        inject("DescribeConnector", success_response(body), times)

    def test_unchanged_configuration_is_read_again(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        operations: Operations,
        in_use: str,
    ) -> None:
        """A refresh after which AppFlow shows no change is checked a moment later."""
        account.change_code("both", versions("v2"))
        # Before the refresh, and once after it.
        self.late(account, inject, 2)
        operations()

        response = cloudformation.update(
            failing(in_use, FunctionHash={"Hash": "2"}), failing(in_use), LABEL
        )

        assert response["Reason"] == BROKEN
        assert cloudformation.clock.slept == [1]
        assert operations() == ["UpdateConnectorRegistration", "DescribeConnector", *USAGE]

    def test_unchanged_configuration_is_read_once_more(
        self, cloudformation: CloudFormation, operations: Operations, both: str
    ) -> None:
        """A refresh that changes nothing makes one more call than another."""
        cloudformation.create(failing(both))
        operations()

        changed = failing(both, FunctionHash={"Hash": "2"})
        response = cloudformation.update(changed, failing(both), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == [*UPDATE, "DescribeConnector"]


class TestRollback:
    """Rollbacks, which lose what the update had added."""

    def test_rollback_is_not_checked(
        self,
        cloudformation: CloudFormation,
        operations: Operations,
        log: Log,
        only_v2: str,
        both: str,
        make_flow: MakeFlow,
    ) -> None:
        """A rollback takes away what a flow uses by now, without reading any flow."""
        cloudformation.create(failing(only_v2))
        cloudformation.update(failing(both), failing(only_v2), LABEL)
        make_flow()
        cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")
        operations()

        response = cloudformation.update(failing(only_v2), failing(both), LABEL)

        assert response["Status"] == "SUCCESS"
        assert operations() == UPDATE
        [*_, line] = log.messages("decision")
        assert line == {
            "decision": "not checked for breaking changes: this is a rollback",
            "label": LABEL,
            "lambda_arn": only_v2,
        }

    @pytest.mark.parametrize(
        ("status", "code", "hint"),
        [
            (
                403,
                "AccessDenied",
                " The handler may not read the stack events, so it checks rollbacks too, which may"
                " fail. Allow its role cloudformation:DescribeStackEvents on the stack (in the"
                " provider's template: StackNames).",
            ),
            (400, "ValidationError", ""),
        ],
    )
    def test_unreadable_stack_events_count_as_forward(
        self,
        cloudformation: CloudFormation,
        inject: Inject,
        in_use: str,
        only_v2: str,
        status: int,
        code: str,
        hint: str,
    ) -> None:
        """Without the stack events an update is checked, and succeeds when it is repeated."""
        inject("DescribeStackEvents", cloudformation_error(status, code), 10_000)

        failed = cloudformation.update(failing(only_v2), failing(in_use), LABEL)
        continued = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert failed["Reason"] == BROKEN + hint
        assert continued["Status"] == "SUCCESS"

    def test_cancelled_update_reads_no_flow(
        self,
        cloudformation: CloudFormation,
        operations: Operations,
        in_use: str,
        only_v2: str,
    ) -> None:
        """An update that CloudFormation rolls back meanwhile reads no flow."""
        operations()
        cloudformation.clock.latency.by_operation["UpdateConnectorRegistration"] = 5
        now = cloudformation.clock.now
        cloudformation.clock.at(
            now + 3, lambda: cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")
        )

        cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert operations() == UPDATE


class TestAdoption:
    """Registrations that are adopted, which no rollback of CloudFormation restores."""

    @pytest.mark.parametrize("adoption", ["Allowed", "Required"])
    @pytest.mark.parametrize("description", [None, "Ours"])
    def test_former_function_is_registered_again(
        self,
        account: Account,
        cloudformation: CloudFormation,
        request_id: str,
        both: str,
        only_v2: str,
        make_flow: MakeFlow,
        adoption: str,
        description: str | None,
    ) -> None:
        """A Create that breaks a flow puts back what it has adopted, under another token."""
        account.register(LABEL, both, description="By hand")
        make_flow()
        ours = failing(only_v2, Adoption=adoption, Description=description, RemovalPolicy="Destroy")

        failed = cloudformation.create(ours, RequestId=request_id)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Reason"] == (
            f"{BROKEN} AppFlow has the function from before the adoption again, {both}."
        )
        assert failed["PhysicalResourceId"] == f"FAILED-CREATE:{request_id}"
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_values(LABEL) == (both, "By hand")
        [adopted, restored] = [
            call["parameters"]["clientToken"]
            for call in account.calls()
            if call["operation"] == "UpdateConnectorRegistration"
        ]
        assert [adopted, restored] == [f"{request_id}-update", f"{request_id}-restore"]

    @pytest.mark.parametrize("adoption", ["Allowed", "Required"])
    def test_adoption_without_way_back_is_refused(
        self,
        account: Account,
        cloudformation: CloudFormation,
        clock: Clock,
        inject: Inject,
        both: str,
        only_v2: str,
        adoption: str,
    ) -> None:
        """A Create changes nothing if the handler may not invoke the former function."""
        account.register(LABEL, both)
        inject("Invoke", FAULTS["AccessDeniedException"][0], 10_000)

        response = cloudformation.create(failing(only_v2, Adoption=adoption))

        assert response["Reason"] == (
            "connector acme-crm: on_breaking_change is FAIL, and the handler could not register"
            f" {both} again if the adoption failed: An error occurred (AccessDeniedException) when"
            " calling the Invoke operation: Not now. Nothing was changed. Allow the handler's role"
            " lambda:InvokeFunction on this function, or adopt the label with"
            " OnBreakingChange.IGNORE first."
        )
        assert account.registered_arn(LABEL) == both
        assert 20 < clock.now < 40

    def test_new_permission_to_go_back_is_awaited(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        both: str,
        only_v2: str,
    ) -> None:
        """A permission for the former function may take a while to become effective."""
        account.register(LABEL, both)
        inject("Invoke", FAULTS["AccessDeniedException"][0], 4)

        response = cloudformation.create(failing(only_v2))

        assert response["Status"] == "SUCCESS"

    @pytest.mark.parametrize("properties_of", [failing, properties])
    def test_needless_permission_is_not_asked_for(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        both: str,
        only_v2: str,
        properties_of: Callable[..., dict[str, Any]],
    ) -> None:
        """No way back is needed for the same function, nor if nothing is refused."""
        account.register(LABEL, both if properties_of is failing else only_v2)
        asked = inject("Invoke", FAULTS["AccessDeniedException"][0], 10_000)

        response = cloudformation.create(properties_of(both))

        assert response["Status"] == "SUCCESS"
        assert asked.tokens == []

    def test_rollback_adopts_without_way_back(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        both: str,
        only_v2: str,
    ) -> None:
        """The rollback of a change of the label adopts the former label in any case."""
        after = failing(only_v2, ConnectorLabel="acme-erp")
        cloudformation.create(failing(both))
        cloudformation.update(after, failing(both), LABEL)
        account.move(LABEL, only_v2)
        cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")
        inject("Invoke", FAULTS["AccessDeniedException"][0], 10_000)

        response = cloudformation.update(failing(both), after, "acme-erp")

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == both

    def test_refused_restoration_is_reported(
        self,
        account: Account,
        cloudformation: CloudFormation,
        both: str,
        only_v2: str,
        make_flow: MakeFlow,
    ) -> None:
        """If AppFlow does not take the former function back, the reason says so."""
        account.register(LABEL, both)
        make_flow()
        account.client("lambda").remove_permission(FunctionName="both", StatementId="AppFlow")

        response = cloudformation.create(failing(only_v2))

        account.grant_appflow(both)
        assert response["Reason"].startswith(
            f"{BROKEN} AppFlow keeps {only_v2}, since the function before the adoption, {both},"
            " could not be registered again: connector acme-crm: AccessDeniedException from"
            " UpdateConnectorRegistration: "
        )
        assert account.registered_arn(LABEL) == only_v2

    @pytest.mark.parametrize(("description", "updates"), [(None, 1), ("Ours", 2)])
    def test_same_function_keeps_its_new_configuration(
        self,
        account: Account,
        cloudformation: CloudFormation,
        both: str,
        make_flow: MakeFlow,
        description: str | None,
        updates: int,
    ) -> None:
        """A Create for the registered function says that AppFlow keeps what it has read."""
        account.register(LABEL, both, description="By hand")
        make_flow()
        account.change_code("both", versions("v2"))

        response = cloudformation.create(failing(both, Description=description))

        assert response["Reason"] == (
            f"{BROKEN} The label had this function before the adoption, so AppFlow keeps the new"
            " configuration until the function has its old code and is refreshed."
        )
        assert account.registered_values(LABEL) == (both, "By hand")
        assert account.operations().count("UpdateConnectorRegistration") == updates

    def test_adoption_that_breaks_nothing_succeeds(
        self,
        account: Account,
        cloudformation: CloudFormation,
        both: str,
        only_v2: str,
        make_flow: MakeFlow,
    ) -> None:
        """A Create that breaks no flow adopts the registration."""
        account.register(LABEL, both)
        make_flow(api_version="v2")

        response = cloudformation.create(failing(only_v2))

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == only_v2

    def test_free_label_is_not_compared(
        self, cloudformation: CloudFormation, operations: Operations, both: str
    ) -> None:
        """The registration of a free label makes the two calls of any creation."""
        cloudformation.create(failing(both))

        assert operations() == ["RegisterConnector", "DescribeConnector"]

    def test_change_of_label_puts_back_the_new_one(
        self,
        account: Account,
        cloudformation: CloudFormation,
        both: str,
        only_v2: str,
        make_flow: MakeFlow,
    ) -> None:
        """A change to a registered label that breaks a flow of it leaves both labels alone."""
        before = destroyed(only_v2, ConnectorLabel="acme-erp")
        cloudformation.create(before)
        account.register(LABEL, both)
        make_flow()

        response = cloudformation.update(failing(only_v2), before, "acme-erp")

        assert response["Reason"].startswith(BROKEN)
        assert response["PhysicalResourceId"] == "acme-erp"
        assert account.registered_arn(LABEL) == both
        assert account.registered_arn("acme-erp") == only_v2

    def test_cancelled_adoption_restores_nothing(
        self,
        account: Account,
        cloudformation: CloudFormation,
        both: str,
        only_v2: str,
        make_flow: MakeFlow,
    ) -> None:
        """A Create that CloudFormation no longer waits for changes nothing more."""
        account.register(LABEL, both)
        make_flow()
        cloudformation.clock.latency.by_operation["DescribeFlow"] = 35
        now = cloudformation.clock.now
        cloudformation.clock.at(
            now + 10, lambda: cloudformation.record("CREATE_FAILED", "Resource creation cancelled")
        )

        response = cloudformation.create(failing(only_v2))

        assert "CloudFormation no longer waits for this event" in response["Reason"]
        assert account.registered_arn(LABEL) == only_v2


UNKNOWN = (
    "connector acme-crm: on_breaking_change is FAIL, and whether flows or profiles break is not"
    " known for API_VERSION_REMOVED:v1: "
)


def answers(member: str, *pages: list[dict[str, Any]]) -> list[bytes]:
    """The pages of a list, as AppFlow returns them."""
    return [
        json.dumps({member: page, **({"nextToken": "t"} if n < len(pages) else {})}).encode()
        for n, page in enumerate(pages, start=1)
    ]


def listed(number: int) -> dict[str, Any]:
    """A flow from the connector, as ListFlows returns it."""
    return {"flowName": f"flow-{number:04d}", "sourceConnectorLabel": LABEL}


def describe(client: Any, request: Any) -> AWSResponse:
    """DescribeFlow of a flow that uses v1."""
    flow = {
        "flowName": json.loads(request.body)["flowName"],
        "sourceFlowConfig": {
            "connectorType": "CustomConnector",
            "apiVersion": "v1",
            "connectorProfileName": "sales",
        },
        "destinationFlowConfigList": [],
    }
    return success_response(json.dumps(flow).encode())(client, request)


@pytest.fixture
def many_flows(inject: Inject, in_use: str) -> Callable[[int], None]:
    """Lets an account have a number of flows from the connector."""

    def make(count: int) -> None:
        flows = [listed(number) for number in range(count)]
        pages = [flows[n : n + 100] for n in range(0, count, 100)]
        for body in answers("flows", *pages):
            inject("ListFlows", success_response(body), 1)
        inject("DescribeFlow", describe, 10_000)

    return make


class TestBounds:
    """The calls and the time that a check may take, and the length of its reason."""

    @pytest.mark.parametrize(
        ("operation", "resource"), [*zip(USAGE, ["*", "flow/*", "flow/*"], strict=True)]
    )
    def test_missing_permission_fails_with_the_next_step(
        self,
        cloudformation: CloudFormation,
        clock: Clock,
        inject: Inject,
        in_use: str,
        only_v2: str,
        operation: str,
        resource: str,
    ) -> None:
        """A read that IAM denies fails the update after a minute, with the permission."""
        inject(operation, FAULTS["AccessDeniedException"][0], 10_000)

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        account = only_v2.split(":")[4]
        if resource != "*":
            resource = f"arn:aws:appflow:us-east-1:{account}:{resource}"
        assert response["Status"] == "FAILED"
        assert response["Reason"] == (
            f"{UNKNOWN}AccessDeniedException from {operation}: Not now. Allow the handler's role"
            f" appflow:{operation} on {resource} (in the provider's template: MayReadFlows=true)."
        )
        assert 50 < clock.now < 70

    def test_reads_end_with_the_time(
        self,
        cloudformation: CloudFormation,
        clock: Clock,
        many_flows: Callable[[int], None],
        in_use: str,
        only_v2: str,
    ) -> None:
        """Slow reads end when the invocation has no more time for calls."""
        many_flows(100)
        clock.latency.by_operation["DescribeFlow"] = 5

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert response["Reason"] == f"{UNKNOWN}no time was left for DescribeFlow. Deploy again."
        assert clock.now < 150

    def test_1000_flows_are_read(
        self,
        cloudformation: CloudFormation,
        log: Log,
        many_flows: Callable[[int], None],
        in_use: str,
        only_v2: str,
    ) -> None:
        """A thousand flows fit into a response, whose list is cut, and the log has them all."""
        many_flows(1_000)

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert response["Reason"].startswith(
            "connector acme-crm: the new code breaks 1,000 flows, and on_breaking_change is FAIL:"
            " API_VERSION_REMOVED:v1 (flows flow-0000, flow-0001, "
        )
        assert response["Reason"].endswith(
            f" more), see log group /aws/lambda/registration-handler. {NEXT_STEP}"
        )
        [line] = [one for one in log.messages("decision") if "findings" in one]
        assert len(line["findings"][0]["flows"]) == 1_000

    def test_more_flows_are_not_read(
        self,
        cloudformation: CloudFormation,
        many_flows: Callable[[int], None],
        operations: Operations,
        in_use: str,
        only_v2: str,
    ) -> None:
        """More flows of a connector than the handler reads fail the update."""
        many_flows(1_001)

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert response["Reason"] == (
            f"{UNKNOWN}more than 1,000 flows use the connector, and the handler reads no more."
            " Check who uses what is gone, and add the ids to acknowledged_changes."
        )

    @pytest.mark.parametrize(
        ("operation", "member"), [(USAGE[0], "connectorProfileDetails"), (USAGE[1], "flows")]
    )
    def test_more_pages_are_not_read(
        self,
        cloudformation: CloudFormation,
        inject: Inject,
        in_use: str,
        only_v2: str,
        operation: str,
        member: str,
    ) -> None:
        """A list that has more pages than the handler reads fails the update."""
        first, _ = answers(member, [], [])
        pages = inject(operation, success_response(first), 10_000)

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        assert response["Reason"] == (
            f"{UNKNOWN}{operation} has more than 50 pages, and the handler reads no more. Check"
            " who uses what is gone, and add the ids to acknowledged_changes."
        )
        assert len(pages.tokens) == 50

    def test_every_page_is_read(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        in_use: str,
        only_v2: str,
    ) -> None:
        """Each page is requested with the token of the one before, and with its filters."""
        requests: list[dict[str, Any]] = []

        def note(params: dict[str, Any], **_: Any) -> None:
            requests.append(json.loads(params["body"]))

        events = sdk.client("appflow").meta.events
        for operation, member in zip(USAGE[:2], ["connectorProfileDetails", "flows"], strict=True):
            events.register(f"before-call.appflow.{operation}", note)
            for body in answers(member, [{"connectorProfileName": "a", "flowName": "b"}], []):
                inject(operation, success_response(body), 1)

        response = cloudformation.update(failing(only_v2), failing(in_use), LABEL)

        for operation in USAGE[:2]:
            events.unregister(f"before-call.appflow.{operation}", note)
        label = {"connectorType": "CustomConnector", "connectorLabel": LABEL, "maxResults": 100}
        assert response["Status"] == "SUCCESS"
        assert requests == [
            label,
            {**label, "nextToken": "t"},
            {"maxResults": 100},
            {"maxResults": 100, "nextToken": "t"},
        ]


def finding(number: int, *, flows: int = 0, profiles: int = 0, name: str = "n") -> Finding:
    """A finding with flows and profiles whose names have a number."""
    return Finding(
        f"CHANGE:{number}",
        Severity.ERROR,
        "Something is gone",
        profiles=tuple(f"p-{name}-{n:03d}" for n in range(profiles)),
        flows=tuple(f"f-{name}-{n:03d}" for n in range(flows)),
    )


def reason(*found: Finding, label: str = LABEL, log_group: str = "/aws/lambda/handler") -> str:
    registration = Registration(label, FUNCTION_ARN, None, None, False)
    return str(breaking_changes.error_about(registration, [*found], log_group))


def test_unchanged_configuration_needs_no_appflow() -> None:
    """Nothing is read for a configuration that has lost nothing, or only what is acknowledged."""
    registration = Registration(
        LABEL, FUNCTION_ARN, None, None, False, acknowledged_changes=("API_VERSION_REMOVED:v1",)
    )
    appflow = cast("AppFlow", SimpleNamespace(registration=registration))
    before = {"supportedApiVersions": ["v1", "v2"]}

    for after in (before, {"supportedApiVersions": ["v2"]}):
        assert breaking_changes.in_use(appflow, before, after) == []


def test_finding_about_the_version_suspects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the version of the connector was not raised is no reason to read flows."""
    found = Finding("VERSION_NOT_RAISED:1.0", Severity.WARNING, "The version is the same")
    monkeypatch.setattr(breaking_changes, "findings", lambda *_: [found])
    registration = Registration(LABEL, FUNCTION_ARN, None, None, False)

    assert breaking_changes.possible(registration, {}, {}) == []


class TestReason:
    """The words of a failure, and how they are cut."""

    @pytest.mark.parametrize(
        ("found", "broken", "changes"),
        [
            ([finding(1, flows=1)], "1 flow", "CHANGE:1 (flow f-n-000)"),
            ([finding(1, flows=2)], "2 flows", "CHANGE:1 (flows f-n-000, f-n-001)"),
            ([finding(1, profiles=1)], "1 profile", "CHANGE:1 (profile p-n-000)"),
            (
                [finding(1, flows=2, profiles=1), finding(2, profiles=2)],
                "2 flows and 2 profiles",
                "CHANGE:1 (flows f-n-000, f-n-001, profile p-n-000);"
                " CHANGE:2 (profiles p-n-000, p-n-001)",
            ),
        ],
    )
    def test_names_what_breaks(self, found: list[Finding], broken: str, changes: str) -> None:
        """A reason counts each flow and profile once, and names them at each change."""
        assert reason(*found) == (
            f"connector acme-crm: the new code breaks {broken}, and on_breaking_change is FAIL:"
            f" {changes}. {NEXT_STEP}"
        )

    def test_long_list_names_some_of_each(self) -> None:
        """A long list names some flows of each change, and how many there are besides."""
        text = reason(finding(1, flows=500), finding(2, flows=2))

        names = ", ".join(f"f-n-{n:03d}" for n in range(20))
        assert (
            f": CHANGE:1 (flows {names} and 480 more); CHANGE:2 (flows f-n-000, f-n-001), see log"
            f" group /aws/lambda/handler. {NEXT_STEP}"
        ) in text

    def test_many_changes_are_counted(self) -> None:
        """Changes for which there is no room are counted."""
        text = reason(*(finding(number, flows=20) for number in range(100)))

        shown = text.count("CHANGE:")
        assert 5 < shown < 20
        assert f") and {100 - shown} more, see log group /aws/lambda/handler. {NEXT_STEP}" in text

    @pytest.mark.parametrize("letter", ["x", "ü", "😀"])
    @pytest.mark.parametrize(("changes", "users"), [(1, 1), (1, 1_000), (100, 1), (100, 100)])
    def test_longest_reason_keeps_the_next_step(
        self, letter: str, changes: int, users: int
    ) -> None:
        """With names, labels and log groups of any length, the reason has room for the ids."""
        name = letter * (240 if letter == "x" else 20)
        found = [
            finding(number, flows=users, profiles=users, name=name) for number in range(changes)
        ]

        text = reason(*found, label="a" * 256, log_group="/" * 512)

        assert len(json.dumps(text)) <= 2_500
        assert text.endswith(NEXT_STEP)
        assert "(flow" in text
