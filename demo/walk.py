"""The steps of the demo: what is typed, what AppFlow holds afterwards, what it should hold.

Every step asks AppFlow itself. The expectations are compared and not only shown: a step that ends
in another state stops the walk.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .deployment import ACCOUNT, LABEL, Deployment, Held
from .salesforce import CONFIGURATION, replace_in, stage_connector
from .screen import Screen


class UnexpectedStateError(RuntimeError):
    """After a step, something is not as it should be."""


@dataclass(frozen=True)
class State:
    """What there is to see between two steps."""

    held: Held | None
    calls: list[str]


class Walk:
    """The demo, on one deployment of the sample app."""

    def __init__(self, deployment: Deployment, screen: Screen, folder: Path) -> None:
        self._deployment = deployment
        self._screen = screen
        self._folder = folder
        self._state = State(None, [])

    def run(self) -> None:
        """Go through all steps.

        Raises:
            UnexpectedStateError: a step did not end as it should.
        """
        code = stage_connector(self._folder / "connector")
        self._register(code)
        self._refresh(code)
        self._move(code)
        self._fail(code)
        self._unchanged(code)
        self._destroy(code)

    def _register(self, code: Path) -> None:
        self._screen.step("Deploy a connector: AppFlow gets to know it")
        self._cdk("bootstrap", f"aws://{ACCOUNT}/us-east-1")
        self._deploy(code)
        _, now = self._look()
        self._expect("the connector is registered", now.held is not None)
        self._expect("AppFlow holds the stack's function", self._holds_the_stacks_function(now))

    def _refresh(self, code: Path) -> None:
        self._screen.step("Change the connector's code: AppFlow reads its configuration again")
        for old, new in (
            ("CONNECTOR_VERSION = '1.0'", "CONNECTOR_VERSION = '1.1'"),
            ("API_VERSION = 'v51.0'", "API_VERSION = 'v59.0'"),
        ):
            replace_in(code / CONFIGURATION, old, new)
            self._screen.edit(CONFIGURATION.name, old, new)
        self._deploy(code)
        before, now = self._look()
        self._expect("the function is the same", _arn(now) == _arn(before))
        self._expect("AppFlow holds version 1.1", _member(now, "connectorVersion") == "1.1")
        told_once = ["UpdateConnectorRegistration", "DescribeConnector"]
        self._expect("AppFlow was told once", _new_calls(before, now) == told_once)

    def _move(self, code: Path) -> None:
        self._screen.step("Replace the connector's function: the registration moves to the new ARN")
        self._deploy(code, function_id="ConnectorTwo")
        before, now = self._look()
        self._expect("the function is another one", _arn(now) != _arn(before))
        self._expect("AppFlow holds the stack's function", self._holds_the_stacks_function(now))

    def _fail(self, code: Path) -> None:
        self._screen.step("Deploy a connector that AppFlow refuses: everything goes back")
        broken = self._folder / "broken-connector"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(code, broken)
        old, new = "connector_owner=CONNECTOR_OWNER,", "connector_owner=CONNECTOR_OWNR,"
        replace_in(broken / CONFIGURATION, old, new)
        self._screen.edit(CONFIGURATION.name, old, new)
        self._deploy(broken, function_id="ConnectorThree", fails=True)
        self._screen.reason(self._deployment.failure_reason())
        before, now = self._look()
        status = self._deployment.stack_status()
        self._expect(f"the stack is {status}", status == "UPDATE_ROLLBACK_COMPLETE")
        self._expect("AppFlow holds what it held before", now.held == before.held)
        self._expect("AppFlow holds the stack's function", self._holds_the_stacks_function(now))

    def _unchanged(self, code: Path) -> None:
        self._screen.step("Deploy the good app again, unchanged: AppFlow hears nothing")
        self._deploy(code, function_id="ConnectorTwo")
        before, now = self._look()
        self._expect("AppFlow was not called", now.calls == before.calls)

    def _destroy(self, code: Path) -> None:
        self._screen.step("Destroy the stack: the connector is unregistered")
        self._cdk("destroy", "--force", *_context(code, "ConnectorTwo"))
        _, now = self._look()
        self._expect("nothing is registered any more", now.held is None)

    def _deploy(self, code: Path, *, function_id: str = "Connector", fails: bool = False) -> None:
        self._cdk(
            "deploy", "--require-approval", "never", *_context(code, function_id), fails=fails
        )

    def _cdk(self, *arguments: str, fails: bool = False) -> None:
        with self._screen.command("cdk", *arguments) as on_line:
            exit_code = self._deployment.cdk(list(arguments), on_line)
        wanted = "fails, as it should" if fails else "succeeds"
        self._expect(f"cdk {arguments[0]} {wanted}", (exit_code != 0) == fails)

    def _look(self) -> tuple[State, State]:
        before = self._state
        now = State(self._deployment.held(), self._deployment.calls_by_the_handler())
        self._state = now
        self._screen.held(LABEL, _shown(before), _shown(now), _new_calls(before, now))
        return before, now

    def _holds_the_stacks_function(self, state: State) -> bool:
        return _arn(state) == self._deployment.connector_function_arn()

    def _expect(self, what: str, holds: bool) -> None:
        self._screen.check(what, holds)
        if not holds:
            raise UnexpectedStateError(what)


def _context(code: Path, function_id: str) -> Iterator[str]:
    yield from ("-c", f"connectorCode={code}")
    yield from ("-c", f"connectorFunctionId={function_id}")


def _arn(state: State) -> str | None:
    return None if state.held is None else state.held.lambda_arn


def _member(state: State, name: str) -> Any:
    return None if state.held is None else state.held.configuration[name]


def _new_calls(before: State, now: State) -> list[str]:
    return now.calls[len(before.calls) :]


_ROWS: Mapping[str, Callable[[Held], str]] = {
    "Lambda ARN": lambda held: held.lambda_arn,
    "Connector version": lambda held: str(held.configuration["connectorVersion"]),
    "API versions": lambda held: ", ".join(held.configuration["supportedApiVersions"]),
    "Write operations": lambda held: ", ".join(held.configuration["supportedWriteOperations"]),
}


def _shown(state: State) -> Mapping[str, str]:
    held = state.held
    return {} if held is None else {name: of(held) for name, of in _ROWS.items()}
