"""Each finding: the change that leads to it, a change that does not, and what it breaks."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from appflow_connector_configuration.differences import differences
from appflow_connector_configuration.findings import (
    Finding,
    Severity,
    Usage,
    findings,
    losses,
)
from tests.shared.support import (
    configuration,
    destination_flow,
    flow,
    oauth2_profile,
    profile,
    source_flow,
)

BASIC = profile()
PROD, OTHERS = (("prod",), ()), ((), ("nightly",))
AUTHENTICATION = "authenticationConfig"
DEFAULTS = f"{AUTHENTICATION}__oAuth2Defaults"
SETTINGS = "connectorRuntimeSettings"
HMAC = f"{AUTHENTICATION}__customAuthConfigs__HMAC__authParameters"


class Case(NamedTuple):
    """A change, its finding, and what makes it certain.

    Attributes:
        id: the id of the finding.
        text: its text.
        before: the members of the configuration before.
        after: the members after.
        profile: a profile that uses what is lost, or one that does not matter.
        flow: a flow that uses what is lost, or None.
        uses: the names of profiles and of flows in the finding.
        severity: the severity if both use the connector.
        harmless: members of a later configuration that does not lead to the finding; by default
            the change is made the other way round.
        unused: a profile that does not use what is lost.
        also: the paths of what else differs.
    """

    id: str
    text: str
    before: dict[str, Any]
    after: dict[str, Any]
    profile: dict[str, Any] = BASIC
    flow: dict[str, Any] | None = None
    uses: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    severity: Severity = Severity.ERROR
    harmless: dict[str, Any] | None = None
    unused: dict[str, Any] = BASIC
    also: tuple[str, ...] = ()


def scheduled(expression: str) -> dict[str, Any]:
    """A flow with a schedule."""
    trigger = {"triggerProperties": {"Scheduled": {"scheduleExpression": expression}}}
    return {**source_flow(), "triggerConfig": {"triggerType": "Scheduled", **trigger}}


def filtered(operator: str) -> dict[str, Any]:
    """A flow with a filter."""
    return {**source_flow(), "tasks": [{"connectorOperator": {"CustomConnector": operator}}]}


def triggered(kind: str) -> dict[str, Any]:
    """A flow with a trigger."""
    return {**source_flow(), "triggerConfig": {"triggerType": kind}}


def only(*types: str) -> dict[str, Any]:
    """The members of a configuration that supports some types of authentication."""
    flags = ("Basic", "ApiKey", "OAuth2", "Custom")
    names = {kind: "OAuth2" if kind == "OAuth2" else f"{kind}Auth" for kind in flags}
    return {f"{AUTHENTICATION}__is{names[kind]}Supported": kind in types for kind in flags}


OAUTH2 = oauth2_profile()
WARNING = Severity.WARNING

CASES = [
    Case(
        "AUTHENTICATION_TYPE_REMOVED:OAUTH2",
        "authentication type OAUTH2 is no longer supported",
        {},
        only("Basic", "ApiKey", "Custom"),
        OAUTH2,
        uses=PROD,
    ),
    Case(
        "AUTHENTICATION_TYPE_REMOVED:BASIC",
        "authentication type BASIC is no longer supported",
        only("Basic", "OAuth2"),
        only("OAuth2"),
        uses=PROD,
        unused=OAUTH2,
    ),
    Case(
        "AUTHENTICATION_TYPE_REMOVED:APIKEY",
        "authentication type APIKEY is no longer supported",
        only("ApiKey"),
        only("Basic"),
        uses=PROD,
        unused=OAUTH2,
        also=("authenticationConfig.isBasicAuthSupported",),
    ),
    Case(
        "AUTHENTICATION_TYPE_REMOVED:CUSTOM",
        "authentication type CUSTOM is no longer supported",
        only("Custom", "Basic"),
        only("Basic"),
        uses=PROD,
        unused=OAUTH2,
        severity=WARNING,
    ),
    Case(
        "GRANT_TYPE_REMOVED:AUTHORIZATION_CODE",
        "OAuth 2.0 grant type AUTHORIZATION_CODE is no longer supported",
        {},
        {f"{DEFAULTS}__oauth2GrantTypesSupported": ["CLIENT_CREDENTIALS"]},
        OAUTH2,
        uses=PROD,
        unused=oauth2_profile(oAuth2GrantType="CLIENT_CREDENTIALS"),
    ),
    Case(
        "TOKEN_URL_REMOVED:https://crm.example/token",
        "token URL https://crm.example/token is no longer supported",
        {},
        {f"{DEFAULTS}__tokenUrls": ["https://{{SITE}}.crm.example/token"]},
        OAUTH2,
        uses=PROD,
        unused=oauth2_profile(tokenUrl="https://acme.crm.example/token"),
    ),
    Case(
        "TOKEN_URL_REMOVED:https://{{SITE}}.crm.example/token",
        "token URL https://{{SITE}}.crm.example/token is no longer supported",
        {},
        {f"{DEFAULTS}__tokenUrls": ["https://crm.example/token"]},
        oauth2_profile(tokenUrl="https://acme.crm.example/token"),
        uses=PROD,
        unused=OAUTH2,
    ),
    Case(
        "TOKEN_URL_PROPERTY_NOW_REQUIRED:tenant",
        "property tenant of the token URL is now required",
        {},
        {f"{DEFAULTS}__oauth2CustomProperties__tenant__isRequired": True},
        OAUTH2,
        uses=PROD,
        unused=oauth2_profile(tokenUrlCustomProperties={"tenant": "acme"}),
    ),
    Case(
        "TOKEN_URL_PROPERTY_NOW_REQUIRED:audience",
        "property audience of the token URL is now required",
        {},
        {
            f"{DEFAULTS}__oauth2CustomProperties__audience": {
                "key": "audience",
                "type": "TOKEN_URL",
                "isRequired": True,
            }
        },
        OAUTH2,
        uses=PROD,
        unused=oauth2_profile(tokenUrlCustomProperties={"audience": "acme"}),
    ),
    Case(
        "OAUTH_SCOPE_ADDED:write",
        "OAuth 2.0 scope write is new, and tokens issued before lack it",
        {},
        {f"{DEFAULTS}__oauthScopes": ["read", "write"]},
        OAUTH2,
        uses=PROD,
        severity=WARNING,
    ),
    Case(
        "CUSTOM_AUTHENTICATION_TYPE_REMOVED:Kerberos",
        "custom authentication type Kerberos is no longer supported",
        {},
        {f"{AUTHENTICATION}__customAuthConfigs__Kerberos": None},
        uses=PROD,
        unused=OAUTH2,
        severity=WARNING,
    ),
    Case(
        "AUTH_PARAMETER_NOW_REQUIRED:nonce@HMAC",
        "parameter nonce of custom authentication type HMAC is now required",
        {},
        {f"{HMAC}__nonce__isRequired": True},
        uses=PROD,
        unused=OAUTH2,
        severity=WARNING,
    ),
    Case(
        "AUTH_PARAMETER_NOW_REQUIRED:realm@HMAC",
        "parameter realm of custom authentication type HMAC is now required",
        {},
        {f"{HMAC}__realm": {"key": "realm", "isRequired": True}},
        uses=PROD,
        unused=OAUTH2,
        severity=WARNING,
    ),
    Case(
        "AUTH_PARAMETER_REMOVED:nonce@HMAC",
        "parameter nonce of custom authentication type HMAC no longer exists",
        {},
        {f"{HMAC}__nonce": None},
        uses=PROD,
        unused=OAUTH2,
        severity=WARNING,
    ),
    Case(
        "SETTING_NOW_REQUIRED:instanceUrl",
        "setting instanceUrl of connector profiles is now required",
        {},
        {f"{SETTINGS}__instanceUrl__isRequired": True},
        uses=PROD,
        unused=profile(profileProperties={"instanceUrl": "https://crm.example"}),
    ),
    Case(
        "SETTING_NOW_REQUIRED:site",
        "setting site of connector profiles is now required",
        {},
        {f"{SETTINGS}__site": {"key": "site", "scope": "CONNECTOR_PROFILE", "isRequired": True}},
        uses=PROD,
        unused=profile(profileProperties={"site": "acme"}),
    ),
    Case(
        "SETTING_NOW_REQUIRED:pageSize@SOURCE",
        "setting pageSize of sources is now required",
        {},
        {f"{SETTINGS}__pageSize__isRequired": True},
        flow=source_flow(),
        uses=OTHERS,
    ),
    Case(
        "SETTING_NOW_REQUIRED:batchSize@DESTINATION",
        "setting batchSize of destinations is now required",
        {},
        {f"{SETTINGS}__batchSize__isRequired": True},
        flow=destination_flow(),
        uses=OTHERS,
    ),
    Case(
        "SETTING_NOW_REQUIRED:locale@SOURCE",
        "setting locale of sources is now required",
        {},
        {f"{SETTINGS}__locale__isRequired": True},
        flow=source_flow(),
        uses=OTHERS,
    ),
    Case(
        "SETTING_NOW_REQUIRED:locale@DESTINATION",
        "setting locale of destinations is now required",
        {},
        {f"{SETTINGS}__locale__isRequired": True},
        flow=destination_flow(),
        uses=OTHERS,
    ),
    Case(
        "SETTING_REMOVED:instanceUrl",
        "setting instanceUrl of connector profiles no longer exists",
        {},
        {f"{SETTINGS}__instanceUrl": None},
        profile(profileProperties={"instanceUrl": "https://crm.example"}),
        uses=PROD,
        severity=WARNING,
    ),
    Case(
        "SETTING_REMOVED:pageSize@SOURCE",
        "setting pageSize of sources no longer exists",
        {},
        {f"{SETTINGS}__pageSize": None},
        flow=source_flow(customProperties={"pageSize": "10"}),
        uses=OTHERS,
        severity=WARNING,
    ),
    Case(
        "SETTING_REMOVED:locale@DESTINATION",
        "setting locale of destinations no longer exists",
        {},
        {f"{SETTINGS}__locale__scope": "SOURCE"},
        flow=destination_flow(customProperties={"locale": "de"}),
        uses=OTHERS,
        severity=WARNING,
    ),
    Case(
        "SETTING_TYPE_CHANGED:pageSize@SOURCE",
        "setting pageSize of sources is now of type Integer instead of String",
        {},
        {f"{SETTINGS}__pageSize__dataType": "Integer"},
        flow=source_flow(customProperties={"pageSize": "all"}),
        uses=OTHERS,
        harmless={f"{SETTINGS}__pageSize__dataType": None},
    ),
    Case(
        "SETTING_TYPE_CHANGED:batchSize@DESTINATION",
        "setting batchSize of destinations is now of type Integer instead of String",
        {},
        {f"{SETTINGS}__batchSize__dataType": "Integer"},
        flow=destination_flow(customProperties={"batchSize": "10"}),
        uses=OTHERS,
        severity=WARNING,
        harmless={f"{SETTINGS}__batchSize__label": "Rows"},
    ),
    Case(
        "SETTING_VALUE_REMOVED:region=us",
        "value us of setting region of connector profiles is no longer allowed",
        {},
        {f"{SETTINGS}__region__connectorSuppliedValueOptions": ["eu"]},
        profile(profileProperties={"region": "us"}),
        uses=PROD,
        unused=profile(profileProperties={"region": "eu"}),
        harmless={f"{SETTINGS}__region__connectorSuppliedValueOptions": None},
    ),
    Case(
        "SETTING_VALUE_REMOVED:locale@SOURCE=OTHER",
        "setting locale of sources allows only the values de, en now",
        {},
        {f"{SETTINGS}__locale__connectorSuppliedValueOptions": ["de", "en"]},
        flow=source_flow(customProperties={"locale": "fr"}),
        uses=OTHERS,
    ),
    Case(
        "API_VERSION_REMOVED:v1",
        "API version v1 is no longer supported",
        {},
        {"supportedApiVersions": ["v2", "v3"]},
        flow=source_flow(version="v1"),
        uses=OTHERS,
        also=("supportedApiVersions",),
    ),
    Case(
        "API_VERSION_REMOVED:v2",
        "API version v2 is no longer supported",
        {},
        {"supportedApiVersions": []},
        flow=destination_flow(version="v2"),
        uses=OTHERS,
    ),
    Case(
        "API_VERSION_REMOVED:OTHER",
        "every API version except v2, v3 is no longer supported",
        {"supportedApiVersions": None},
        {"supportedApiVersions": ["v2", "v3"]},
        flow=destination_flow(version="v1"),
        uses=OTHERS,
    ),
    Case(
        "MODE_REMOVED:SOURCE",
        "mode SOURCE is no longer supported",
        {},
        {"connectorModes": ["DESTINATION"]},
        flow=source_flow(),
        uses=OTHERS,
    ),
    Case(
        "MODE_REMOVED:DESTINATION",
        "mode DESTINATION is no longer supported",
        {"connectorModes": None},
        {"connectorModes": None, "canUseAsDestination": False},
        flow=destination_flow(),
        uses=OTHERS,
    ),
    Case(
        "WRITE_OPERATION_REMOVED:UPSERT",
        "write operation UPSERT is no longer supported",
        {},
        {"supportedWriteOperations": ["INSERT"]},
        flow=destination_flow(writeOperationType="UPSERT"),
        uses=OTHERS,
    ),
    Case(
        "WRITE_OPERATION_REMOVED:INSERT",
        "write operation INSERT is no longer supported",
        {},
        {"supportedWriteOperations": ["UPSERT"]},
        flow=destination_flow(),
        uses=OTHERS,
    ),
    Case(
        "OPERATOR_REMOVED:CONTAINS",
        "operator CONTAINS is no longer supported",
        {},
        {"supportedOperators": ["PROJECTION", "EQUAL_TO"]},
        flow=filtered("CONTAINS"),
        uses=OTHERS,
    ),
    Case(
        "TRIGGER_TYPE_REMOVED:OnDemand",
        "trigger type OnDemand is no longer supported",
        {},
        {"supportedTriggerTypes": ["Scheduled"]},
        flow=triggered("OnDemand"),
        uses=OTHERS,
    ),
    Case(
        "SCHEDULING_FREQUENCY_REMOVED:HOURLY",
        "scheduling frequency HOURLY is no longer supported",
        {},
        {"supportedSchedulingFrequencies": ["DAILY", "ONCE"]},
        flow=scheduled("rate(2 hours)"),
        uses=OTHERS,
    ),
    Case(
        "SCHEDULING_FREQUENCY_REMOVED:DAILY",
        "scheduling frequency DAILY is no longer supported",
        {},
        {"supportedSchedulingFrequencies": ["HOURLY", "ONCE"]},
        flow=scheduled("cron(0 6 * * ? *)"),
        uses=OTHERS,
        severity=WARNING,
    ),
    Case(
        "SCHEDULING_FREQUENCY_REMOVED:ONCE",
        "scheduling frequency ONCE is no longer supported",
        {},
        {"supportedSchedulingFrequencies": ["HOURLY", "DAILY"]},
        flow=scheduled(""),
        uses=OTHERS,
    ),
    Case(
        "DATA_TRANSFER_API_REMOVED:bulk@ASYNC",
        "data transfer API bulk@ASYNC is no longer supported",
        {},
        {"supportedDataTransferApis__bulk": None},
        flow=source_flow(dataTransferApi={"Name": "bulk", "Type": "ASYNC"}),
        uses=OTHERS,
    ),
    Case(
        "DATA_TRANSFER_API_REMOVED:rest@SYNC",
        "data transfer API rest@SYNC is no longer supported",
        {},
        {"supportedDataTransferApis__rest__Type": "AUTOMATIC"},
        flow=source_flow(dataTransferApi={"Name": "rest", "Type": "SYNC"}),
        uses=OTHERS,
    ),
    Case(
        "DATA_TRANSFER_TYPE_REMOVED:FILE",
        "data transfer type FILE is no longer supported",
        {},
        {"supportedDataTransferTypes": ["RECORD"]},
        flow=source_flow(),
        uses=OTHERS,
        severity=WARNING,
    ),
]


def of(found: list[Finding], name: str) -> Finding | None:
    """The finding with an id, or None."""
    return next((finding for finding in found if finding.id == name), None)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_change_in_use_is_found(case: Case) -> None:
    """A change leads to its finding, with the profiles and flows that use what is lost."""
    usage = Usage([case.profile], [case.flow] if case.flow else [])

    found = of(findings(configuration(**case.before), configuration(**case.after), usage), case.id)

    assert found == Finding(case.id, case.severity, case.text, *case.uses)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_unused_change_is_a_warning(case: Case) -> None:
    """A change that nothing uses is a warning without profiles and flows."""
    usage = Usage([case.unused], [flow()])

    found = of(findings(configuration(**case.before), configuration(**case.after), usage), case.id)

    assert found == Finding(case.id, WARNING, case.text)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_nothing_is_certain_without_usage(case: Case) -> None:
    """Without profiles and flows a change is a warning, and something is lost."""
    before, after = configuration(**case.before), configuration(**case.after)

    assert of(findings(before, after), case.id) == Finding(case.id, WARNING, case.text)
    assert losses(before, after)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_finding_explains_the_difference(case: Case) -> None:
    """A difference that a finding explains is not listed again, and what is new beside it is."""
    found = findings(configuration(**case.before), configuration(**case.after))

    others = [finding.id for finding in found if finding.severity is Severity.INFO]
    assert others == [f"CONFIGURATION_CHANGED:{path}" for path in case.also]


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_other_change_does_not_lead_to_it(case: Case) -> None:
    """The reverse of a change, or a harmless one, does not lead to the finding."""
    before, after = configuration(**case.before), configuration(**case.after)
    if case.harmless is not None:
        before, after = before, configuration(**case.harmless)
    else:
        before, after = after, before
    usage = Usage([case.profile], [case.flow] if case.flow else [])

    assert of(findings(before, after, usage), case.id) is None


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"connectorName": "CRM"}, ("connectorName", "is CRM and was Acme CRM")),
        ({"connectorOwner": "Umbrella"}, ("connectorOwner", "is Umbrella and was Acme")),
        ({"connectorVersion": "2.0"}, ("connectorVersion", "is 2.0 and was 1.0")),
        ({"logoURL": "https://a/b"}, ("logoURL", "is https://a/b")),
        ({"supportedApiVersions": ["v1", "v2", "v3"]}, ("supportedApiVersions:", "v3 is new")),
        (
            {f"{DEFAULTS}__authCodeUrls": ["https://a"]},
            (
                "authenticationConfig.oAuth2Defaults.authCodeUrls:",
                "https://a is new, https://crm.example/authorize is gone",
            ),
        ),
        (
            {f"{DEFAULTS}__authCodeUrls": None},
            (
                "authenticationConfig.oAuth2Defaults.authCodeUrls:",
                "https://crm.example/authorize is gone",
            ),
        ),
        (
            {f"{HMAC}__secret__isRequired": False},
            (
                "authenticationConfig.customAuthConfigs.HMAC.authParameters.secret.isRequired",
                "is no longer set",
            ),
        ),
        (
            {f"{HMAC}__secret__isSensitiveField": True},
            (
                "authenticationConfig.customAuthConfigs.HMAC.authParameters.secret.isSensitiveField",
                "is true",
            ),
        ),
        (
            {f"{SETTINGS}__site": {"key": "site", "scope": "SOURCE"}},
            ("connectorRuntimeSettings.site", "is new"),
        ),
    ],
)
def test_harmless_change_is_information(members: dict[str, Any], expected: tuple[str, str]) -> None:
    """A change that breaks nothing is a finding too, and nothing is lost."""
    path, what = expected

    assert findings(configuration(), configuration(**members)) == [
        Finding(f"CONFIGURATION_CHANGED:{path.rstrip(':')}", Severity.INFO, f"{path} {what}")
    ]
    assert not losses(configuration(), configuration(**members))


@pytest.mark.parametrize(
    ("version", "is_found"),
    [("1.0", True), ("0.9", True), ("1.0.1", False), ("2", False), ("1.0-b", False)],
)
def test_version_has_to_be_raised(version: str, is_found: bool) -> None:
    """A loss under the same or a lower version of the connector leads to a finding."""
    after = configuration(supportedApiVersions=["v2"], connectorVersion=version)

    found = of(findings(configuration(), after), f"VERSION_NOT_RAISED:{version}")

    text = f"connectorVersion is {version} and was 1.0, although users can lose something"
    expected = Finding(f"VERSION_NOT_RAISED:{version}", WARNING, text)
    assert found == (expected if is_found else None)


def test_version_may_stay_without_a_loss() -> None:
    """The version of the connector does not have to be raised for a harmless change."""
    after = configuration(supportedApiVersions=["v1", "v2", "v3"])

    assert of(findings(configuration(), after), "VERSION_NOT_RAISED:1.0") is None


@pytest.mark.parametrize("status", ["Active", "Suspended", "Errored", "Draft"])
def test_flow_that_can_run_counts(status: str) -> None:
    """A flow that runs, or can run later, makes a loss certain."""
    users = Usage([profile()], [{**source_flow(version="v1"), "flowStatus": status}])
    after = configuration(supportedApiVersions=["v2"])

    assert findings(configuration(), after, users)[0].flows == ("nightly",)


@pytest.mark.parametrize("status", ["Deleted", "Deprecated"])
def test_flow_that_has_ended_does_not_count(status: str) -> None:
    """A deleted or deprecated flow uses nothing."""
    users = Usage([profile()], [{**source_flow(version="v1"), "flowStatus": status}])
    after = configuration(supportedApiVersions=["v2"])

    assert findings(configuration(), after, users)[0].severity is WARNING


def test_end_of_another_connector_does_not_count() -> None:
    """The end of a flow that has a profile of another connector uses nothing."""
    users = Usage([profile("other")], [source_flow(version="v1")])
    after = configuration(supportedApiVersions=["v2"])

    assert findings(configuration(), after, users)[0].flows == ()


def test_users_are_named_once() -> None:
    """A flow with the connector at both ends is named once, and only if it uses what is lost."""
    both = {
        **destination_flow(version="v1"),
        "sourceFlowConfig": source_flow(version="v1")["sourceFlowConfig"],
    }
    flows = [both, source_flow("hourly", version="v1"), source_flow("daily")]
    after = configuration(supportedApiVersions=["v2"])

    found = findings(configuration(), after, Usage([profile()], flows))

    assert found[0].flows == ("nightly", "hourly")


@pytest.mark.parametrize(
    ("member", "lost", "what"),
    [
        ("supportedOperators", "OPERATOR_REMOVED:CONTAINS", filtered("CONTAINS")),
        ("supportedTriggerTypes", "TRIGGER_TYPE_REMOVED:OnDemand", triggered("OnDemand")),
        (
            "supportedWriteOperations",
            "WRITE_OPERATION_REMOVED:UPSERT",
            destination_flow(writeOperationType="UPSERT"),
        ),
    ],
)
@pytest.mark.parametrize("empty", [None, []], ids=["absent", "empty"])
def test_list_that_becomes_empty_is_uncertain(
    member: str, lost: str, what: dict[str, Any], empty: Any
) -> None:
    """A list that becomes absent or empty is a warning, with the flows that use its values."""
    after = configuration(**{member: empty})

    found = of(findings(configuration(), after, Usage([profile()], [what])), lost)

    assert found is not None
    assert (found.severity, found.flows) == (WARNING, ("nightly",))


@pytest.mark.parametrize(
    ("member", "before", "after"),
    [
        ("supportedWriteOperations", ["SOURCE"], ["SOURCE", "DESTINATION"]),
        ("supportedOperators", ["DESTINATION"], ["SOURCE", "DESTINATION"]),
        ("supportedTriggerTypes", ["DESTINATION"], ["SOURCE", "DESTINATION"]),
    ],
)
def test_new_mode_loses_nothing(member: str, before: list[str], after: list[str]) -> None:
    """A list that comes with a new mode limits nothing that was possible before."""
    former = configuration(connectorModes=before, **{member: None})

    assert not losses(former, configuration(connectorModes=after))


def test_required_setting_of_new_mode_is_harmless() -> None:
    """A required setting of a new mode is missing in no flow."""
    former = configuration(connectorModes=["SOURCE"], **{f"{SETTINGS}__batchSize": None})

    later = configuration(**{f"{SETTINGS}__batchSize__isRequired": True})

    assert not losses(former, later)


def test_new_oauth2_loses_nothing() -> None:
    """The scopes, URLs and properties that come with OAuth 2.0 limit no profile."""
    former = configuration(**only("Basic", "ApiKey", "Custom"), **{DEFAULTS: None})
    later = configuration(**{f"{DEFAULTS}__oauth2CustomProperties__tenant__isRequired": True})

    assert not losses(former, later)


def test_wider_template_keeps_token_urls() -> None:
    """A profile whose token URL another template allows has lost nothing for certain."""
    after = configuration(**{f"{DEFAULTS}__tokenUrls": ["https://{{HOST}}/token"]})

    found = findings(configuration(), after, Usage([oauth2_profile()]))

    lost = of(found, "TOKEN_URL_REMOVED:https://crm.example/token")
    assert lost is not None
    assert (lost.severity, lost.profiles) == (WARNING, ())


@pytest.mark.parametrize(
    ("api", "is_used"),
    [({"Name": "bulk"}, True), ({"Name": "bulk", "Type": "SYNC"}, False), ({"Name": "b"}, False)],
)
def test_type_of_api_may_be_absent(api: dict[str, Any], is_used: bool) -> None:
    """A flow that names a data transfer API without its type uses it with any type."""
    users = Usage([profile()], [source_flow(dataTransferApi=api)])
    after = configuration(supportedDataTransferApis__bulk=None)

    found = of(findings(configuration(), after, users), "DATA_TRANSFER_API_REMOVED:bulk@ASYNC")

    assert found is not None
    assert found.severity is (Severity.ERROR if is_used else WARNING)


def test_api_without_type_allows_all_types() -> None:
    """A data transfer API that a connector states without a type is used with any type."""
    api = {"Name": "soap@2", "Type": "SYNC"}
    before = configuration(supportedDataTransferApis=[{"Name": "soap@2"}, {"Name": "bulk"}])
    after = configuration(supportedDataTransferApis=[{"Name": "bulk"}])

    found = findings(before, after, Usage([profile()], [source_flow(dataTransferApi=api)]))

    assert found[0].id == "DATA_TRANSFER_API_REMOVED:soap%25402"
    assert found[0].severity is Severity.ERROR


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("Integer", "-7", True),
        ("Integer", "7.5", False),
        ("Long", "12345678901", True),
        ("Long", "many", False),
        ("Boolean", "TRUE", True),
        ("Boolean", "1", False),
        ("Date", "yesterday\nor so", True),
    ],
)
def test_value_of_another_type_is_an_error(kind: str, value: str, fits: bool) -> None:
    """A new data type is an error if a value is certainly not of the type."""
    after = configuration(**{f"{SETTINGS}__instanceUrl__dataType": kind})
    users = Usage([profile(profileProperties={"instanceUrl": value})])

    found = of(findings(configuration(), after, users), "SETTING_TYPE_CHANGED:instanceUrl")

    assert found is not None
    assert (found.severity, found.profiles) == (WARNING if fits else Severity.ERROR, ("prod",))


@pytest.mark.parametrize(("scope", "place"), [(None, "NO_SCOPE"), ("LAKE", "LAKE")])
def test_setting_of_unknown_scope_is_found(scope: str | None, place: str) -> None:
    """A setting without a scope, or with an unknown one, is lost without being used."""
    before = configuration(connectorRuntimeSettings=[{"key": "depth", "scope": scope}])
    users = Usage([profile(profileProperties={"depth": "1"})], [source_flow()])

    found = findings(before, configuration(connectorRuntimeSettings=[]), users)

    expected = Finding(f"SETTING_REMOVED:depth@{place}", WARNING, "setting depth no longer exists")
    assert found[0] == expected


@pytest.mark.parametrize("name", sorted(configuration().keys() - {"canUseAsSource"}))
@pytest.mark.parametrize("value", [1, True, "text", ["text", 1, None, {}], [[1]], {"key": [1]}])
def test_wrong_types_are_compared(name: str, value: Any) -> None:
    """A configuration with members of wrong types can be compared in both directions."""
    wrong = {**configuration(), name: value}

    assert findings(wrong, wrong) == []
    for before, after in ((configuration(), wrong), (wrong, configuration())):
        found = findings(before, after, Usage([oauth2_profile()], [source_flow()]))
        assert bool(found) == bool(differences(before, after))


def test_moved_setting_is_lost_where_it_was() -> None:
    """A setting with another scope is removed in the one place and required in the other."""
    after = configuration(
        **{f"{SETTINGS}__pageSize__scope": "DESTINATION", f"{SETTINGS}__pageSize__isRequired": True}
    )

    ids = [finding.id for finding in findings(configuration(), after)]

    assert ids == [
        "SETTING_REMOVED:pageSize@SOURCE",
        "SETTING_NOW_REQUIRED:pageSize@DESTINATION",
        "VERSION_NOT_RAISED:1.0",
    ]


def test_settings_of_one_key_differ_by_scope() -> None:
    """Two settings of one key in two scopes lead to two findings."""
    both = [{"key": "limit", "scope": scope} for scope in ("CONNECTOR_PROFILE", "SOURCE")]
    before = configuration(connectorRuntimeSettings=both)
    after = configuration(
        connectorRuntimeSettings=[{**setting, "isRequired": True} for setting in both]
    )

    ids = [finding.id for finding in findings(before, after)]

    assert ids == [
        "SETTING_NOW_REQUIRED:limit",
        "SETTING_NOW_REQUIRED:limit@SOURCE",
        "VERSION_NOT_RAISED:1.0",
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("next release", "API_VERSION_REMOVED:next%20release"),
        ("100%", "API_VERSION_REMOVED:100%25"),
        ("1,5", "API_VERSION_REMOVED:1%2C5"),
        ("第 2", "API_VERSION_REMOVED:第%202"),
        ("a\u2003b", "API_VERSION_REMOVED:a%E2%80%83b"),
        ("a\u200bb", "API_VERSION_REMOVED:a%E2%80%8Bb"),
        ("a\0b\x7f", "API_VERSION_REMOVED:a%00b%7F"),
        ("\ufeffv1", "API_VERSION_REMOVED:%EF%BB%BFv1"),
        ("\ud800", "API_VERSION_REMOVED:%ED%A0%80"),
    ],
)
def test_id_has_no_blanks(version: str, expected: str) -> None:
    """Blanks, commas, percent signs and what cannot be seen are encoded in the id."""
    before = configuration(supportedApiVersions=[version, "v2"])

    assert findings(before, configuration(supportedApiVersions=["v2"]))[0].id == expected


def test_marks_of_an_id_are_encoded() -> None:
    """A key with the marks that separate the parts of an id is encoded."""
    setting = {"key": "a@SOURCE=b", "scope": "CONNECTOR_PROFILE"}
    before = configuration(connectorRuntimeSettings=[setting])

    found = findings(before, configuration(connectorRuntimeSettings=[]))

    assert found[0].id == "SETTING_REMOVED:a%40SOURCE%3Db"
