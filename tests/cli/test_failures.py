"""``cdk-appflow-connector status`` when one stack or connector cannot be read.

The others are reported as usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
import pytest
from werkzeug import Response

from tests.cli.front import Alteration, changed_json, error_for, front, replaced
from tests.cli.support import connectors, make_stack, registration, run_status, states
from tests.support import Account

FAILED_CREATE = "FAILED-CREATE:5f1d6a1e-6a0c-4d43-8a0b-5b1c5a3f7d21"


@pytest.fixture(autouse=True)
def others(account: Account, crm: str) -> None:
    """A connector of the stack ``Sales``, and one of no stack."""
    account.register("acme-crm", crm)
    account.register("by-hand", crm)
    resource = registration(account, "acme-crm", LambdaArn=crm, Description="")
    make_stack(account, "Sales", resource)


def run_behind(account: Account, *arguments: str, **alterations: Alteration) -> Any:
    """Run the script with the responses of some operations altered."""
    with front(account.cloud.environment(account.id), alterations) as variables:
        return run_status(account, *arguments, **variables)


def run_after_failure(
    account: Account, *arguments: str, physical_id: str = FAILED_CREATE, cause: str = ""
) -> Any:
    """Run the script while stack ``Erp`` is in CREATE_FAILED because of its registration.

    The local cloud forgets a resource that failed.
    """
    listed = replaced(
        r"<PhysicalResourceId>acme-erp</PhysicalResourceId>(.*?<ResourceStatus>)CREATE_COMPLETE"
        "</ResourceStatus>",
        rf"<PhysicalResourceId>{physical_id}</PhysicalResourceId>\1CREATE_FAILED</ResourceStatus>"
        f"<ResourceStatusReason>{cause}</ResourceStatusReason>",
    )
    described = replaced(r"(<StackName>Erp<.*?<StackStatus>)CREATE_COMPLETE", r"\1CREATE_FAILED")
    return run_behind(account, *arguments, ListStackResources=listed, DescribeStacks=described)


def finding(result: Any, stack: str) -> Mapping[str, Any]:
    """The only finding for a stack, beside the usual ones for the others."""
    others = [found for found in connectors(result) if found["stack"] != stack]
    assert {found["connectorLabel"]: found["state"] for found in others} == {
        "acme-crm": "IN_SYNC",
        "by-hand": "UNMANAGED",
    }
    [only] = [found for found in connectors(result) if found["stack"] == stack]
    return only


@pytest.mark.parametrize(
    "physical_id", [FAILED_CREATE, "Erp_Registration0_1ABCDEFGHIJKL", "x", "acme-erp-2", ""]
)
def test_failed_creation_is_one_finding(account: Account, crm: str, physical_id: str) -> None:
    """A registration in CREATE_FAILED is UNKNOWN, and its id is not looked up in AppFlow."""
    make_stack(account, "Erp", registration(account, "acme-erp", PhysicalId="acme-erp"))
    before = len(account.calls())

    result = run_after_failure(account, "--json", physical_id=physical_id)

    found = finding(result, "Erp")
    assert (found["connectorLabel"], found["state"]) == ("acme-erp", "UNKNOWN")
    assert found["reason"].startswith("the creation of resource Registration0 in stack Erp failed")
    assert found["nextStep"] == (
        "Fix the cause. Then deploy stack Erp, or finish its rollback or deletion."
    )
    assert {
        call["parameters"]["connectorLabel"]
        for call in account.calls(after=before)
        if call["operation"] == "DescribeConnector"
    } == {"acme-crm", "acme-erp", "by-hand"}
    assert result.returncode == 2


def test_failed_creation_shows_its_cause(account: Account, crm: str) -> None:
    """The reason for a failed creation contains CloudFormation's own."""
    make_stack(account, "Erp", registration(account, "acme-erp"))

    text = run_after_failure(account, cause="No rights.\n").stdout

    assert (
        "acme-erp is UNKNOWN: the creation of resource Registration0 in stack Erp failed: No"
        " rights.\n  Fix the cause. Then deploy stack Erp, or finish its rollback or deletion.\n"
    ) in text
    assert text.endswith(": 1 IN_SYNC, 1 UNKNOWN, 1 UNMANAGED\n")


