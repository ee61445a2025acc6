"""What AppFlow refuses in a connector's response, and what Amazon's SDKs advise against."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .differences import is_absent
from .model import NULL, Violation, configuration_shape, violations, violations_with_text
from .response import LISTED, configuration_in

# Source: ConnectorModes of the SDKs. The service model allows any string.
_MODES = ("SOURCE", "DESTINATION")

_JAVA_SDK = "ConnectorConfigurationResponseValidator of the SDK in Java"
_BOTH_SDKS = f"connector_configuration_validator of the SDK in Python, {_JAVA_SDK}"
_MODEL = "AppFlow service model 2020-08-23 in botocore"


class Fault(NamedTuple):
    """A member of a response that AppFlow refuses.

    Attributes:
        path: the member in AppFlow's terms, for example ``connectorModes.1.member``; empty for the
            response itself.
        value: its value; None if it is missing.
        rule: what the value must be.
        message: the whole fault in words.
    """

    path: str
    value: Any
    rule: str
    message: str


class Advice(NamedTuple):
    """A member of a response that AppFlow accepts, as far as is known, and that is better changed.

    Attributes:
        path: the member in AppFlow's terms.
        value: its value; None if it is missing.
        rule: what the value should be.
        source: where the rule is from.
    """

    path: str
    value: Any
    rule: str
    source: str


def faults_in(response: Any) -> list[Fault]:
    """The faults for which AppFlow refuses the response to DescribeConnectorConfigurationRequest.

    AWS does not document them. They are the types, lengths and members that lists of connectors
    show, of the service model in botocore, and the modes and the ``isSuccess`` of Amazon's SDKs.
    Patterns and enums of the model do not count, because published connectors have labels and URLs
    that the patterns do not allow, and a connector may be newer than the model.
    """
    if not isinstance(response, Mapping):
        message = "the response is not a JSON object"
        return [Fault("", response, "Member must be of type structure", message)]
    if "isSuccess" not in response:
        return [Fault("isSuccess", None, NULL, "isSuccess is missing")]
    if (failure := failure_message(response)) is not None:
        return [Fault("isSuccess", response["isSuccess"], "Member must be true", failure)]
    configuration = configuration_in(response, configuration_shape())
    return list(_faults(configuration)) or list(_mode_faults(configuration["connectorModes"]))


def failure_message(response: Mapping[str, Any]) -> str | None:
    """The message of the failure that a response of a connector reports, or None."""
    if response["isSuccess"] is True:
        return None
    details = response.get("errorDetails")
    message = details.get("errorMessage") if isinstance(details, Mapping) else None
    if message is None:
        return f"no errorMessage in the errorDetails, {json.dumps(details)}"
    return str(message)


def advice_on(response: Any) -> list[Advice]:
    """What Amazon's SDKs and the service model advise against; nothing if the response has faults.

    Sources: ``validate_connector_configuration_response`` of ``custom_connector_tests`` in the SDK
    in Python, ``ConnectorConfigurationResponseValidator`` of the SDK in Java, and the patterns and
    enums of the service model.
    """
    if faults_in(response):
        return []
    configuration = configuration_in(response, configuration_shape())
    return [
        *_advice_on_names(configuration),
        *_advice_on_authentication(configuration.get("authenticationConfig") or {}),
        *_advice_on_lists(configuration),
        *_advice_on_urls(configuration),
        *_advice_of_model(configuration),
    ]


def _faults(configuration: Mapping[str, Any]) -> Iterator[Fault]:
    for name in LISTED:
        if name not in configuration:
            yield Fault(name, None, NULL, f"{name} is missing")
    for name in LISTED:
        value = configuration.get(name)
        if value in ("", []):
            yield Fault(name, value, "Member must not be empty", f"{name} is empty")
    yield from map(_violated, violations(configuration, configuration_shape()))


def _mode_faults(modes: list[str]) -> Iterator[Fault]:
    if not any(mode in _MODES for mode in modes):
        known = ", ".join(_MODES)
        rule = f"Member must contain one of {known}"
        yield Fault(
            "connectorModes", modes, rule, f"connectorModes is {modes}, without any of {known}"
        )


def _violated(violation: Violation) -> Fault:
    return Fault(violation.path, violation.value, violation.constraint, str(violation))


def _advice_on_names(configuration: Mapping[str, Any]) -> Iterator[Advice]:
    for name in ("connectorOwner", "connectorName"):
        value = configuration.get(name)
        if re.match("(?i)aws|amazon|appflow", str(value)):
            rule = "Should not begin with aws, amazon or appflow, which are reserved"
            yield Advice(name, value, rule, _BOTH_SDKS)


# By the member that says that a type is supported, the member with its details.
_DETAILS = {
    "isOAuth2Supported": "oAuth2Defaults",
    "isCustomAuthSupported": "customAuthConfigs",
}


def _advice_on_authentication(authentication: Mapping[str, Any]) -> Iterator[Advice]:
    for flag, member in _DETAILS.items():
        details = authentication.get(member)
        path = f"authenticationConfig.{member}"
        if authentication.get(flag) and is_absent(details):
            yield Advice(path, details, f"Should be set, since {flag} is true", _BOTH_SDKS)
        elif not authentication.get(flag) and not is_absent(details):
            rule = f"Should be set only with {flag}, which is not true"
            yield Advice(path, details, rule, _BOTH_SDKS)


def _advice_on_lists(configuration: Mapping[str, Any]) -> Iterator[Advice]:
    always = ("supportedApiVersions", "supportedOperators", "supportedTriggerTypes")
    reasons: dict[str, str] = dict.fromkeys(always, "")
    if "DESTINATION" in configuration["connectorModes"]:
        reasons["supportedWriteOperations"] = ", since the connector can be a destination"
    for name, reason in reasons.items():
        value = configuration.get(name)
        if is_absent(value):
            yield Advice(name, value, f"Should have a value{reason}", _JAVA_SDK)


def _advice_on_urls(configuration: Mapping[str, Any]) -> Iterator[Advice]:
    authentication = configuration.get("authenticationConfig") or {}
    if authentication.get("isOAuth2Supported"):
        defaults = authentication.get("oAuth2Defaults") or {}
        for name in ("tokenUrls", "authCodeUrls"):
            for index, url in enumerate(defaults.get(name) or []):
                path = f"authenticationConfig.oAuth2Defaults.{name}.{index + 1}.member"
                yield from _advice_on_url(path, url, _BOTH_SDKS)
    yield from _advice_on_url("logoURL", configuration.get("logoURL"), _JAVA_SDK)


def _advice_on_url(path: str, url: Any, source: str) -> Iterator[Advice]:
    if url and not str(url).startswith("https://"):
        yield Advice(path, url, "Should begin with https://", source)


def _advice_of_model(configuration: Mapping[str, Any]) -> Iterator[Advice]:
    refused = set(map(str, violations(configuration, configuration_shape())))
    for violation in violations_with_text(configuration, configuration_shape()):
        if str(violation) not in refused:
            yield Advice(violation.path, violation.value, _in_words(violation), _MODEL)


def _in_words(violation: Violation) -> str:
    kind, _, allowed = violation.constraint.partition(": ")
    return f"Should {'match' if 'pattern' in kind else 'be one of'} {allowed}"
