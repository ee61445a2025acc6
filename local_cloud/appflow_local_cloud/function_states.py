"""The states of Lambda functions, which MiniStack passes through in half a second.

After its creation a function is Pending, and cannot be invoked. After an update its
``LastUpdateStatus`` is InProgress, and invocations run the code and configuration from before the
update. Meanwhile Lambda refuses other changes. The settings of the account decide how long this
takes, and whether it fails.

Only calls of Lambda's API meet these states. CloudFormation waits on AWS until a function is ready;
here it continues at once, so that its own functions work and the ones that it has made may still
not be ready.

Sources: "Lambda function states" and "Activating and managing Lambda SnapStart" in the Lambda
Developer Guide; for the words of Lambda's errors, issues 1186 of remotion-dev/remotion and 6718 of
aws/aws-cli.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import contextvars
import copy
import functools
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import responses
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from .account_settings import settings_from
from .function_settings import FunctionSettings

Response = tuple[int, dict[str, str], bytes]

_LATEST = "$LATEST"

_MEMBERS = tuple(
    f"{status}{suffix}"
    for status in ("State", "LastUpdateStatus")
    for suffix in ("", "Reason", "ReasonCode")
)
_READY = {"State": "Active", "LastUpdateStatus": "Successful"}
_PENDING = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
# Lambda has the same words for an update.
_IN_PROGRESS = {
    "State": "Active",
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}
_FAILURE_CODE = "InternalError"

# In the configuration from before an update: the name of the execution environment that runs it.
# MiniStack would otherwise use an environment of the new code.
_ENVIRONMENT = "LocalCloudEnvironment"


@dataclass(frozen=True)
class _Code:
    """What a function ran before an update."""

    zip: bytes | None
    config: Mapping[str, Any]


@dataclass(frozen=True)
class _Change:
    """A creation or an update that is not complete.

    Attributes:
        record: MiniStack's record of the function or version, with the new code.
        before: what invocations run until the update is complete; None for a creation.
        since: when the creation or update started, by a monotonic clock.
    """

    record: dict[str, Any]
    before: _Code | None
    since: float


class FunctionStates:
    """Replaces how MiniStack's functions become ready."""

    def __init__(self) -> None:
        self._settings: dict[str, FunctionSettings] = {}
        self._on_state: Callable[[Mapping[str, Any]], None] = lambda _config: None
        # By the name and version of the function, in each account and Region.
        self._changes = responses.AccountRegionScopedDict()
        # Its lock guards the changes; it is notified when one may be due earlier.
        self._lock = threading.Condition()
        self._is_api_call = contextvars.ContextVar("is_api_call", default=False)
        self._before: contextvars.ContextVar[_Code | None] = contextvars.ContextVar(
            "before", default=None
        )
        self._handle_request = lambda_svc.handle_request
        self._invoke = lambda_svc._invoke
        self._publish_version = lambda_svc._publish_version
        self._stamp = lambda_svc._stamp_snapstart_published_version
        self._provision = lambda_svc._snapstart_provision_version_async
        self._execute = lambda_svc._execute_function
        self._acquire_worker = lambda_svc.acquire_worker
        self._create_by_cloudformation = provisioners._lambda_create

    def settings(self, account: str) -> FunctionSettings:
        """The settings of an account."""
        return self._settings.get(account, FunctionSettings())

    def on_state(self, report: Callable[[Mapping[str, Any]], None]) -> None:
        """Report the configuration of each function and version that has reached a state."""
        self._on_state = report

    def install(self) -> None:
        """Replace the functions of MiniStack."""
        lambda_svc.handle_request = self.handle_request
        lambda_svc._invoke = self.invoke
        lambda_svc._update_code = self._with_update(lambda_svc._update_code)
        lambda_svc._update_config = self._with_update(lambda_svc._update_config)
        lambda_svc._publish_version = self.publish_version
        lambda_svc._schedule_state_transition = self.begin
        lambda_svc._stamp_snapstart_published_version = self.stamp_version
        lambda_svc._snapstart_provision_version_async = self.begin_version
        lambda_svc._execute_function = self.execute
        lambda_svc.acquire_worker = self.acquire_worker
        provisioners._lambda_create = self.create_by_cloudformation
        handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
        handlers["create"] = self.create_by_cloudformation

    def configure(self, account: str, members: Any) -> None:
        """Set how functions of an account become ready; an omitted setting gets its default.

        Raises:
            ValueError: a setting does not exist, or its value is not allowed.
        """
        with self._lock:
            self._settings[account] = settings_from(FunctionSettings, members)
            self._lock.notify_all()

    def reset(self) -> None:
        """Delete everything."""
        with self._lock:
            self._settings.clear()
            self._changes.clear()
            self._lock.notify_all()

    async def handle_request(self, *request: Any) -> Response:
        """Serve a call of Lambda's API."""
        self._finish_due_changes()
        token = self._is_api_call.set(True)
        try:
            response: Response = await self._handle_request(*request)
        finally:
            self._is_api_call.reset(token)
        return response

    async def invoke(
        self,
        name: str,
        event: Any,
        headers: Mapping[str, str],
        path_qualifier: str | None = None,
        query_params: Mapping[str, Any] | None = None,
    ) -> Response:
        """Invoke a function that is active."""
        qualifier = lambda_svc._qualifier_from_path_or_query(path_qualifier, query_params)
        _, config = lambda_svc._get_func_record_for_qualifier(name, qualifier)
        state = (config or _READY).get("State")
        if state in ("Pending", "Failed"):
            return _wrong_state(state)
        response: Response = await self._invoke(name, event, headers, path_qualifier, query_params)
        return response

    def publish_version(self, name: str, data: Mapping[str, Any]) -> Response:
        """Publish a version of a function that is ready."""
        refusal = self._refusal_of_change(name)
        return refusal or self._with_versions(name, lambda: self._publish_version(name, data))

    def create_by_cloudformation(self, *arguments: Any) -> tuple[str, dict[str, Any]]:
        """Create the function of a stack."""
        created: tuple[str, dict[str, Any]] = self._create_by_cloudformation(*arguments)
        self.begin(created[0])
        return created

    def begin(self, name: str, _delay: float = 0) -> None:
        """Begin the creation or update of a function, whose record has the new code already."""
        record = lambda_svc._functions[name]
        with self._lock:
            before, since = self._before.get(), time.monotonic()
            running = self._running(name)
            if running is not None:
                # CloudFormation does not wait, so that one change can follow another.
                before = running.before
                since = running.since if before is None else since
            elif before is not None and before.config.get("State") == "Failed":
                before = None
            _set_states(record["config"], _PENDING if before is None else _IN_PROGRESS)
            self._begin((name, _LATEST), _Change(record, before, since))

    def stamp_version(self, config: dict[str, Any]) -> bool:
        """Set the state of a new version.

        Returns:
            Whether the version is pending; then MiniStack calls ``begin_version``.
        """
        is_being_created = config.get("State") == "Pending"
        _set_states(config, _READY)
        is_image = config.get("PackageType") == "Image"
        if self._stamp(config) or is_being_created or (is_image and self._pending_seconds() > 0):
            _set_states(config, _PENDING)
            return True
        return False

    def begin_version(self, name: str, record: dict[str, Any]) -> None:
        """Begin the creation of a version."""
        key = (name, record["config"]["Version"])
        with self._lock:
            self._begin(key, _Change(record, None, time.monotonic()))

    def execute(self, function: dict[str, Any], event: Any) -> Any:
        """Run a function; while an update is in progress, run what was there before."""
        config = function.get("config") or function
        before = self._before_update(config)
        if before is None:
            return self._execute(function, event)
        environment = f"{_LATEST}-{uuid.uuid4().hex}"
        old_config = {
            **before.config,
            # With the qualifier of the invocation.
            "FunctionArn": config["FunctionArn"],
            _ENVIRONMENT: environment,
        }
        try:
            return self._execute({**function, "code_zip": before.zip, "config": old_config}, event)
        finally:
            lambda_svc.invalidate_worker(config["FunctionName"], qualifier=environment)

    def acquire_worker(
        self, func_name: str, config: Mapping[str, Any], code_zip: bytes, qualifier: str = _LATEST
    ) -> Any:
        """Find or start the execution environment of a configuration."""
        environment = config.get(_ENVIRONMENT, qualifier)
        return self._acquire_worker(func_name, config, code_zip, qualifier=environment)

    def _with_update(
        self, original: Callable[[str, Mapping[str, Any]], Response]
    ) -> Callable[[str, Mapping[str, Any]], Response]:
        """Wrap an update of a function, so that what the function ran before is remembered."""

        @functools.wraps(original)
        def update(name: str, data: Mapping[str, Any]) -> Response:
            refusal = self._refusal_of_change(name)
            if refusal is not None:
                return refusal
            token = self._before.set(_code_of(lambda_svc._functions.get(name)))
            try:
                return self._with_versions(name, lambda: original(name, data))
            finally:
                self._before.reset(token)

        return update

    def _with_versions(self, name: str, publish: Callable[[], Response]) -> Response:
        """Report the state of the versions that a call publishes, unless they are pending."""
        before = set(_versions(name))
        response = publish()
        for version, record in _versions(name).items():
            if version not in before and record["config"].get("State") != "Pending":
                self._on_state(record["config"])
        return response

    def _refusal_of_change(self, name: str) -> Response | None:
        """The error for a change of a function that is not ready, or None."""
        record = lambda_svc._functions.get(name)
        if record is None or not self._is_api_call.get():
            return None
        config = record["config"]
        if config.get("State") == "Pending":
            return _wrong_state("Pending")
        if config.get("LastUpdateStatus") == "InProgress":
            return _conflict(f"An update is in progress for resource: {config['FunctionArn']}")
        return None

    def _begin(self, key: tuple[str, str], change: _Change) -> None:
        self._changes[key] = change
        if self._seconds_left(change) <= 0:
            self._finish(key, change)
            return
        # The account and the Region of a request are context variables.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._wait, key, change), daemon=True).start()

    def _wait(self, key: tuple[str, str], change: _Change) -> None:
        """Finish a change in time, although nothing calls Lambda."""
        with self._lock:
            while self._changes.get(key) is change:
                seconds = self._seconds_left(change)
                if seconds <= 0:
                    self._finish(key, change)
                else:
                    self._lock.wait(seconds)

    def _finish_due_changes(self) -> None:
        with self._lock:
            for key, change in list(self._changes.items()):
                if self._seconds_left(change) <= 0:
                    self._finish(key, change)

    def _seconds_left(self, change: _Change) -> float:
        settings = self._current_settings()
        is_creation = change.before is None
        seconds = settings.pending_seconds if is_creation else settings.in_progress_seconds
        return change.since + seconds - time.monotonic()

    def _finish(self, key: tuple[str, str], change: _Change) -> None:
        name, _ = key
        del self._changes[key]
        if _is_deleted(name, change):
            return
        if change.before is None:
            self._finish_creation(name, change.record)
        else:
            self._finish_update(change.record, change.before)

    def _finish_creation(self, name: str, record: dict[str, Any]) -> None:
        config, reason = record["config"], self._current_settings().creation_failure
        if reason is not None:
            failed = {"State": "Failed", "StateReason": reason, "StateReasonCode": _FAILURE_CODE}
            _set_states(config, failed)
        elif config.get("SnapStart", {}).get("OptimizationStatus") == "On":
            # MiniStack starts the version, which then becomes active.
            self._provision(name, record)
        else:
            _set_states(config, _READY)
        if config["State"] != "Pending":
            self._on_state(config)

    def _finish_update(self, record: dict[str, Any], before: _Code) -> None:
        config, reason = record["config"], self._current_settings().update_failure
        if reason is None:
            _set_states(config, _READY)
            self._on_state(config)
            return
        record["code_zip"] = before.zip
        config.clear()
        config.update(before.config)
        failed = {
            "State": "Active",
            "LastUpdateStatus": "Failed",
            "LastUpdateStatusReason": reason,
            "LastUpdateStatusReasonCode": _FAILURE_CODE,
        }
        _set_states(config, failed)
        self._on_state(config)

    def _before_update(self, config: Mapping[str, Any]) -> _Code | None:
        """What an invocation of a configuration runs instead of it, or None."""
        # MiniStack enters the account and Region of the function first, if they are others.
        if lambda_svc._function_config_scope_mismatch(config) or not self._is_api_call.get():
            return None
        if config.get("Version") != _LATEST:
            return None
        with self._lock:
            change = self._running(config["FunctionName"])
        return None if change is None else change.before

    def _running(self, name: str) -> _Change | None:
        change: _Change | None = self._changes.get((name, _LATEST))
        return None if change is None or _is_deleted(name, change) else change

    def _pending_seconds(self) -> float:
        return self._current_settings().pending_seconds

    def _current_settings(self) -> FunctionSettings:
        return self.settings(responses.get_account_id())


def _is_deleted(name: str, change: _Change) -> bool:
    """Whether the function or version does not exist any more, or was created again."""
    version = change.record["config"]["Version"]
    current, _ = lambda_svc._get_func_record_for_qualifier(name, version)
    return current is not change.record


def _versions(name: str) -> dict[str, Any]:
    """MiniStack's records of a function's versions, by their numbers."""
    return dict(lambda_svc._functions.get(name, {}).get("versions", {}))


def _code_of(record: Mapping[str, Any] | None) -> _Code | None:
    if record is None:
        return None
    return _Code(record.get("code_zip"), copy.deepcopy(record["config"]))


def _set_states(config: dict[str, Any], states: Mapping[str, str]) -> None:
    for name in _MEMBERS:
        config.pop(name, None)
    config.update(states)


def _wrong_state(state: str) -> Response:
    return _conflict(f"The function is currently in the following state: {state}")


def _conflict(reason: str) -> Response:
    response: Response = responses.error_response_json(
        "ResourceConflictException",
        f"The operation cannot be performed at this time. {reason}",
        409,
    )
    return response
