"""MiniStack as the local cloud runs it.

It has AppFlow and its CloudFormation types, is stricter with custom resources and events, and has
the states of Lambda functions.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ministack.app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, router
from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation import custom_resource, engine, provisioners, stacks
from starlette.types import ASGIApp

from .appflow.endpoint import Endpoint
from .asgi import force_https, require_signature, restore_host_header
from .cloudformation_types import AppFlowTypes
from .controls import control_api
from .custom_resources import StrictCustomResources
from .environment import HOST
from .event_delivery import EventDelivery
from .event_targets import PermittedTargets
from .function_events import FunctionEvents
from .function_start import without_sdk
from .function_states import FunctionStates
from .serverless_templates import ServerlessTemplates
from .template_conditions import ResolvedConditions

_CONTEXT = [
    "principal_arn",
    "principal_type",
    "principal_account",
    "action",
    "resource_arn",
    "region",
    "source_ip",
    "secure_transport",
]


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack lacks an internal function that the local cloud relies on."""


def create_app(
    endpoint: Endpoint, lambda_python: Path, *, port: int, faults_port: int | None = None
) -> ASGIApp:
    """The local cloud's ASGI application.

    Args:
        endpoint: AppFlow.
        lambda_python: the interpreter of all functions with a python3.x runtime.
        port: where the application is served.
        faults_port: where a proxy in front of AppFlow is served. Default: there is no proxy.

    Raises:
        IncompatibleMiniStackError: the installed MiniStack is not the version that the extra
            ``local-cloud`` names.
    """
    _check_compatibility()
    # An empty pattern: a request is AppFlow's if its signature names AppFlow.
    router.SERVICE_PATTERNS["appflow"] = {}
    ministack.app.SERVICE_HANDLERS["appflow"] = endpoint
    states = FunctionStates()
    states.install()
    delivery = EventDelivery(states.settings)
    events = FunctionEvents(delivery)
    events.install()
    states.on_state(events.state_changed)
    PermittedTargets().install()
    _reset_with_ministack(endpoint, states, delivery)
    _use_lambda_python(lambda_python)
    _name_alias_actions()
    custom_resources = StrictCustomResources()
    custom_resources.install()
    AppFlowTypes(f"http://{HOST}:{port}").install()
    ServerlessTemplates().install()
    ResolvedConditions().install()
    app = custom_resources.intercept_responses(ministack.app.app)
    app = control_api(force_https(require_signature(app)), endpoint, states, delivery)
    if faults_port is None:
        return app
    return restore_host_header(app, port=port, proxy_port=faults_port)


def stop_functions() -> None:
    """End the processes of all functions.

    Call this before the server stops, since it waits for the calls that functions have begun.
    """
    lambda_runtime.reset()


def _check_compatibility() -> None:
    _require(iam_evaluator.enforce, ["access_key_id", "iam_action", "service", "region"])
    _require(iam_evaluator.evaluate_resource_policy, ["doc", "ctx", "service"])
    _require(iam_evaluator.EvalContext, _CONTEXT)
    _require(iam_actions._lambda_action, ["method", "path"])
    _require(lambda_runtime._detect_runtime_binary, ["runtime"])
    _require(ministack.app._reset_all_state, [])
    _require(lambda_svc._execute_function_with_config_scope, ["func", "event"])
    _check_lambda_compatibility()
    _check_cloudformation_compatibility()
    _check_event_compatibility()


