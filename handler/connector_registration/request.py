"""The CloudFormation event, parsed and checked.

CloudFormation turns every property value into a string, at every depth. It also sends the
properties of templates that were deployed long ago (on Delete, and as the old properties of an
Update). So the handler ignores unknown properties, and understands each released property for ever.
Source: "Custom resource request objects" in the AWS CloudFormation User Guide.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .response import ReportableError

# The limits of the AppFlow API (service model 2020-08-23). A value that was a token at synthesis is
# checked here for the first time, and AppFlow's own message would name no property.
_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]+", re.ASCII)
_LABEL_RULE = "2 to 256 characters: a letter or digit first, then letters, digits and _!@#.-"
_LAMBDA_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[\w:$-]+", re.ASCII)
_LAMBDA_ARN_RULE = "arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]"
_DESCRIPTION = re.compile(r"[\s\w/!@#+=.-]*", re.ASCII)
_DESCRIPTION_RULE = "at most 1024 letters, digits, spaces and /!@#+=.-_ (no comma, colon or quote)"

_MAX_SHOWN_LENGTH = 60


class InvalidPropertyError(ReportableError):
    """A property that AppFlow cannot accept."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        shown = "missing" if value is None else repr(value)
        if len(shown) > _MAX_SHOWN_LENGTH:
            shown = shown[:_MAX_SHOWN_LENGTH] + "..."
        super().__init__(
            f"property {name} is {shown}; allowed: {rule}. Correct it and deploy again."
        )


class Adoption(enum.Enum):
    """Whether a label may be registered already when a resource is created or gets the label."""

    ALLOWED = "Allowed"
    REQUIRED = "Required"
    FORBIDDEN = "Forbidden"


class Registration(NamedTuple):
    """What a template asks for: the registration of one connector.

    ``function_hash`` and the user's ``triggers`` are opaque: only their changes count.
    """

    connector_label: str
    lambda_arn: str
    description: str | None
    function_hash: object
    unregister_on_delete: bool
    triggers: object = None
    adoption: Adoption = Adoption.ALLOWED
    force_delete: bool = False
    alias_is_weighted: bool = False
    fails_on_breaking_change: bool = False
    acknowledged_changes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> Registration:
        """Read resource properties.

        Raises:
            InvalidPropertyError: AppFlow cannot accept a property.
        """
        return cls(
            connector_label=_text(properties, "ConnectorLabel", _LABEL, 256, _LABEL_RULE),
            lambda_arn=_text(properties, "LambdaArn", _LAMBDA_ARN, 512, _LAMBDA_ARN_RULE),
            description=_description(properties),
            function_hash=properties.get("FunctionHash"),
            unregister_on_delete=_flag(properties, "RemovalPolicy", "Retain", "Destroy"),
            triggers=properties.get("Triggers"),
            adoption=_adoption(properties),
            force_delete=_boolean(properties, "ForceDelete"),
            alias_is_weighted=_flag(properties, "AliasRouting", "Single", "Weighted"),
            fails_on_breaking_change=_flag(properties, "OnBreakingChange", "Ignore", "Fail"),
            acknowledged_changes=_ids(properties, "AcknowledgedChanges"),
        )

    def same_in_appflow(self, other: Registration) -> bool:
        """Whether replacing ``other`` by this would change nothing in AppFlow."""
        return (
            self.connector_label == other.connector_label
            and self.lambda_arn == other.lambda_arn
            and self.description == other.description
            and self.function_hash == other.function_hash
            and self.triggers == other.triggers
        )


class Request(NamedTuple):
    """One event of CloudFormation.

    ``physical_resource_id`` is None on Create only. ``previous`` is None unless this is an Update
    with valid old properties. ``issued_at`` is the time of the event in seconds since 1970, or None
    if the URL does not contain it. ``is_repeated`` is True for an Update without any change, which
    CloudFormation sends when a user retries a failed deployment.
    """

    request_id: str
    stack_id: str
    resource_type: str
    logical_resource_id: str
    physical_resource_id: str | None
    desired: Registration
    previous: Registration | None
    issued_at: float | None = None
    is_repeated: bool = False

    def age(self, now: float) -> float:
        """The age of the event in seconds, at a time in seconds since 1970; 0 if it has no date."""
        return 0.0 if self.issued_at is None else max(0.0, now - self.issued_at)

    @property
    def retain_reason(self) -> str | None:
        """Why a Delete of this resource keeps the registration, or None if it does not."""
        if self.physical_resource_id != self.desired.connector_label:
            return f"the resource {self.physical_resource_id} registered nothing"
        if not self.desired.unregister_on_delete:
            return "the removal policy is RETAIN"
        return None

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Request:
        """Read an event.

        Raises:
            InvalidPropertyError: AppFlow cannot accept a resource property. Old properties never
                raise; the handler refreshes the registration if they are invalid.
        """
        return cls(
            request_id=event["RequestId"],
            stack_id=event["StackId"],
            resource_type=event.get("ResourceType", ""),
            logical_resource_id=event["LogicalResourceId"],
            physical_resource_id=event.get("PhysicalResourceId"),
            desired=Registration.parse(event["ResourceProperties"]),
            previous=_previous(event),
            issued_at=_issued_at(event["ResponseURL"]),
            is_repeated=event["ResourceProperties"] == event.get("OldResourceProperties"),
        )


def _previous(event: Mapping[str, Any]) -> Registration | None:
    try:
        return Registration.parse(event["OldResourceProperties"])
    except (KeyError, InvalidPropertyError):
        return None


# The URL is signed when the event is sent. Source: "Authenticating Requests: Using Query
# Parameters" in the Amazon S3 API Reference.
_SIGNED_AT = re.compile(r"[?&]X-Amz-Date=([0-9]{8}T[0-9]{6}Z)(?:&|$)")


def _issued_at(response_url: str) -> float | None:
    signed = _SIGNED_AT.search(response_url)
    if signed is None:
        return None
    try:
        at = datetime.strptime(signed[1], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return None
    return at.replace(tzinfo=timezone.utc).timestamp()


def _text(
    properties: Mapping[str, Any], name: str, pattern: re.Pattern[str], max_length: int, rule: str
) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or len(value) > max_length or not pattern.fullmatch(value):
        raise InvalidPropertyError(name, value, rule)
    return value


def _description(properties: Mapping[str, Any]) -> str | None:
    if "Description" not in properties:
        return None
    return _text(properties, "Description", _DESCRIPTION, 1024, _DESCRIPTION_RULE)


def _adoption(properties: Mapping[str, Any]) -> Adoption:
    value = properties.get("Adoption", "Allowed")
    try:
        return Adoption(value)
    except ValueError:
        raise InvalidPropertyError("Adoption", value, "Allowed, Required or Forbidden") from None


def _ids(properties: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = properties.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidPropertyError(name, value, "a list of ids such as API_VERSION_REMOVED:v51.0")
    return tuple(value)


def _boolean(properties: Mapping[str, Any], name: str) -> bool:
    """Whether a property is true, in any of YAML's spellings; by default it is not."""
    value = properties.get(name, "false")
    # A parameter or a quoted scalar arrives as it is written.
    spelling = value.lower() if isinstance(value, str) else value
    if spelling not in ("false", "true"):
        raise InvalidPropertyError(name, value, "false or true")
    return bool(spelling == "true")


def _flag(properties: Mapping[str, Any], name: str, default: str, other: str) -> bool:
    """Whether a property has the other of its two values, and not the default."""
    value = properties.get(name, default)
    if value not in (default, other):
        raise InvalidPropertyError(name, value, f"{default} or {other}")
    return bool(value == other)
