"""What is true of the findings about any two configurations, whatever uses the connector."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from appflow_connector_configuration.differences import differences, is_same
from appflow_connector_configuration.findings import Severity, Usage, findings, losses
from appflow_connector_configuration.response import DECIDED_BY_CONNECTOR
from tests.shared.support import destination_flow, oauth2_profile, profile, source_flow

# None stands for a member that is left out.
KEYS = st.sampled_from(["a", "b", "b b", "@"])
FLAGS = st.sampled_from([None, True, False])
URLS = ["https://a/token", "https://{{X}}/token", "https://b/token"]


def some(*values: str) -> st.SearchStrategy[list[str] | None]:
    """Some of the values, or no list."""
    return st.none() | st.lists(st.sampled_from(values), max_size=3)


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any] | None]:
    """Some structures, or no list."""
    return st.none() | st.lists(strategy, max_size=4)


def structure(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A structure with some of the members."""
    return st.fixed_dictionaries({}, optional=members)


PARAMETERS = several(structure(key=KEYS, isRequired=FLAGS, label=st.sampled_from(["A", "B"])))

CONFIGURATIONS = structure(
    connectorOwner=st.sampled_from(["Acme", "Umbrella"]),
    connectorName=st.sampled_from(["CRM", "ERP"]),
    connectorVersion=st.sampled_from(["1.0", "1.1", "beta"]),
    connectorModes=some("SOURCE", "DESTINATION"),
    canUseAsSource=FLAGS,
    authenticationConfig=structure(
        isBasicAuthSupported=FLAGS,
        isApiKeyAuthSupported=FLAGS,
        isOAuth2Supported=FLAGS,
        isCustomAuthSupported=FLAGS,
        oAuth2Defaults=structure(
            oauthScopes=some("read", "write"),
            tokenUrls=some(*URLS),
            authCodeUrls=some(*URLS),
            oauth2GrantTypesSupported=some("CLIENT_CREDENTIALS", "AUTHORIZATION_CODE"),
            oauth2CustomProperties=several(
                structure(
                    key=KEYS, isRequired=FLAGS, type=st.sampled_from(["TOKEN_URL", "AUTH_URL"])
                )
            ),
        ),
        customAuthConfigs=several(
            structure(customAuthenticationType=KEYS, authParameters=PARAMETERS)
        ),
    ),
    connectorRuntimeSettings=several(
        structure(
            key=KEYS,
            scope=st.sampled_from(
                ["CONNECTOR_PROFILE", "SOURCE", "DESTINATION", "SOURCE_AND_DESTINATION", "LAKE"]
            ),
            isRequired=FLAGS,
            dataType=st.sampled_from(["String", "Integer"]),
            connectorSuppliedValueOptions=some("1", "2", "x"),
        )
    ),
    supportedApiVersions=some("v1", "v2", "v 3"),
    supportedOperators=some("PROJECTION", "EQUAL_TO"),
    supportedWriteOperations=some("INSERT", "UPSERT"),
    supportedSchedulingFrequencies=some("HOURLY", "DAILY"),
    supportedTriggerTypes=some("Scheduled", "OnDemand"),
    supportedDataTransferTypes=some("RECORD", "FILE"),
    supportedDataTransferApis=several(
        structure(Name=KEYS, Type=st.sampled_from(["SYNC", "ASYNC"]))
    ),
    logoURL=st.sampled_from(["", "https://a/logo"]),
)

VALUES = st.dictionaries(KEYS, st.sampled_from(["", "1", "x"]), max_size=2)
USAGES = st.builds(
    Usage,
    st.lists(
        st.builds(profile, st.sampled_from(["prod", "test"]), profileProperties=VALUES)
        | st.builds(
            oauth2_profile,
            st.sampled_from(["prod", "test"]),
            tokenUrl=st.sampled_from(URLS),
            tokenUrlCustomProperties=VALUES,
        ),
        max_size=3,
    ),
    st.lists(
        st.builds(
            source_flow,
            st.sampled_from(["nightly", "hourly"]),
            st.sampled_from(["v1", "v2"]),
            customProperties=VALUES,
        )
        | st.builds(
            destination_flow,
            st.sampled_from(["nightly", "weekly"]),
            st.sampled_from(["v1", "v2"]),
            customProperties=VALUES,
            writeOperationType=st.sampled_from([None, "UPSERT"]),
        ),
        max_size=3,
    ),
)

