"""The control API, by account: AppFlow's journal, and the settings of AppFlow and of functions."""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .appflow.endpoint import Endpoint
from .environment import CONTROL_PATH, FUNCTION_SETTINGS_PATH, JOURNAL_PATH, SETTINGS_PATH
from .event_delivery import EventDelivery
from .function_states import FunctionStates


def control_api(
    app: ASGIApp, endpoint: Endpoint, states: FunctionStates, delivery: EventDelivery
) -> ASGIApp:
    """Serve the control API, and leave all other requests to an application."""

    async def read_journal(request: Request) -> JSONResponse:
        return JSONResponse(endpoint.journal.calls(_account(request), after=_after(request)))

    async def configure(request: Request) -> JSONResponse:
        endpoint.configure(_account(request), await request.json())
        return JSONResponse({})

    async def configure_functions(request: Request) -> JSONResponse:
        states.configure(_account(request), await request.json())
        delivery.settings_changed()
        return JSONResponse({})

    controls = Starlette(
        routes=[
            Route(JOURNAL_PATH + "/{account:path}", read_journal),
            Route(SETTINGS_PATH + "/{account:path}", configure, methods=["PUT"]),
            Route(FUNCTION_SETTINGS_PATH + "/{account:path}", configure_functions, methods=["PUT"]),
        ],
        exception_handlers={ValueError: _refuse},
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_control = scope["type"] == "http" and scope["path"].startswith(CONTROL_PATH)
        await (controls if is_control else app)(scope, receive, send)

    return serve


def _refuse(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"message": str(error)}, status_code=400)


def _account(request: Request) -> str:
    account: str = request.path_params["account"]
    if not re.fullmatch("[0-9]{12}", account):
        path = request.url.path.removesuffix(account)
        raise ValueError(
            f"{account!r} is not an account: it must be a number of 12 digits, for example"
            f" {path}000000000000."
        )
    return account


def _after(request: Request) -> int:
    after = request.query_params.get("after", "0")
    if not re.fullmatch("[0-9]+", after):
        raise ValueError(
            f"after is {after!r}, not the number of calls to leave out: it must be an integer of"
            " at least 0, for example ?after=12."
        )
    return int(after)
