"""The steps of the demo, each with the state that is expected after it.

After each step the demo reads the registration from AppFlow. It stops at the first state that is
not the expected one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_appflow_connector_cli.configuration_table import configuration_rows

from .deployment import (
    ACCOUNT,
    FLOW_APP,
    FLOW_STACK,
    LABEL,
    STACK,
    Deployment,
    Registration,
)
from .salesforce import CONFIGURATION, replace_in, stage_connector
from .screen import Screen

# The code of the connector with a flow.
_CRM = Path("examples", "connector")


class UnexpectedStateError(RuntimeError):
    """The state after a step is not the expected one."""


@dataclass(frozen=True)
class State:
    """What is registered between two steps, and all calls of the handler so far."""

    registration: Registration | None
    calls: list[str]


class Demo:
    """The demo, on one deployment of the sample app."""

    def __init__(self, deployment: Deployment, screen: Screen, folder: Path) -> None:
        self._deployment = deployment
        self._screen = screen
        self._folder = folder
        self._state = State(None, [])

    def run(self) -> None:
        """Run all steps.

        Raises:
            UnexpectedStateError: the state after a step is not the expected one.
        """
        code = stage_connector(self._folder / "connector")
        self._register(code)
        self._refresh(code)
        self._find_stale(code)
        self._move(code)
        self._fail(code)
        self._deploy_unchanged(code)
        self._destroy(code)
        self._run_flow()
        self._break_flow()

    def _register(self, code: Path) -> None:
        self._screen.step("Deploy a connector: it is registered in AppFlow")
        self._cdk("bootstrap", f"aws://{ACCOUNT}/us-east-1")
        self._deploy(code)
        _, now = self._read_state()
        self._expect("the connector is registered", now.registration is not None)
        self._expect(
            "the registered ARN is the ARN of the deployed function", self._has_deployed_arn(now)
        )

    def _refresh(self, code: Path) -> None:
        self._screen.step("Change the connector's code: AppFlow reads its configuration again")
        for old, new in (
            ("CONNECTOR_VERSION = '1.0'", "CONNECTOR_VERSION = '1.1'"),
            ("API_VERSION = 'v51.0'", "API_VERSION = 'v59.0'"),
        ):
            replace_in(code / CONFIGURATION, old, new)
            self._screen.edit(CONFIGURATION.name, old, new)
        self._deploy(code)
        before, now = self._read_state()
        self._expect("the registered ARN has not changed", _arn(now) == _arn(before))
        self._expect("version 1.1 is registered", _member(now, "connectorVersion") == "1.1")
        one_refresh = ["DescribeConnector", "UpdateConnectorRegistration", "DescribeConnector"]
        self._expect("AppFlow was refreshed once", _new_calls(before, now) == one_refresh)

    def _find_stale(self, code: Path) -> None:
        self._screen.step("Change the code without a deployment: status finds what is stale")
        old, new = "API_VERSION = 'v59.0'", "API_VERSION = 'v60.0'"
        replace_in(code / CONFIGURATION, old, new)
        self._screen.edit(CONFIGURATION.name, old, new)
        self._screen.note("aws lambda update-function-code changes the function")
        self._deployment.update_code(code)
        self._inspect("status", "--stack", STACK, exit_code=1)
        self._inspect("refresh", LABEL)
        self._inspect("status", "--stack", STACK)
        before, now = self._read_state()
        self._expect("the handler made no call", now.calls == before.calls)
        self._expect("v60.0 is registered", _member(now, "supportedApiVersions") == ["v60.0"])

    def _move(self, code: Path) -> None:
        self._screen.step("Replace the connector's function: the registration moves to its ARN")
        self._deploy(code, function_id="ConnectorTwo")
        before, now = self._read_state()
        self._expect("the registered ARN is a new one", _arn(now) != _arn(before))
        self._expect(
            "the registered ARN is the ARN of the deployed function", self._has_deployed_arn(now)
        )

    def _fail(self, code: Path) -> None:
        self._screen.step("Deploy a connector that AppFlow refuses: the stack rolls back")
        broken = self._folder / "broken-connector"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(code, broken)
        old, new = "connector_owner=CONNECTOR_OWNER,", "connector_owner=CONNECTOR_OWNR,"
        replace_in(broken / CONFIGURATION, old, new)
        self._screen.edit(CONFIGURATION.name, old, new)
        self._deploy(broken, function_id="ConnectorThree", fails=True)
        self._screen.reason(self._deployment.failure_reason(STACK))
        before, now = self._read_state()
        status = self._deployment.stack_status(STACK)
        self._expect(f"the stack is {status}", status == "UPDATE_ROLLBACK_COMPLETE")
        self._expect("the registration is unchanged", now.registration == before.registration)
        self._expect(
            "the registered ARN is the ARN of the deployed function", self._has_deployed_arn(now)
        )

    def _deploy_unchanged(self, code: Path) -> None:
        self._screen.step("Deploy the working app again, unchanged: AppFlow is not called")
        self._deploy(code, function_id="ConnectorTwo")
        before, now = self._read_state()
        self._expect("AppFlow was not called", now.calls == before.calls)

    def _destroy(self, code: Path) -> None:
        self._screen.step("Destroy the stack: the connector is unregistered")
        self._cdk("destroy", "--force", *_context(code, "ConnectorTwo"))
        _, now = self._read_state()
        self._expect("the connector is not registered", now.registration is None)

    def _run_flow(self) -> None:
        self._screen.step("Deploy a connector with a flow, and run it: its rows are in a bucket")
        self._deploy_flow(_CRM)
        status = self._deployment.run_flow()
        rows = self._deployment.rows()
        self._screen.rows(rows)
        self._expect("the run of the flow was successful", status == "Successful")
        self._expect("the rows of the connector are in the bucket", len(rows) == 5)

    def _break_flow(self) -> None:
        self._screen.step("Remove the API version that the flow uses: the deployment is refused")
        changed = self._folder / "crm"
        shutil.rmtree(changed, ignore_errors=True)
        shutil.copytree(_CRM, changed)
        old, new = '"supportedApiVersions": ["v1"]', '"supportedApiVersions": ["v2"]'
        replace_in(changed / "crm.py", old, new)
        self._screen.edit("crm.py", old, new)
        self._deploy_flow(changed, fails=True)
        reason = self._deployment.failure_reason(FLOW_STACK)
        self._screen.reason(reason)
        self._expect("the reason names the flow", "(flow acme-accounts)" in reason)
        status = self._deployment.stack_status(FLOW_STACK)
        self._expect(f"the stack is {status}", status == "UPDATE_ROLLBACK_COMPLETE")
        status = self._deployment.run_flow()
        self._expect("the flow runs as before", status == "Successful")

    def _deploy_flow(self, code: Path, *, fails: bool = False) -> None:
        # No value is a secret here.
        password = ("--parameters", "Password=any")
        context = ("-c", f"connectorCode={code}")
        self._cdk(
            *("deploy", "--app", FLOW_APP, "--require-approval", "never"),
            *password,
            *context,
            fails=fails,
        )

    def _inspect(self, *arguments: str, exit_code: int = 0) -> None:
        with self._screen.command("cdk-appflow-connector", *arguments):
            found, printed = self._deployment.inspect(list(arguments), self._screen.width)
        self._screen.output(printed)
        self._expect(f"{arguments[0]} exits with {exit_code}", found == exit_code)

    def _deploy(self, code: Path, *, function_id: str = "Connector", fails: bool = False) -> None:
        self._cdk(
            "deploy", "--require-approval", "never", *_context(code, function_id), fails=fails
        )

    def _cdk(self, *arguments: str, fails: bool = False) -> None:
        with self._screen.command("cdk", *arguments) as on_line:
            exit_code = self._deployment.cdk(list(arguments), on_line)
        outcome = "fails, as expected" if fails else "succeeds"
        self._expect(f"cdk {arguments[0]} {outcome}", (exit_code != 0) == fails)

    def _read_state(self) -> tuple[State, State]:
        """Read and show the state; return the one before the step and the current one."""
        before = self._state
        now = State(self._deployment.registration(), self._deployment.handler_calls())
        self._state = now
        self._screen.registration(LABEL, _rows(before), _rows(now), _new_calls(before, now))
        return before, now

    def _has_deployed_arn(self, state: State) -> bool:
        return _arn(state) == self._deployment.connector_function_arn()

    def _expect(self, what: str, is_so: bool) -> None:
        self._screen.check(what, is_so)
        if not is_so:
            raise UnexpectedStateError(f"not as expected: {what}")


def _context(code: Path, function_id: str) -> Iterator[str]:
    yield from ("-c", f"connectorCode={code}")
    yield from ("-c", f"connectorFunctionId={function_id}")


def _arn(state: State) -> str | None:
    return None if state.registration is None else state.registration.lambda_arn


def _member(state: State, name: str) -> Any:
    return None if state.registration is None else state.registration.configuration[name]


def _new_calls(before: State, now: State) -> list[str]:
    return now.calls[len(before.calls) :]


# The rows of the configuration that the steps change.
_SHOWN = ("Connector version", "API versions", "Write operations")


def _rows(state: State) -> Mapping[str, str]:
    registration = state.registration
    if registration is None:
        return {}
    found = configuration_rows(registration.configuration)
    return {
        "Lambda function": registration.function_name,
        **{heading: found[heading] for heading in _SHOWN},
    }
