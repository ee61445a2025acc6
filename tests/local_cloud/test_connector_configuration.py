"""Configurations of connectors: what AppFlow accepts from a connector, and how it shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from appflow_local_cloud.appflow.settings import Settings
from appflow_local_cloud.process import LocalCloud
from tests.local_cloud.support import described, refusal, registration
from tests.support import Account, LastingAccount, new_account_id

DATA = json.loads(Path(__file__).with_name("connector_responses.json").read_text("utf-8"))

# The type of each shape in JSON; a timestamp is a number of seconds.
TYPES: Mapping[str, Any] = {
    "structure": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "timestamp": float,
}

Register = Callable[[Any], str]


def response(**members: Any) -> dict[str, Any]:
    """The response of a connector, with members changed as given."""
    return {**DATA["base"], **members}


def setting(**members: Any) -> dict[str, Any]:
    """The response of a connector that has one setting with certain members."""
    return response(connectorRuntimeSetting=[{"key": "url", **members}])


def oauth2(**members: Any) -> dict[str, Any]:
    """The response of a connector whose OAuth2 defaults have certain members."""
    return response(authenticationConfig={"oAuth2Defaults": members})


def mismatches(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """The paths at which JSON does not have the types and members of a shape."""
    if not isinstance(value, TYPES[shape.type_name]):
        yield f"{path}: {value!r} is not of type {shape.type_name}"
    elif isinstance(shape, StructureShape):
        for name, member in value.items():
            if name in shape.members:
                yield from mismatches(member, shape.members[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is not a member of {shape.name}"
    elif isinstance(shape, ListShape):
        for index, member in enumerate(value):
            yield from mismatches(member, shape.member, f"{path}[{index}]")


@pytest.fixture(scope="module")
def account(cloud: LocalCloud) -> Iterator[Account]:
    """The account of all tests of this module."""
    account = LastingAccount(cloud, new_account_id())
    yield account
    account.close()


@pytest.fixture(scope="module")
def response_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file whose content is the response of the connector."""
    return tmp_path_factory.mktemp("connector") / "response.json"


@pytest.fixture(scope="module")
def arn(account: Account, response_file: Path) -> str:
    """The ARN of a connector that responds with the content of a file, after a pause."""
    source = f"""
import json, pathlib, time

def handler(event, context):
    response = json.loads(pathlib.Path({str(response_file)!r}).read_text("utf-8"))
    print(event)
    if isinstance(response, dict):
        time.sleep(response.pop("PauseSeconds", 0))
    return response
"""
    return account.make_function("crm", source)


@pytest.fixture
def register(account: Account, arn: str, response_file: Path) -> Register:
    """Registers a connector that returns a response; returns the label."""

    def register(content: Any) -> str:
        response_file.write_text(json.dumps(content), "utf-8")
        label = f"crm-{uuid4()}"
        account.register(label, arn)
        return label

    return register


@pytest.fixture
def message(account: Account, arn: str, response_file: Path) -> Callable[[Any], str]:
    """Returns the message with which AppFlow refuses a connector that returns a response."""

    def message(content: Any) -> str:
        response_file.write_text(json.dumps(content), "utf-8")
        members = registration(f"crm-{uuid4()}", arn)
        code, status, text = refusal(account.client("appflow").register_connector, **members)
        return f"{code}, {status}: {text}"

    return message


@pytest.mark.rule("SDK", "model")
@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["name"].replace(" ", "-"))
def test_response_is_shown_in_appflow_terms(
    appflow: Any, register: Register, case: Mapping[str, Any]
) -> None:
    """DescribeConnector shows what a connector returns, under AppFlow's names, without nulls."""
    label = register(response(**case["response"]))

    shown = described(appflow, label)

    expected = case["described"]
    assert {name: shown.get(name) for name in expected} == expected