def test_failed_creation_without_label(account: Account, crm: str) -> None:
    """A failed registration whose label cannot be resolved is named by its logical id."""
    first = registration(account, "", PhysicalId="acme-erp")
    first["Properties"]["ConnectorLabel"] = {"Fn::Select": ["0", ["acme-erp"]]}
    make_stack(account, "Erp", first)

    found = finding(run_after_failure(account, "--json"), "Erp")
    text = run_after_failure(account).stdout

    assert (found["connectorLabel"], found["logicalResourceId"]) == (None, "Registration0")
    assert found["actual"] is None
    assert "resource Registration0 is UNKNOWN: the creation of resource Registration0 in" in text


def test_failed_creation_frees_its_label(account: Account, crm: str) -> None:
    """A stack whose registration failed does not count as one that manages the label."""
    failing = registration(account, "acme-crm", PhysicalId="acme-erp")
    make_stack(account, "Erp", failing)
    account.client("appflow").update_connector_registration(
        connectorLabel="acme-crm", description="Mine"
    )

    result = run_after_failure(account, "--json")

    assert {found["stack"]: found["state"] for found in connectors(result)} == {
        "Erp": "UNKNOWN",
        "Sales": "MODIFIED",
        None: "UNMANAGED",
    }
    assert "stacks manage this label" not in result.stdout


@pytest.mark.parametrize(
    ("status", "operation"), [("UPDATE_FAILED", "update"), ("DELETE_FAILED", "deletion")]
)
def test_failed_resource_is_unknown(
    account: Account, crm: str, status: str, operation: str
) -> None:
    """A registration whose update or deletion failed is UNKNOWN although AppFlow shows it."""
    account.register("acme-erp", crm)
    make_stack(account, "Erp", registration(account, "acme-erp", LambdaArn=crm))
    failed = replaced(r"(acme-erp.*?<ResourceStatus>)\w+", rf"\1{status}")

    result = run_behind(account, "--json", ListStackResources=failed)

    found = finding(result, "Erp")
    assert (found["connectorLabel"], found["state"]) == ("acme-erp", "UNKNOWN")
    assert found["reason"] == f"the {operation} of resource Registration0 in stack Erp failed"
    assert found["actual"]["lambdaArn"] == crm


def test_resource_without_id_has_template_label(account: Account, crm: str) -> None:
    """A registration without a physical id has the label of its template."""
    account.register("acme-erp", crm)
    make_stack(account, "Erp", registration(account, "acme-erp", LambdaArn=crm))
    without = replaced("<PhysicalResourceId>acme-erp</PhysicalResourceId>", "")

    result = run_behind(account, "--json", ListStackResources=without)

    found = finding(result, "Erp")
    assert (found["connectorLabel"], found["state"]) == ("acme-erp", "IN_SYNC")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ValidationException", 400),
        pytest.param("ThrottlingException", 429, marks=pytest.mark.slow),
    ],
)
def test_undescribed_connector_is_unknown(
    account: Account, crm: str, code: str, status: int
) -> None:
    """A connector that DescribeConnector refuses to show is UNKNOWN, with the error."""
    account.register("acme-erp", crm)
    make_stack(account, "Erp", registration(account, "acme-erp", LambdaArn=crm))

    result = run_behind(account, "--json", DescribeConnector=error_for("acme-erp", code, status))

    found = finding(result, "Erp")
    assert (found["connectorLabel"], found["state"]) == ("acme-erp", "UNKNOWN")
    assert found["reason"] == f"DescribeConnector failed with {code}: Not today"
    assert found["expected"]["lambdaArn"] == crm
    assert found["actual"] is None
    assert result.returncode == 2


def test_denied_connector_names_the_permission(account: Account, crm: str) -> None:
    """The next step for a connector that may not be described names the permission."""
    account.register("acme-erp", crm)
    make_stack(account, "Erp", registration(account, "acme-erp", LambdaArn=crm))
    denied = error_for("acme-erp", "AccessDeniedException", 403)

    text = run_behind(account, DescribeConnector=denied).stdout

    assert (
        "acme-erp is UNKNOWN: DescribeConnector failed with AccessDeniedException: Not today.\n"
        "  The call needs the permission appflow:DescribeConnector; --help lists all permissions.\n"
    ) in text


