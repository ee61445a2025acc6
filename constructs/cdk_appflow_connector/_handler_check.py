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

from constructs import IValidation, Node

from . import _validation as validation
from ._arguments import shown
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
        stack: the stack of the handler's function.
        node: the node of the function.
        function: the resource of the function.
        event_invoke_config: the resource of its asynchronous invocation configuration.
        service_timeouts: the service timeouts of the provider's registrations in seconds, which may
            become more until synthesis.
        allow_network: called if the function is in a VPC.
    """

    def __init__(
        self,
        stack: cdk.Stack,
        node: Node,
        function: lambda_.CfnFunction,
        event_invoke_config: lambda_.CfnEventInvokeConfig,
        service_timeouts: list[int],
        allow_network: Callable[[], None],
    ) -> None:
        self._stack = stack
        self._node = node
        self._function = function
        self._event_invoke_config = event_invoke_config
        self._service_timeouts = service_timeouts
        self._allow_network = allow_network

    def validate(self) -> list[str]:
        """What is wrong with the function, one text for each problem."""
        function, config, *asset = self._stack.resolve(
            [
                self._function._cfn_properties,
                self._event_invoke_config._cfn_properties,
                *self._place_of_asset(),
            ]
        )
        if function.get("vpcConfig"):
            self._allow_network()
        problems = [*self._problems(function, asset), *self._time_problems(function, config)]
        return [
            f"{self._node.path} cannot run the handler: {problem}. An aspect, a property injector"
            " or an escape hatch of the app has set this, since the arguments of"
            " ConnectorRegistrationProvider did not. Exclude this function from it"
            for problem in problems
        ]

    def _place_of_asset(self) -> list[str]:
        """The bucket and the key of the handler's asset, if the function has its code."""
        asset = self._node.try_find_child("Code")
        if not isinstance(asset, s3_assets.Asset):
            return []
        return [asset.s3_bucket_name, asset.s3_object_key]

    def _problems(self, function: Mapping[str, Any], asset: list[Any]) -> Iterator[str]:
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
        yield from _code_problem(function, asset)

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


def _code_problem(function: Mapping[str, Any], asset: list[Any]) -> Iterator[str]:
    """Code that is not the handler's asset. With code signing, it may be a signed copy.

    Args:
        function: the properties of the function.
        asset: the bucket and the key of the asset, or nothing.
    """
    code = function.get("code") or {}
    if code.get("s3Key") is not None and function.get("codeSigningConfigArn") is not None:
        return
    if asset != [code.get("s3Bucket"), code.get("s3Key")]:
        yield (
            f"code is {shown(code)}, but must be the handler's asset or, with"
            " code_signing_config, a signed copy of it in S3"
        )


def _is_known(*values: Any) -> bool:
    """Whether synthesis knows values, which are expressions otherwise."""
    return not any(isinstance(value, dict) for value in values)


def _refusal(check: Callable[..., None], *arguments: Any) -> Iterator[str]:
    """The message of a check that refuses its arguments."""
    try:
        check(*arguments)
    except ValueError as error:
        yield str(error)