@pytest.mark.rule("model")
def test_description_has_types_of_the_model(appflow: Any, register: Register) -> None:
    """DescribeConnector's response has only members of the model, with the types of the model."""
    bodies: list[bytes] = []
    appflow.meta.events.register(
        "before-parse.appflow.DescribeConnector",
        lambda response_dict, **_: bodies.append(response_dict["body"]),
    )
    model = ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")

    for case in DATA["cases"]:
        described(appflow, register(response(**case["response"])))

    shape = model.operation_model("DescribeConnector").output_shape
    assert len(bodies) == len(DATA["cases"])
    assert [found for body in bodies for found in mismatches(json.loads(body), shape)] == []


@pytest.mark.rule("choice")
def test_omitted_member_is_like_null(appflow: Any, register: Register) -> None:
    """Owner, name, version and one mode make a valid configuration; null is like left out."""
    required = {
        name: DATA["base"][name]
        for name in (
            "isSuccess",
            "connectorOwner",
            "connectorName",
            "connectorVersion",
            "connectorModes",
        )
    }
    with_nulls = {**dict.fromkeys(DATA["base"]), **required}

    labels = [register(required), register(with_nulls)]

    terse, null = ({**described(appflow, label)} for label in labels)
    for name in ("connectorLabel", "connectorArn", "registeredAt"):
        del terse[name], null[name]
    assert terse == null


@pytest.mark.rule("model", "SDK")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No valid response"),
        ("a text", "No valid response"),
        ([], "No valid response"),
        ({}, "No valid response"),
        (response(isSuccess=None), "no errorMessage in the errorDetails, null"),
        (response(isSuccess="true"), "no errorMessage in the errorDetails, null"),
        ({"isSuccess": False}, "no errorMessage in the errorDetails, null"),
        ({"isSuccess": False, "errorDetails": {"errorMessage": "No"}}, "connector: No"),
        (
            {"isSuccess": False, "errorDetails": {"errorMessage": None}},
            'in the errorDetails, {"errorMessage": null}',
        ),
        ({"isSuccess": False, "errorDetails": "boom"}, 'in the errorDetails, "boom"'),
    ],
)
def test_unsuccessful_response_is_refused(
    message: Callable[[Any], str], content: Any, expected: str
) -> None:
    """A response that does not report success: `ConnectorServerException`, 400."""
    text = message(content)

    assert text.startswith("ConnectorServerException, 400: Error while communicating to connector:")
    assert expected in text


@pytest.mark.rule("model", "SDK")
@pytest.mark.parametrize("empty", [None, ""], ids=["null", "empty"])
@pytest.mark.parametrize("name", ["connectorOwner", "connectorName", "connectorVersion"])
def test_missing_text_is_refused(
    message: Callable[[Any], str], name: str, empty: str | None
) -> None:
    """A response without owner, name or version: `ConnectorServerException`, 400."""
    what = "missing" if empty is None else "empty"

    assert message(response(**{name: empty})) == (
        "ConnectorServerException, 400: Error while communicating to connector: invalid"
        f" DescribeConnectorConfiguration response ({name} is {what})."
    )


@pytest.mark.rule("SDK")
@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (None, "connectorModes is missing"),
        ([], "connectorModes is empty"),
        ([None], "connectorModes is empty"),
        (["LAKE"], "connectorModes is ['LAKE'], without any of SOURCE, DESTINATION"),
        (["source"], "connectorModes is ['source'], without any of SOURCE, DESTINATION"),
        (1, "at 'connectorModes' failed to satisfy constraint: Member must be of type list"),
        ("SOURCE", "at 'connectorModes' failed to satisfy constraint: Member must be of type list"),
        ([1], "at 'connectorModes.1.member' failed to satisfy constraint: Member must be of type"),
    ],
)
def test_missing_mode_is_refused(message: Callable[[Any], str], modes: Any, expected: str) -> None:
    """A response without a mode that AppFlow knows: `ConnectorServerException`, 400."""
    assert expected in message(response(connectorModes=modes))


