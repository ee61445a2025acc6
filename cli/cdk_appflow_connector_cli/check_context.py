"""The context with which a connector is asked for its entities.

A file has the form of TestConfig.json, with which Amazon's SDK for Python tests a connector.
Source: custom_connector_tests/configuration/ConfigSchema.json of the SDK 1.0.5, and the context
that its custom_connector_tests/invokers/base_test_invoker.py makes of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .check_connector import Connector, ConnectorFailure
from .errors import CommandError

_SCOPES = ("connectorProfile", "source", "destination")
_API_VERSION = "apiVersion"
_HIDDEN = "***"

_FORM = (
    "It must have the form of TestConfig.json of Amazon's SDK for Python: runtimeSettings with"
    " connectorProfile, source or destination, credentials with secretArn and authenticationType,"
    " and testEntityIdentifier"
)


class Context(NamedTuple):
    """The context of requests about entities.

    Attributes:
        settings: the values of runtime settings by key.
        credentials: ``secretArn`` and ``authenticationType``, or None.
        api_version: the version of the application's API, or None.
        entity: the entity to describe first, or None.
    """

    settings: Mapping[str, str] = {}
    credentials: Mapping[str, str] | None = None
    api_version: str | None = None
    entity: str | None = None

    def as_request(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """``connectorContext`` of a request.

        Args:
            configuration: the connector's configuration, whose first API version is the default.
        """
        versions = configuration.get("supportedApiVersions") or [None]
        context = {
            "apiVersion": self.api_version or versions[0],
            "connectorRuntimeSettings": dict(self.settings),
        }
        return context if self.credentials is None else {**context, "credentials": self.credentials}

    def hidden(self, text: str) -> str:
        """A text of the connector, in which it may have written its credentials, without them."""
        for secret in self._secrets():
            for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
                text = text.replace(form, _HIDDEN)
        return text

    def _secrets(self) -> Iterator[str]:
        for name, value in (self.credentials or {}).items():
            if name != "authenticationType" and value:
                yield value


class HidingConnector:
    """A connector whose responses and failures do not show the credentials of a context.

    Args:
        connector: the connector.
        context: the context.
    """

    def __init__(self, connector: Connector, context: Context) -> None:
        self._connector = connector
        self._hidden = context.hidden

    def response_to(self, request: Mapping[str, Any]) -> Any:
        """The response to a request, as of the connector itself."""
        try:
            response = self._connector.response_to(request)
        except ConnectorFailure as error:
            details = self._hidden(error.details)
            raise ConnectorFailure(self._hidden(str(error)), details) from None
        except CommandError as error:
            raise CommandError(self._hidden(str(error))) from None
        return self._hidden_in(response)

    def _hidden_in(self, value: Any) -> Any:
        """A value of a response, with all texts in it as :meth:`Context.hidden` returns them."""
        if isinstance(value, str):
            return self._hidden(value)
        if isinstance(value, list):
            return [self._hidden_in(one) for one in value]
        if isinstance(value, dict):
            return {name: self._hidden_in(one) for name, one in value.items()}
        return value


def read_context(file: str) -> Context:
    """Read a context from a file.

    Raises:
        CommandError: the file cannot be read, or does not have the form of TestConfig.json. The
            message contains no value of the file.
    """
    try:
        # Some editors begin a file with a mark of its encoding.
        document = json.loads(Path(file).read_text("utf-8-sig"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}. {_FORM}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is not JSON. {_FORM}") from error
    settings = _texts(_object(document, "runtimeSettings", file), _SCOPES, file)
    entity = document.get("testEntityIdentifier")
    if not isinstance(entity, (str, type(None))):
        raise _wrong("testEntityIdentifier", "a text", file)
    return Context(
        settings=settings,
        credentials=_credentials(document, file),
        # The SDK's tests take the version from the settings of the profile.
        api_version=settings.get(_API_VERSION),
        entity=entity,
    )


def _object(document: Any, name: str, file: str) -> Mapping[str, Any]:
    """A member that is an object, which may be left out or null."""
    found = (document.get(name) or {}) if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping):
        raise _wrong(name, "an object", file)
    return found


def _texts(scopes: Mapping[str, Any], names: tuple[str, ...], file: str) -> dict[str, str]:
    """The settings of all scopes, whose values are texts."""
    settings: dict[str, str] = {}
    for scope in names:
        for key, value in _object(scopes, scope, file).items():
            if not isinstance(value, str):
                raise _wrong(f"runtimeSettings.{scope}.{key}", "a text", file)
            settings[key] = value
    return settings


def _credentials(document: Mapping[str, Any], file: str) -> Mapping[str, str] | None:
    credentials = _object(document, "credentials", file)
    for name, value in credentials.items():
        if not isinstance(value, str):
            raise _wrong(f"credentials.{name}", "a text", file)
    return credentials or None


def _wrong(path: str, what: str, file: str) -> CommandError:
    return CommandError(f"{path} of {file} is not {what}. {_FORM}")
