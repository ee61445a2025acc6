"""What connector profiles lose when the authentication of a connector changes."""

from __future__ import annotations

from collections.abc import Iterator

from . import usage as used
from .loss import (
    Configuration,
    Loss,
    encoded,
    id_with_key,
    member_path,
    now_required,
    possible,
    structures,
    supports,
    texts,
)
from .usage import Usage

# By AuthenticationType of the API, the member that says that it is supported.
_FLAGS = {
    "OAUTH2": "isOAuth2Supported",
    "APIKEY": "isApiKeyAuthSupported",
    "BASIC": "isBasicAuthSupported",
    "CUSTOM": "isCustomAuthSupported",
}

_SCOPES = "authenticationConfig.oAuth2Defaults.oauthScopes"
_PROPERTIES = "authenticationConfig.oAuth2Defaults.oauth2CustomProperties"
_CUSTOM_AUTH = "authenticationConfig.customAuthConfigs"


def losses_of_authentication(
    before: Configuration, after: Configuration, usage: Usage
) -> Iterator[Loss]:
    """The authentication that profiles may lack now."""
    yield from _types(before, after, usage)
    if _both_support(before, after, "isOAuth2Supported"):
        yield from _scopes(before, after, usage)
        yield from _token_url_properties(before, after, usage)
    if _both_support(before, after, "isCustomAuthSupported"):
        yield from _parameters(before, after, usage)


def _both_support(before: Configuration, after: Configuration, flag: str) -> bool:
    return supports(before, flag) and supports(after, flag)


def _types(before: Configuration, after: Configuration, usage: Usage) -> Iterator[Loss]:
    supported = [kind for kind, flag in _FLAGS.items() if supports(before, flag)]
    # AppFlow shows of a profile only whether it uses OAuth 2.0.
    is_shown = len([kind for kind in supported if kind != "OAUTH2"]) == 1
    others = [use._replace(is_certain=is_shown) for use in used.without_oauth2(usage)]
    for kind in supported:
        if not supports(after, _FLAGS[kind]):
            uses = list(used.oauth2(usage)) if kind == "OAUTH2" else others
            text = f"authentication type {kind} is no longer supported"
            path = f"authenticationConfig.{_FLAGS[kind]}"
            yield Loss(f"AUTHENTICATION_TYPE_REMOVED:{kind}", text, path, uses)


def _scopes(before: Configuration, after: Configuration, usage: Usage) -> Iterator[Loss]:
    former = texts(before, _SCOPES)
    for scope in texts(after, _SCOPES):
        if scope not in former:
            text = f"OAuth 2.0 scope {scope} is new, and tokens issued before lack it"
            uses = possible(used.oauth2(usage))
            yield Loss(f"OAUTH_SCOPE_ADDED:{encoded(scope)}", text, _SCOPES, uses, scope)


def _token_url_properties(
    before: Configuration, after: Configuration, usage: Usage
) -> Iterator[Loss]:
    old, new = (
        {one["key"]: one for one in structures(side, _PROPERTIES) if one.get("type") == "TOKEN_URL"}
        for side in (before, after)
    )
    for key in now_required(old, new):
        uses = [use for use in used.token_url_properties(usage) if not use.value.get(key)]
        text = f"property {key} of the token URL is now required"
        path = member_path(f"{_PROPERTIES}.{key}", "isRequired", key not in old)
        yield Loss(id_with_key("TOKEN_URL_PROPERTY_NOW_REQUIRED", key), text, path, uses)


def _parameters(before: Configuration, after: Configuration, usage: Usage) -> Iterator[Loss]:
    name = "customAuthenticationType"
    types = [
        {one[name]: one for one in structures(side, _CUSTOM_AUTH, name)} for side in (before, after)
    ]
    uses = list(used.without_oauth2(usage))
    for kind in types[0]:
        if kind not in types[1]:
            continue
        path = f"{_CUSTOM_AUTH}.{kind}.authParameters"
        of_type = f"of custom authentication type {kind}"
        old, new = (
            {one["key"]: one for one in structures(side[kind], "authParameters")} for side in types
        )
        for key in now_required(old, new):
            place = member_path(f"{path}.{key}", "isRequired", key not in old)
            found = id_with_key("AUTH_PARAMETER_NOW_REQUIRED", key, kind)
            yield Loss(found, f"parameter {key} {of_type} is now required", place, uses)
        for key in old:
            if key not in new:
                found = id_with_key("AUTH_PARAMETER_REMOVED", key, kind)
                text = f"parameter {key} {of_type} no longer exists"
                yield Loss(found, text, f"{path}.{key}", uses)
