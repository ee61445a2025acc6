"""The credentials of connector profiles, each in a secret of the account.

Sources: the classes of Amazon's SDKs for custom connectors that read the secret, for its content
and the names of authentication types; ``template.yml`` of the SDK in Python for the beginning of
its name. The end of the name is a choice.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from .errors import ValidationException
from .model import invalid, missing

_PATH = "connectorProfileConfig.connectorProfileCredentials.CustomConnector"

# By authenticationType the member with the credentials, the SDKs' name of the type, and the member
# of authenticationConfig that tells whether a connector supports it.
_TYPES = {
    "BASIC": ("basic", "BasicAuth", "isBasicAuthSupported"),
    "APIKEY": ("apiKey", "ApiKey", "isApiKeyAuthSupported"),
    "OAUTH2": ("oauth2", "OAuth2", "isOAuth2Supported"),
    "CUSTOM": ("custom", "CustomAuth", "isCustomAuthSupported"),
}

# From the members of the API to the SDKs' members in the secret.
_SECRET_NAMES = {
    "username": "userName",
    "apiSecretKey": "secretKey",
    "customAuthenticationType": "authenticationType",
    "credentialsMap": "customCredentials",
}


def credentials_in(
    profile_config: Mapping[str, Any], authentication: Mapping[str, Any]
) -> tuple[str, str]:
    """The SDKs' name of the authentication type, and the content of the secret.

    Args:
        profile_config: the member ``connectorProfileConfig`` of a request.
        authentication: the ``authenticationConfig`` of the connector.

    Raises:
        ValidationException: there are no credentials of a type that the connector supports.
    """
    given = (profile_config.get("connectorProfileCredentials") or {}).get("CustomConnector")
    if given is None:
        raise missing(_PATH)
    kind = given["authenticationType"]
    member, sdk_name, supported_by = _TYPES[kind]
    if not authentication.get(supported_by):
        supported = [name for name, (*_, by) in _TYPES.items() if authentication.get(by)]
        path = f"{_PATH}.authenticationType"
        raise invalid(path, kind, f"The connector supports {', '.join(supported) or 'none'}")
    if given.get(member) is None:
        raise missing(f"{_PATH}.{member}")
    if kind == "OAUTH2":
        _check_tokens(given[member])
    secret = {_SECRET_NAMES.get(name, name): value for name, value in given[member].items()}
    return sdk_name, json.dumps(secret)


def _check_tokens(oauth2: Mapping[str, Any]) -> None:
    if not oauth2.get("accessToken"):
        raise ValidationException(
            f"The local cloud requests no OAuth 2.0 tokens: {_PATH}.oauth2.accessToken must be set"
            " to a token."
        )


class Secrets:
    """The secrets of one account and Region.

    Args:
        client: a client of Secrets Manager.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def create(self, label: str, account: str, content: str, now: datetime) -> str:
        """Store the credentials of a new profile and return the ARN of the secret."""
        milliseconds = int(now.timestamp() * 1000)
        while True:
            try:
                arn: str = self._client.create_secret(
                    Name=f"appflow!{account}-{label}-{milliseconds}", SecretString=content
                )["ARN"]
            except self._client.exceptions.ResourceExistsException:
                milliseconds += 1
            else:
                return arn

    def replace(self, arn: str, content: str) -> str:
        """Replace the credentials in a secret and return the former ones.

        Raises:
            ValidationException: the secret was deleted.
        """
        try:
            former: str = self._client.get_secret_value(SecretId=arn)["SecretString"]
            self._client.put_secret_value(SecretId=arn, SecretString=content)
        except ClientError as error:
            raise ValidationException(
                f"The credentials in secret {arn} cannot be replaced:"
                f" {error.response['Error']['Message']} Delete the connector profile and create it"
                " again."
            ) from error
        return former

    def delete(self, arn: str) -> None:
        """Delete a secret, if it is not deleted already."""
        with contextlib.suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
