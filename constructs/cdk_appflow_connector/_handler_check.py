"""The handler's function at the end of synthesis, after everything that may have changed it.

Aspects, property injectors and escape hatches change the functions of a whole app. What the handler
cannot run with is refused before the deployment. An override (``add_property_override``) is not
seen, because the CDK does not show it before the template exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as s3_assets

from constructs import IValidation

from . import _validation as validation
from ._arguments import shown
from ._connector_function import properties_of
from ._handler_code import ENTRY_POINT

# Of Lambda, for a function that sets none. Source: CreateFunction in the Lambda API Reference.
_DEFAULT_TIMEOUT, _DEFAULT_MEMORY = 3, 128
_ARCHITECTURES = ("arm64", "x86_64")

# Source: "Lambda quotas" in the AWS Lambda Developer Guide.
_MAX_LAYERS = 5


@jsii.implements(IValidation)
class HandlerCheck:
    """Checks the function of a provider when the CDK validates the app.

    Args:
        function: the handler's function.
        event_invoke_config: the function's asynchronous invocation configuration.
        service_timeouts: the service timeouts of the provider's registrations in seconds, which may
            become more until synthesis.
        allow_network: called if the function is in a VPC.
    """

    def __init__(
        self,
        function: lambda_.Function,
        event_invoke_config: lambda_.EventInvokeConfig,
        service_timeouts: list[int],
        allow_network: Callable[[], None],
    ) -> None:
        self._function = function
        self._event_invoke_config = event_invoke_config
        self._service_timeouts = service_timeouts
        self._allow_network = allow_network

    def validate(self) -> list[str]:
        """What is wrong with the function, one text for each problem."""
        function = _properties(self._function)
        config = _properties(self._event_invoke_config)
        if function.get("vpcConfig"):
            self._allow_network()
        path = self._function.node.path
        return [
            f"{path} cannot run the handler: {problem}. An aspect, a property injector or an escape"
            " hatch of the app has set this, since the arguments of ConnectorRegistrationProvider"
            " did not. Exclude this function from it"
            for problem in [*self._problems(function), *self._time_problems(function, config)]
        ]

    def _problems(self, function: Mapping[str, Any]) -> Iterator[str]:
        memory = function.get("memorySize", _DEFAULT_MEMORY)
        if _is_known(memory):
            yield from _refusal(validation.check_memory_size, memory)
        runtime = function.get("runtime", "not set")
        if _is_known(runtime):
            yield from _refusal(validation.check_runtime, runtime)
        reserved = function.get("reservedConcurrentExecutions")
        if _is_known(reserved):
            yield from _refusal(validation.check_reserved_concurrency, reserved)
        if function.get("handler") != ENTRY_POINT:
            yield f"handler is {function.get('handler')}, but must be {ENTRY_POINT}"
        layers = function.get("layers") or []
        if len(layers) > _MAX_LAYERS:
            yield f"layers has {len(layers)} members, but Lambda accepts at most {_MAX_LAYERS}"
        architectures = function.get("architectures") or [_ARCHITECTURES[1]]
        if _is_known(*architectures) and architectures not in ([one] for one in _ARCHITECTURES):
            allowed = " or ".join(_ARCHITECTURES)
            yield f"architectures is {architectures}, but Lambda accepts one, {allowed}"
        yield from self._code_problem(function)

    def _code_problem(self, function: Mapping[str, Any]) -> Iterator[str]:
        """Code that is not the handler's asset. With code signing, it may be a signed copy."""
        code = function.get("code") or {}
        place = (code.get("s3Bucket"), code.get("s3Key"))
        if code.get("s3Key") is not None and function.get("codeSigningConfigArn") is not None:
            return
        asset = self._function.node.try_find_child("Code")
        if not isinstance(asset, s3_assets.Asset) or place != tuple(
            cdk.Stack.of(asset).resolve([asset.s3_bucket_name, asset.s3_object_key])
        ):
            yield (
                f"code is {shown(code)}, but must be the handler's asset or, with"
                " code_signing_config, a signed copy of it in S3"
            )

    def _time_problems(
        self, function: Mapping[str, Any], config: Mapping[str, Any]
    ) -> Iterator[str]:
        timeout = function.get("timeout", _DEFAULT_TIMEOUT)
        age = config.get("maximumEventAgeInSeconds")
        for name, value in (("timeout", timeout), ("max_event_age", age)):
            if not isinstance(value, int | float):
                yield from _refusal(validation.check_known_time, name, value)
                return
        yield from _refusal(validation.check_timeout, timeout)
        longest = min(self._service_timeouts, default=validation.MAX_SERVICE_TIMEOUT_SECONDS)
        yield from _refusal(validation.check_max_event_age, age, timeout, longest)


def _properties(construct: cdk.Resource) -> Mapping[str, Any]:
    resource = construct.node.default_child
    assert resource is not None, "the CDK makes a resource for each of these constructs"
    return properties_of(resource)


def _is_known(*values: Any) -> bool:
    """Whether synthesis knows values, which are expressions otherwise."""
    return not any(isinstance(value, dict) for value in values)


def _refusal(check: Callable[..., None], *arguments: Any) -> Iterator[str]:
    """The message of a check that refuses its arguments."""
    try:
        check(*arguments)
    except ValueError as error:
        yield str(error)