@pytest.mark.rule("model")
@pytest.mark.parametrize(
    ("content", "path", "kind"),
    [
        (response(connectorOwner=["Acme"]), "connectorOwner", "string"),
        (response(connectorVersion=7), "connectorVersion", "string"),
        (response(connectorVersion=0), "connectorVersion", "string"),
        (response(logoURL=False), "logoURL", "string"),
        (response(supportedApiVersions=3), "supportedApiVersions", "list"),
        (response(supportedApiVersions=[1.5]), "supportedApiVersions.1.member", "string"),
        (response(operatorsSupported="PROJECTION"), "supportedOperators", "list"),
        (response(operatorsSupported=["NO_OP", 1]), "supportedOperators.2.member", "string"),
        (response(supportedTriggerTypes=[{}]), "supportedTriggerTypes.1.member", "string"),
        (response(supportedDataTransferTypes="FILE"), "supportedDataTransferTypes", "list"),
        (response(authenticationConfig=True), "authenticationConfig", "structure"),
        (
            response(authenticationConfig={"isOAuth2Supported": "no"}),
            "authenticationConfig.isOAuth2Supported",
            "boolean",
        ),
        (
            response(authenticationConfig={"isBasicAuthSupported": 1}),
            "authenticationConfig.isBasicAuthSupported",
            "boolean",
        ),
        (
            response(authenticationConfig={"customAuthConfig": {}}),
            "authenticationConfig.customAuthConfigs",
            "list",
        ),
        (oauth2(tokenURL="https://x"), "authenticationConfig.oAuth2Defaults.tokenUrls", "list"),
        (response(connectorRuntimeSetting={}), "connectorRuntimeSettings", "list"),
        (response(connectorRuntimeSetting=["a"]), "connectorRuntimeSettings.1.member", "structure"),
        (setting(label=1), "connectorRuntimeSettings.1.member.label", "string"),
        (setting(required="yes"), "connectorRuntimeSettings.1.member.isRequired", "boolean"),
        (
            setting(connectorSuppliedValueOptions=[7]),
            "connectorRuntimeSettings.1.member.connectorSuppliedValueOptions.1.member",
            "string",
        ),
    ],
)
def test_wrong_type_is_refused(
    message: Callable[[Any], str], content: Any, path: str, kind: str
) -> None:
    """A member of another type is refused with its path and its type."""
    text = message(content)

    assert text.startswith("ConnectorServerException, 400: ")
    assert f"at '{path}' failed to satisfy constraint: Member must be of type {kind})" in text


# Members with a length in the model, their paths, and the greatest lengths.
LENGTHS = [
    (lambda text: response(connectorName=text), "connectorName", 256),
    (lambda text: response(connectorVersion=text), "connectorVersion", 256),
    (lambda text: response(logoURL=text), "logoURL", 256),
    (lambda text: setting(label=text), "connectorRuntimeSettings.1.member.label", 128),
    (lambda text: setting(description=text), "connectorRuntimeSettings.1.member.description", 1024),
    (
        lambda text: oauth2(oAuthScopes=["read", text]),
        "authenticationConfig.oAuth2Defaults.oauthScopes.2.member",
        128,
    ),
]


@pytest.mark.rule("model")
@pytest.mark.parametrize(("content", "path", "length"), LENGTHS, ids=[row[1] for row in LENGTHS])
def test_long_text_is_refused(
    register: Register,
    message: Callable[[Any], str],
    content: Callable[[str], Any],
    path: str,
    length: int,
) -> None:
    """A text above the length of the model is refused with its path and the length."""
    register(content("ü" * length))

    assert message(content("ü" * (length + 1))).endswith(
        f"at '{path}' failed to satisfy constraint: Member must have length less than or equal to"
        f" {length})."
    )


@pytest.mark.rule("SDK")
def test_slow_connector_is_refused(
    account: Account, register: Register, message: Callable[[Any], str]
) -> None:
    """A connector that takes longer than ten seconds: `ConnectorServerException`, 400."""
    slow = response(PauseSeconds=1)
    account.local_cloud.configure_appflow(account.id, connectorTimeoutSeconds=0.5)

    text = message(slow)
    account.local_cloud.configure_appflow(account.id)
    register(slow)

    assert text == (
        "ConnectorServerException, 400: Error while communicating to connector: the function did"
        " not respond within 0.5 seconds."
    )
    assert Settings().connector_timeout_seconds == 10
