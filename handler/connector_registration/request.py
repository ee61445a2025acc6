"""The CloudFormation event, parsed into what the decisions need.

CloudFormation turns every property value into a string, at every depth, and goes on sending the
properties of templates deployed long ago (on Delete, and as the old properties of an Update), so
unknown keys are ignored here and a property, once shipped, is understood for ever.
Source: "Custom resource request objects" in the AWS CloudFormation User Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .response import ForeseenError

# The limits of the AppFlow API (service model 2020-08-23), checked here because a value that was a
# token at synthesis reaches nobody else's check before AppFlow's, whose message names no property.
_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]+", re.ASCII)
_LABEL_RULE = "2 to 256 characters: a letter or digit first, then letters, digits and _!@#.-"
_LAMBDA_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[\w:$-]+", re.ASCII)
_LAMBDA_ARN_RULE = "arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]"
_DESCRIPTION = re.compile(r"[\s\w/!@#+=.-]*", re.ASCII)
_DESCRIPTION_RULE = "at most 1024 letters, digits, spaces and /!@#+=.-_ (no comma, colon or quote)"

_SHOWN_CHARACTERS = 60


class InvalidPropertyError(ForeseenError):
    """A property that AppFlow cannot accept."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        shown = repr(value)
        if len(shown) > _SHOWN_CHARACTERS:
            shown = shown[:_SHOWN_CHARACTERS] + "..."
        super().__init__(
            f"property {name} is {shown}; allowed: {rule}. Correct it and deploy again."
        )


# A named tuple: to import dataclasses takes a tenth of an event that calls nobody.
class Registration(NamedTuple):
    """What a template asks AppFlow to hold for one connector.

    ``lambda_revision`` stands for the code and configuration behind ``lambda_arn``. It is opaque:
    all that counts is whether it differs from the one before. So are the user's own ``triggers``.
    """

    connector_label: str
    lambda_arn: str
    description: str | None
    lambda_revision: object
    unregister_on_delete: bool
    triggers: object = None
    register_missing: bool = True
    adopt_existing: bool = True
    force_unregister: bool = False

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> Registration:
        """Read resource properties.

        Raises:
            InvalidPropertyError: naming the property, its value and what is allowed.
        """
        return cls(
            connector_label=_text(properties, "ConnectorLabel", _LABEL, 256, _LABEL_RULE),
            lambda_arn=_text(properties, "LambdaArn", _LAMBDA_ARN, 512, _LAMBDA_ARN_RULE),
            description=_description(properties),
            lambda_revision=properties.get("LambdaRevision"),
            unregister_on_delete=_choice(properties, "RemovalPolicy", "Retain", "Destroy"),
            triggers=properties.get("Triggers"),
            register_missing=not _choice(properties, "OnMissing", "Register", "Fail"),
            adopt_existing=not _choice(properties, "OnExisting", "Adopt", "Fail"),
            force_unregister=_choice(properties, "ForceUnregister", "false", "true"),
        )

    def asks_the_same_of_appflow(self, other: Registration) -> bool:
        """Whether AppFlow, holding ``other``, would hold nothing new after being told this."""
        return (
            self.connector_label == other.connector_label
            and self.lambda_arn == other.lambda_arn
            and self.description == other.description
            and self.lambda_revision == other.lambda_revision
            and self.triggers == other.triggers
        )


class Request(NamedTuple):
    """One event of CloudFormation.

    ``physical_resource_id`` is None on Create only. ``previous`` is None unless this is an Update
    whose old properties can be read. ``issued_at`` is when CloudFormation made the event, in
    seconds since 1970, or None if its URL does not say.
    """

    request_id: str
    stack_id: str
    logical_resource_id: str
    physical_resource_id: str | None
    desired: Registration
    previous: Registration | None
    issued_at: float | None = None

    @property
    def why_kept(self) -> str | None:
        """Why a Delete of this resource leaves AppFlow alone, or None if it is to unregister."""
        if self.physical_resource_id != self.desired.connector_label:
            return f"the id {self.physical_resource_id} stands for no registration of its own"
        if not self.desired.unregister_on_delete:
            return "its removal policy is RETAIN"
        return None

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Request:
        """Read an event.

        Raises:
            InvalidPropertyError: for resource properties that AppFlow cannot accept. Old properties
                never raise: the answer to unreadable ones is to announce the connector again.
        """
        return cls(
            request_id=event["RequestId"],
            stack_id=event["StackId"],
            logical_resource_id=event["LogicalResourceId"],
            physical_resource_id=event.get("PhysicalResourceId"),
            desired=Registration.parse(event["ResourceProperties"]),
            previous=_previous(event),
            issued_at=_issued_at(event["ResponseURL"]),
        )


def _previous(event: Mapping[str, Any]) -> Registration | None:
    try:
        return Registration.parse(event["OldResourceProperties"])
    except (KeyError, InvalidPropertyError):
        return None


# The signature of the URL is as old as the event. Source: "Authenticating Requests: Using Query
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
    properties: Mapping[str, Any], name: str, pattern: re.Pattern[str], longest: int, rule: str
) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or len(value) > longest or not pattern.fullmatch(value):
        raise InvalidPropertyError(name, value, rule)
    return value


def _description(properties: Mapping[str, Any]) -> str | None:
    if "Description" not in properties:
        return None
    return _text(properties, "Description", _DESCRIPTION, 1024, _DESCRIPTION_RULE)


def _choice(properties: Mapping[str, Any], name: str, default: str, other: str) -> bool:
    """Whether a property has its other value, and not the default."""
    value = properties.get(name, default)
    if value not in (default, other):
        raise InvalidPropertyError(name, value, f"{default} or {other}")
    return bool(value == other)
