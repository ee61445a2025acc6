"""Lists of values that connector profiles and flows use: what is lost of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from . import usage as used
from .loss import (
    OTHER,
    Configuration,
    Loss,
    can_be,
    encoded,
    lost_values,
    structures,
    supports,
    texts,
)
from .usage import Usage, Use

_DEFAULTS = "authenticationConfig.oAuth2Defaults"
_CUSTOM_AUTH = "authenticationConfig.customAuthConfigs"


class _List(NamedTuple):
    """A list of values.

    Attributes:
        id: the first part of the ids.
        noun: what one value is.
        path: the list.
        uses: what uses which value.
        applies: whether a configuration has a use for the list.
        values: the values, if the list has structures.
        allows: whether a value of the list allows a used one.
        empty_limits: whether an empty list allows no value.
    """

    id: str
    noun: str
    path: str
    uses: Callable[[Usage], Iterator[Use]]
    applies: Callable[[Configuration], bool] = bool
    values: Callable[[Configuration], list[str]] | None = None
    allows: Callable[[str, Any], bool] = str.__eq__
    empty_limits: bool = False


def losses_from_lists(before: Configuration, after: Configuration, usage: Usage) -> Iterator[Loss]:
    """The values that lists have lost."""
    for rule in _LISTS:
        if rule.applies(before) and rule.applies(after):
            yield from _losses(rule, before, after, usage)


def _losses(
    rule: _List, before: Configuration, after: Configuration, usage: Usage
) -> Iterator[Loss]:
    old, new = (
        rule.values(side) if rule.values else texts(side, rule.path) for side in (before, after)
    )
    found = rule.uses(usage)
    lost = lost_values(old, new, found, rule.allows, empty_limits=rule.empty_limits)
    for value, uses in lost:
        if value is None:
            text = f"every {rule.noun} except {', '.join(new)} is no longer supported"
            yield Loss(f"{rule.id}:{OTHER}", text, rule.path, uses)
        else:
            text = f"{rule.noun} {value} is no longer supported"
            path = f"{rule.path}.{value.partition('@')[0]}" if rule.values else rule.path
            yield Loss(f"{rule.id}:{encoded(value)}", text, path, uses, value)


def _source(configuration: Configuration) -> bool:
    return can_be(configuration, "SOURCE")


def _destination(configuration: Configuration) -> bool:
    return can_be(configuration, "DESTINATION")


def _oauth2(configuration: Configuration) -> bool:
    return supports(configuration, "isOAuth2Supported")


def _custom(configuration: Configuration) -> bool:
    return supports(configuration, "isCustomAuthSupported")


def _apis(configuration: Configuration) -> list[str]:
    apis = structures(configuration, "supportedDataTransferApis", "Name")
    return list(dict.fromkeys(map(_api, apis)))


def _api(api: Mapping[str, Any]) -> str:
    name, kind = str(api.get("Name", "")).replace("@", "%40"), api.get("Type")
    return f"{name}@{kind}" if kind else name


def _is_api(value: str, api: Mapping[str, Any]) -> bool:
    name, _, kind = value.partition("@")
    used_name, _, used_kind = _api(api).partition("@")
    return used_name == name and (not kind or used_kind in ("", kind))


def _custom_types(configuration: Configuration) -> list[str]:
    name = "customAuthenticationType"
    return list(dict.fromkeys(one[name] for one in structures(configuration, _CUSTOM_AUTH, name)))


def _is_token_url(template: str, url: str) -> bool:
    # Source: published connectors, whose URLs have placeholders such as {{INSTANCE}}.
    parts = re.split(r"\{\{.*?\}\}", template)
    return re.fullmatch("[^/]+".join(map(re.escape, parts)), url) is not None


_LISTS = (
    _List("MODE_REMOVED", "mode", "connectorModes", used.modes),
    _List(
        "API_VERSION_REMOVED",
        "API version",
        "supportedApiVersions",
        used.api_versions,
        # A flow names a version, and a connector that names none supports none. AWS does not
        # document it.
        empty_limits=True,
    ),
    _List(
        "WRITE_OPERATION_REMOVED",
        "write operation",
        "supportedWriteOperations",
        used.write_operations,
        _destination,
    ),
    _List("OPERATOR_REMOVED", "operator", "supportedOperators", used.operators, _source),
    _List(
        "TRIGGER_TYPE_REMOVED", "trigger type", "supportedTriggerTypes", used.trigger_types, _source
    ),
    _List(
        "SCHEDULING_FREQUENCY_REMOVED",
        "scheduling frequency",
        "supportedSchedulingFrequencies",
        used.scheduling_frequencies,
        _source,
    ),
    _List(
        "DATA_TRANSFER_API_REMOVED",
        "data transfer API",
        "supportedDataTransferApis",
        used.data_transfer_apis,
        _source,
        _apis,
        _is_api,
    ),
    _List(
        "DATA_TRANSFER_TYPE_REMOVED",
        "data transfer type",
        "supportedDataTransferTypes",
        used.flows,
    ),
    _List(
        "GRANT_TYPE_REMOVED",
        "OAuth 2.0 grant type",
        f"{_DEFAULTS}.oauth2GrantTypesSupported",
        used.grant_types,
        _oauth2,
    ),
    _List(
        "TOKEN_URL_REMOVED",
        "token URL",
        f"{_DEFAULTS}.tokenUrls",
        used.token_urls,
        _oauth2,
        allows=_is_token_url,
    ),
    _List(
        "CUSTOM_AUTHENTICATION_TYPE_REMOVED",
        "custom authentication type",
        _CUSTOM_AUTH,
        used.without_oauth2,
        _custom,
        _custom_types,
    ),
)