def _check_lambda_compatibility() -> None:
    _require(lambda_svc.handle_request, ["method", "path", "headers", "body", "query_params"])
    _require(lambda_svc._invoke, ["name", "event", "headers", "path_qualifier", "query_params"])
    for change in ("_update_code", "_update_config", "_publish_version"):
        _require(getattr(lambda_svc, change), ["name", "data"])
    _require(lambda_svc._schedule_state_transition, ["func_name", "delay"])
    _require(lambda_svc._stamp_snapstart_published_version, ["ver_config"])
    _require(lambda_svc._snapstart_provision_version_async, ["name", "ver_record"])
    _require(lambda_svc._get_func_record_for_qualifier, ["name", "qualifier"])
    _require(lambda_svc._qualifier_from_path_or_query, ["path_qualifier", "query_params"])
    _require(lambda_svc._execute_function, ["func", "event"])
    _require(lambda_svc._function_config_scope_mismatch, ["config"])
    _require(lambda_svc.invalidate_worker, ["func_name", "qualifier"])
    _require(lambda_svc.acquire_worker, ["func_name", "config", "code_zip", "qualifier"])
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    _require(handlers["create"], ["logical_id", "props", "stack_name"])


def _check_cloudformation_compatibility() -> None:
    _require(custom_resource.invoke_custom_resource, ["request_type", "logical_id", "props"])
    _require(custom_resource.deliver_response, ["token", "response"])
    _require(stacks._runs_on_worker_thread, ["resource_type"])

    _require(engine._apply_transforms, ["template", "provided_params", "previous_params"])
    _require(engine._transform_parameters, ["template", "provided_params", "previous_params"])
    _require(engine._evaluate_conditions, ["template", "params"])
    _require(engine._resolve_refs, ["value", "resources", "params", "conditions", "mappings"])
    _require(engine._TransformFailed.__init__, ["self", "template", "error"])
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Permission"]
    _require(handlers["create"], ["logical_id", "props", "stack_name"])
    _require(handlers["update"], ["physical_id", "old_props", "new_props", "stack_name"])
    _require(handlers["delete"], ["physical_id", "props", "logical_id"])


def _check_event_compatibility() -> None:
    _require(lambda_svc._create_alias, ["func_name", "data"])
    _require(lambda_svc._update_alias, ["func_name", "alias_name", "data"])
    _require(lambda_svc._get_func_record_for_ref, ["function_ref"])
    _require(lambda_svc._execution_record_for_config, ["func", "config"])
    _require(lambda_svc.invoke_async_with_retry, ["func", "event"])
    _require(eventbridge._invoke_target, ["target", "event", "rule", "view"])
    _require(eventbridge._dispatch_to_lambda, ["arn", "payload"])
    _require(eventbridge._dispatch_event, ["event"])
    _require(eventbridge._archive_event, ["event"])
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Alias"]
    _require(handlers["create"], ["logical_id", "props", "stack_name"])


def _require(function: Callable[..., Any], leading_parameters: list[str]) -> None:
    found = list(inspect.signature(function).parameters)[: len(leading_parameters)]
    if found != leading_parameters:
        raise IncompatibleMiniStackError(
            f"{function.__module__}.{function.__name__} takes {found}, not {leading_parameters}:"
            " install the version that cdk-appflow-connector[local-cloud] names"
        )


def _reset_with_ministack(
    endpoint: Endpoint, states: FunctionStates, delivery: EventDelivery
) -> None:
    original = ministack.app._reset_all_state

    def reset() -> None:
        # First, so that the runs of flows are cancelled before their functions are gone.
        endpoint.reset()
        original()
        states.reset()
        delivery.reset()

    ministack.app._reset_all_state = reset


def _use_lambda_python(lambda_python: Path) -> None:
    original = lambda_runtime._detect_runtime_binary
    program = without_sdk(original("python3.13")[1])

    def detect(runtime: str) -> tuple[str, str]:
        return (
            (str(lambda_python), program) if runtime.startswith("python3.") else original(runtime)
        )

    lambda_runtime._detect_runtime_binary = detect


def _name_alias_actions() -> None:
    """Check the actions on one alias by their names; MiniStack takes them for those on all."""
    original = iam_actions._lambda_action
    actions = {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}

    def action(method: str, path: str) -> str | None:
        is_one_alias = re.search(r"/functions/[^/]+/aliases/[^/]+$", path) is not None
        found: str | None = original(method, path)
        return actions.get(method, found) if is_one_alias else found

    iam_actions._lambda_action = action
