"""The connection of a connector profile to its connector: the requests with its credentials.

Source: the requests of Amazon's SDKs for custom connectors. A request carries the ARN of a secret
with the credentials, and the settings of the profile and of the flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import AppFlowError, ConnectorAuthenticationException, ValidationException
from .functions import Functions
from .invocation import Failure, failure_in, server_error
from .registry import Connector, Profile

MAX_RESULTS = 1000
"""The size of a page of records. Source: DEFAULT_MAX_RESULT of the SDK in Python."""


@dataclass(frozen=True)
class Connection:
    """A connector profile and the connector that it uses.

    Attributes:
        connector: the registered connector.
        profile: the profile, whose secret exists.
        functions: the functions of the account.
        api_version: the version of the application's API, or None before it is known.
        settings: the connector's runtime settings of a flow. Those of the profile are sent as well.
    """

    connector: Connector
    profile: Profile
    functions: Functions
    api_version: str | None = None
    settings: Mapping[str, str] | None = None

    def validate_credentials(self) -> None:
        """Let the connector check the credentials of the profile.

        Raises:
            ConnectorAuthenticationException: the connector refuses them, or fails.
        """
        request = {
            "type": "ValidateCredentialsRequest",
            "credentials": self._credentials(),
            "connectorRuntimeSettings": self._settings(),
        }
        try:
            failure = failure_in(self._send(request))
        except AppFlowError as error:
            raise ConnectorAuthenticationException(str(error)) from error
        if failure:
            raise authentication_error(failure)

    def validate_settings(self, scope: str, settings: Mapping[str, str]) -> None:
        """Let the connector check runtime settings.

        Args:
            scope: ``CONNECTOR_PROFILE``, ``SOURCE`` or ``DESTINATION``.
            settings: the values of the settings with this scope.

        Raises:
            ValidationException: the connector refuses them, or fails.
        """
        request = {
            "type": "ValidateConnectorRuntimeSettingsRequest",
            "scope": scope,
            "connectorRuntimeSettings": dict(settings),
        }
        try:
            response = self._send(request)
        except AppFlowError as error:
            raise ValidationException(str(error)) from error
        if failure := failure_in(response):
            raise ValidationException(_refused_settings(response, failure))

    def send(self, request_type: str, **members: Any) -> dict[str, Any]:
        """Send a request with the context of the profile; return the response, also of a failure.

        Args:
            request_type: for example ``QueryDataRequest``.
            members: the members of the request. ``entityDefinition`` becomes one of its context.

        Raises:
            ConnectorServerException: the function failed, or did not respond like a connector.
            AccessDeniedException: AppFlow may not invoke the function.
        """
        context = {
            "credentials": self._credentials(),
            "apiVersion": self.api_version,
            "connectorRuntimeSettings": self._settings(),
            "entityDefinition": members.pop("entityDefinition", None),
        }
        given = {name: value for name, value in members.items() if value is not None}
        return self._send({"type": request_type, "connectorContext": context, **given})

    def _send(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self.functions.response(self.connector.lambda_arn, request)

    def _settings(self) -> dict[str, str]:
        return {**self.profile.settings, **(self.settings or {})}

    def _credentials(self) -> dict[str, str]:
        return {
            "secretArn": self.profile.credentials_arn,
            "authenticationType": self.profile.authentication_type,
        }


def error_of(failure: Failure) -> AppFlowError:
    """AppFlow's error for a failure that a connector reports."""
    if failure.code == "InvalidCredentials":
        return authentication_error(failure)
    return server_error(_words(failure))


def authentication_error(failure: Failure) -> ConnectorAuthenticationException:
    """AppFlow's error for credentials that a connector refuses."""
    return ConnectorAuthenticationException(
        f"Error while communicating to connector: {_words(failure)}"
    )


def _words(failure: Failure) -> str:
    return failure.message if failure.code is None else f"{failure.code}: {failure.message}"


def _refused_settings(response: Mapping[str, Any], failure: Failure) -> str:
    by_field = response.get("errorsByInputField")
    if isinstance(by_field, dict) and by_field:
        refused = "; ".join(f"{name}: {message}" for name, message in by_field.items())
    else:
        refused = _words(failure)
    return f"The connector refuses the runtime settings: {refused}"