def test_undescribed_unmanaged_is_no_drift(account: Account) -> None:
    """A connector of no stack stays UNMANAGED if it cannot be described."""
    denied = error_for("by-hand", "AccessDeniedException", 403)

    result = run_behind(account, "--json", DescribeConnector=denied)

    assert states(result) == {"acme-crm": "IN_SYNC", "by-hand": "UNMANAGED"}
    assert "failed with AccessDeniedException" in result.stdout
    assert result.returncode == 0


def test_template_of_another_form_is_unknown(account: Account, crm: str) -> None:
    """A template that is neither JSON nor YAML is one UNKNOWN finding with the place."""
    text = replaced("<TemplateBody>.*</TemplateBody>", "<TemplateBody>a: [</TemplateBody>")

    result = run_behind(account, "--json", GetTemplate=text)

    [found] = [connector for connector in connectors(result) if connector["stack"]]
    assert found["state"] == "UNKNOWN"
    assert found["reason"].startswith(
        "the stack's template cannot be read as JSON or YAML: while parsing a flow node"
    )
    assert found["nextStep"] == "Compare the registered values with the template manually."


@pytest.mark.parametrize("operation", ["ListStackResources", "DescribeStacks", "GetTemplate"])
def test_unreadable_stack_is_unknown(account: Account, crm: str, operation: str) -> None:
    """A stack that may not be read is one UNKNOWN finding with the error."""
    account.register("acme-erp", crm)
    make_stack(account, "Erp", registration(account, "acme-erp", LambdaArn=crm))
    denied = error_for("Erp", "AccessDenied", 403)

    result = run_behind(account, "--json", **{operation: denied})

    [found] = [connector for connector in connectors(result) if connector["stack"] == "Erp"]
    assert found["state"] == "UNKNOWN"
    assert f"{operation} failed with AccessDenied: Not today" in found["reason"]
    assert f"cloudformation:{operation}" in found["nextStep"]
    assert states(result)["acme-crm"] == "IN_SYNC"
    assert result.returncode == 2


def test_unreadable_stack_is_named(account: Account) -> None:
    """The text for a stack whose resources may not be listed names the stack."""
    make_stack(account, "Erp", {"Type": "AWS::CloudFormation::WaitConditionHandle"})
    denied = error_for("Erp", "AccessDenied", 403)

    text = run_behind(account, ListStackResources=denied).stdout

    assert (
        "stack Erp is UNKNOWN: ListStackResources failed with AccessDenied: Not today.\n"
    ) in text


def test_unreadable_nested_stack_is_unknown(account: Account, crm: str) -> None:
    """With ``--stack`` a nested stack that may not be read is UNKNOWN beside its root."""
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    make_stack(account, "Root", registration(account, "by-hand", LambdaArn=crm), handle)
    nested_id = f"arn:aws:cloudformation:us-east-1:{account.id}:stack/Root-Nested-1A2B/5f1d"
    # The local cloud makes nested stacks of templates in S3 only.
    as_nested = replaced(
        r"<PhysicalResourceId>[^<]*(</PhysicalResourceId><ResourceType>AWS::CloudFormation::)"
        "WaitConditionHandle",
        rf"<PhysicalResourceId>{nested_id}\1Stack",
    )
    denied = error_for("Root-Nested-1A2B", "AccessDenied", 403)

    result = run_behind(
        account,
        *("--stack", "Root", "--json"),
        ListStackResources=lambda parameters, response: denied(
            parameters, as_nested(parameters, response)
        ),
    )

    assert {found["stack"]: found["state"] for found in connectors(result)} == {
        "Root": "IN_SYNC",
        "Root-Nested-1A2B": "UNKNOWN",
    }


def test_bad_credentials_end_the_command(account: Account) -> None:
    """Credentials that expire between two calls are an error of the command."""
    expired = error_for("by-hand", "ExpiredTokenException", 403)

    result = run_behind(account, DescribeConnector=expired)

    assert result.stderr == (
        "cdk-appflow-connector: DescribeConnector failed with ExpiredTokenException: Not today\n"
        "Sign in again, or choose other credentials with --profile\n"
    )
    assert result.stdout == ""
    assert result.returncode == 2