many = settings(max_examples=100)


def shuffled(value: Any, seed: random.Random) -> Any:
    """A value with all lists in another order."""
    if isinstance(value, dict):
        return {name: shuffled(member, seed) for name, member in value.items()}
    if isinstance(value, list):
        members = [shuffled(member, seed) for member in value]
        seed.shuffle(members)
        return members
    return value


def unique(configuration: dict[str, Any]) -> dict[str, Any]:
    """A configuration without two structures of one name in a list, as connectors have it."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: of(member) for name, member in value.items()}
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            return value
        identities = ("key", "customAuthenticationType", "Name", "scope", "type", "Type")
        found = {tuple(one.get(name) for name in identities): of(one) for one in value}
        return list(found.values())

    return {name: of(member) for name, member in configuration.items()}


@many
@given(CONFIGURATIONS, USAGES)
def test_same_configuration_has_no_findings(configuration: dict[str, Any], usage: Usage) -> None:
    """A configuration leads to no findings about itself."""
    assert findings(configuration, configuration, usage) == []
    assert not losses(configuration, configuration)


@many
@given(CONFIGURATIONS, CONFIGURATIONS, USAGES)
def test_findings_are_well_formed(
    before: dict[str, Any], after: dict[str, Any], usage: Usage
) -> None:
    """Ids are unique and have no blanks; errors name users; the most severe findings are first."""
    found = findings(before, after, usage)

    ids = [finding.id for finding in found]
    severities = [finding.severity for finding in found]
    order: Sequence[Severity] = list(Severity)
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if not re.fullmatch(r"[A-Z0-9_]+:\S+", one)] == []
    assert severities == sorted(severities, key=order.index)
    for finding in found:
        assert finding.severity is not Severity.ERROR or finding.profiles or finding.flows
        assert finding.severity is not Severity.INFO or not (finding.profiles or finding.flows)


@many
@given(CONFIGURATIONS, CONFIGURATIONS, st.sampled_from(DECIDED_BY_CONNECTOR))
def test_every_difference_appears(before: dict[str, Any], after: dict[str, Any], name: str) -> None:
    """A change of one member leads to findings if and only if the member differs."""
    changed = {**before, name: after.get(name)}

    assert bool(findings(before, changed)) == bool(differences(before, changed))


@many
@given(CONFIGURATIONS, CONFIGURATIONS, USAGES)
def test_usage_changes_only_certainty(
    before: dict[str, Any], after: dict[str, Any], usage: Usage
) -> None:
    """What uses the connector changes no id, and something is lost if not all is information."""
    found, without = findings(before, after, usage), findings(before, after)

    assert {finding.id for finding in found} == {finding.id for finding in without}
    assert Severity.ERROR not in {finding.severity for finding in without}
    assert bool(losses(before, after)) == any(one.severity is not Severity.INFO for one in found)


@many
@given(CONFIGURATIONS, CONFIGURATIONS, USAGES, st.randoms(use_true_random=False))
def test_order_does_not_matter(
    before: dict[str, Any], after: dict[str, Any], usage: Usage, seed: random.Random
) -> None:
    """The order of lists changes no finding but the order of names and values in it."""
    before, after = unique(before), unique(after)
    one, other = (
        {(finding.id, finding.severity, frozenset(finding.flows)) for finding in found}
        for found in (
            findings(before, after, usage),
            findings(shuffled(before, seed), shuffled(after, seed), usage),
        )
    )

    assert one == other
    assert is_same(before, shuffled(before, seed))
