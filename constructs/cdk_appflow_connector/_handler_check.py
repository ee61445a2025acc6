"""The handler's function at the end of synthesis, after everything that may have changed it.

Aspects, property injectors, escape hatches and overrides change the functions of a whole app. What
the handler cannot run with is refused before the deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import _validation as validation
from ._arguments import shown
from ._handler_code import ENTRY_POINT

if TYPE_CHECKING:
    from .connector_registration_provider import ConnectorRegistrationProvider

# Of Lambda, for a function that sets none. Source: CreateFunction in the Lambda API Reference.
_DEFAULT_TIMEOUT, _DEFAULT_MEMORY = 3, 128
_ARCHITECTURES = ("arm64", "x86_64")

# Source: "Lambda quotas" in the AWS Lambda Developer Guide.
_MAX_LAYERS = 5


class HandlerCheck:
    """A check of the function of a provider, in the template of its stack.

    Args:
        provider: the provider.
        template: the template.
    """

    def __init__(
        self, provider: ConnectorRegistrationProvider, template: Mapping[str, Any]
    ) -> None:
        # A property injector may have given the function other code.
        place = provider._code.location
        function, config, *self._location = provider._stack.stack.resolve(
            [
                provider._cfn_function.logical_id,
                provider._cfn_event_invoke_config.logical_id,
                *([] if place is None else [place.bucket_name, place.object_key]),
            ]
        )
        self._provider = provider
        self._function = _properties(template, function)
        self._config = _properties(template, config)

    @property
    def is_in_vpc(self) -> bool:
        """Whether the function runs in a VPC."""
        return bool(self._function.get("VpcConfig"))

    def errors(self) -> Iterator[str]:
        """What is wrong with the function, one text for each problem."""
        if not self._function:
            # The app has removed the provider from the stack.
            return
        for problem in (*self._problems(), *self._time_problems()):
            yield (
                f"{self._provider._function_node.path} cannot run the handler: {problem}. An"
                " aspect, a property injector or an escape hatch of the app has set this, since the"
                " arguments of ConnectorRegistrationProvider did not. Exclude this function from it"
            )

    def _problems(self) -> Iterator[str]:
        function = self._function
        memory = _number(function.get("MemorySize", _DEFAULT_MEMORY))
        if _is_known(memory):
            yield from _refusal(validation.check_memory_size, memory)
        runtime = function.get("Runtime", "not set")
        if _is_known(runtime):
            yield from _refusal(validation.check_runtime, runtime)
        reserved = _number(function.get("ReservedConcurrentExecutions"))
        if _is_known(reserved):
            yield from _refusal(validation.check_reserved_concurrency, reserved)
        if function.get("Handler") != ENTRY_POINT:
            yield f"handler is {function.get('Handler')}, but must be {ENTRY_POINT}"
        layers = function.get("Layers") or []
        if len(layers) > _MAX_LAYERS:
            yield f"layers has {len(layers)} members, but Lambda accepts at most {_MAX_LAYERS}"
        architectures = function.get("Architectures") or [_ARCHITECTURES[1]]
        if _is_known(*architectures) and architectures not in ([one] for one in _ARCHITECTURES):
            allowed = " or ".join(_ARCHITECTURES)
            yield f"architectures is {architectures}, but Lambda accepts one, {allowed}"
        yield from _code_problem(function, self._location)

    def _time_problems(self) -> Iterator[str]:
        timeout = _number(self._function.get("Timeout", _DEFAULT_TIMEOUT))
        age = _number(self._config.get("MaximumEventAgeInSeconds"))
        for name, value in (("timeout", timeout), ("max_event_age", age)):
            if not isinstance(value, int | float):
                yield from _refusal(validation.check_known_time, name, value)
                return
        yield from _refusal(validation.check_timeout, timeout)
        service_timeouts = self._provider._service_timeouts
        longest = min(service_timeouts, default=validation.MAX_SERVICE_TIMEOUT_SECONDS)
        yield from _refusal(validation.check_max_event_age, age, timeout, longest)


def _properties(template: Mapping[str, Any], logical_id: str) -> Mapping[str, Any]:
    resource = template.get("Resources", {}).get(logical_id, {})
    properties: dict[str, Any] = resource.get("Properties", {})
    return properties


def _code_problem(function: Mapping[str, Any], location: list[Any]) -> Iterator[str]:
    """Code that is not the handler's asset. With code signing, it may be a signed copy.

    Args:
        function: the properties of the function.
        location: the bucket and the key of the asset, or nothing.
    """
    code = function.get("Code") or {}
    if code.get("S3Key") is not None and function.get("CodeSigningConfigArn") is not None:
        return
    if location != [code.get("S3Bucket"), code.get("S3Key")]:
        yield (
            f"code is {shown(code)}, but must be the handler's asset or, with"
            " code_signing_config, a signed copy of it in S3"
        )


def _number(value: Any) -> Any:
    """A number, which a template may also contain as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _is_known(*values: Any) -> bool:
    """Whether synthesis knows values, which are expressions otherwise."""
    return not any(isinstance(value, dict) for value in values)


def _refusal(check: Callable[..., None], *arguments: Any) -> Iterator[str]:
    """The message of a check that refuses its arguments."""
    try:
        check(*arguments)
    except ValueError as error:
        yield str(error)