def without(*path: str) -> Alteration:
    """The response of DescribeConnector without a member of the configuration of ``by-hand``."""

    def change(document: Any) -> Any:
        *parents, name = path
        holder = document
        if document.get("connectorConfiguration", {}).get("connectorLabel") == "by-hand":
            for parent in parents:
                holder = holder[parent]
            del holder[name]
        return document

    return changed_json(change)


@pytest.mark.parametrize(
    "path",
    [
        ("connectorConfiguration",),
        ("connectorConfiguration", "connectorProvisioningConfig"),
        ("connectorConfiguration", "connectorProvisioningConfig", "lambda"),
        ("connectorConfiguration", "connectorProvisioningConfig", "lambda", "lambdaArn"),
        ("connectorConfiguration", "connectorVersion"),
    ],
)
def test_connector_without_member_is_unmanaged(account: Account, path: tuple[str, ...]) -> None:
    """A connector of no stack without an optional member is UNMANAGED."""
    result = run_behind(account, "--json", DescribeConnector=without(*path))

    assert states(result) == {"acme-crm": "IN_SYNC", "by-hand": "UNMANAGED"}
    assert result.returncode == 0


def test_missing_lambda_arn_is_shown(account: Account) -> None:
    """The table says so if AppFlow shows no Lambda ARN of a connector."""
    path = ("connectorConfiguration", "connectorProvisioningConfig")

    text = run_behind(account, DescribeConnector=without(*path)).stdout

    assert "│ by-hand     │ UNMANAGED │ no Lambda ARN" in text


def test_managed_connector_without_arn_is_unknown(account: Account, crm: str) -> None:
    """A connector of a stack is UNKNOWN if AppFlow shows no Lambda ARN of it."""
    make_stack(account, "Erp", registration(account, "by-hand", LambdaArn=crm))
    path = ("connectorConfiguration", "connectorProvisioningConfig")

    result = run_behind(account, "--json", DescribeConnector=without(*path))

    assert states(result) == {"acme-crm": "IN_SYNC", "by-hand": "UNKNOWN"}
    assert "AppFlow shows no Lambda ARN of the connector" in result.stdout


def optional_members(service: str, operation: str) -> Iterator[str]:
    """The optional members of an operation's response, at any depth but in the first shapes."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    shapes = [model.output_shape]
    for shape in shapes:
        for name, member in shape.members.items():
            if name not in shape.required_members:
                yield name
            inner = member.member if member.type_name == "list" else member
            if inner.type_name == "structure" and inner not in shapes:
                shapes.append(inner)


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation",
    ["ListStacks", "ListStackResources", "DescribeStacks", "GetTemplate", "ListExports"],
)
def test_no_member_of_cloudformation_is_needed(account: Account, crm: str, operation: str) -> None:
    """The command ends without a traceback if CloudFormation leaves out an optional member."""
    exported = {"Arn": {"Value": crm, "Export": {"Name": "arn"}}}
    parameters = {"Name": {"Type": "String", "Default": "arn"}}
    imported = {"Fn::ImportValue": {"Ref": "Name"}}
    resource = registration(account, "by-hand", LambdaArn=imported)
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    make_stack(account, "Functions", handle, Outputs=exported)
    make_stack(account, "Erp", resource, Parameters=parameters)
    responses: list[str] = []

    def record(_: str, response: Response) -> Response:
        responses.append(response.get_data(as_text=True))
        return response

    def run(alteration: Alteration) -> tuple[int, str]:
        result = run_behind(account, "--json", **{operation: alteration})
        return result.returncode, result.stderr

    assert run(record) == (0, "")
    optional = set(optional_members("cloudformation", operation))
    members = {member for member in optional if f"<{member}>" in "".join(responses)}
    assert members
    results = {run(replaced(rf"<{member}>.*?</{member}>", "")) for member in members}
    assert results <= {(0, ""), (2, "")}


def test_no_member_of_appflow_is_needed(account: Account) -> None:
    """A response of ListConnectors without connectors or labels lists none."""
    for change in (
        lambda document: {},
        lambda document: {"connectors": [{}, {"connectorLabel": "by-hand"}]},
    ):
        result = run_behind(account, "--json", ListConnectors=changed_json(change))

        assert states(result)["acme-crm"] == "IN_SYNC"
        assert result.returncode == 0
