"""How AppFlow behaves in an account where AWS documents no behaviour, or none that is constant.

AWS publishes neither the rate of calls that AppFlow accepts nor the time that a permission takes to
become effective, and leaves other questions open. Most defaults are the stricter readings: code
that works with them works with the other values too.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..account_settings import choice, number


@dataclass(frozen=True)
class Settings:
    """The settings of one account; over HTTP their names are in camelCase.

    Attributes:
        calls_per_second: the rate at which a token bucket fills in each Region, and its size, at
            least 1: the number of calls that it admits at once. Default: None, unlimited.
        permission_delay_seconds: how long a permission takes to become effective, from the first
            call that finds it. This applies to the caller's permissions for the action and for the
            connector's function, and to AppFlow's own permission for that function, version or
            alias. After a call that does not find the permission, the delay starts again.
            Default: 0.
        clock_ahead_seconds: how far AppFlow's clock is ahead, so that client tokens expire and
            permissions become effective without a wait. Default: 0.
        connector_timeout_seconds: how long AppFlow waits for a response of a connector; then the
            call fails with ``ConnectorServerException``, or the run of a flow with that message.
            The README of Amazon's SDK for connectors asks for a response within 10 seconds and
            mentions a timeout after 30. Default: 10.
        token_scope: whether a client token that was used for one operation counts for all
            operations (``account``) or for that operation only (``operation``). The documentation
            of each operation mentions that operation only. Default: ``account``.
        token_misuse: the error for a client token that was used with other parameters,
            ``ConflictException`` or ``ValidationException``. The documentation says that there is
            an error, not which one. Default: ``ConflictException``.
        failed_tokens: whether a failed call with the same client token is carried out again
            (``forgotten``) or fails again without an effect (``remembered``). Default:
            ``forgotten``.
        omitted_description: whether an update without a description keeps the registered one
            (``kept``) or removes it (``cleared``). Default: ``kept``.
        registered_at: whether an update keeps the time of the registration (``kept``) or sets it to
            the time of the update (``renewed``). Default: ``kept``.
        taken_label: the error for registering a label that is already registered,
            ``ConflictException`` or ``ValidationException``. Default: ``ConflictException``.
        missing_function: the error for a function that does not exist, ``AccessDeniedException``,
            ``ResourceNotFoundException`` or ``ConnectorServerException``. Default:
            ``AccessDeniedException``.
        qualified_functions: whether the ARN of a version or alias is ``accepted`` or ``refused``.
            The documented pattern allows both. Default: ``accepted``.
        caller_permission: whether the caller needs lambda:InvokeFunction on the connector's
            function (``required``), as the native AWS::AppFlow::Connector requires, or not
            (``ignored``). Default: ``required``.
    """

    calls_per_second: float | None = number(None, least=0.001)
    permission_delay_seconds: float = number(0, least=0)
    clock_ahead_seconds: float = number(0, least=0)
    connector_timeout_seconds: float = number(10, least=0.1)
    token_scope: str = choice("account", "operation")
    token_misuse: str = choice("ConflictException", "ValidationException")
    failed_tokens: str = choice("forgotten", "remembered")
    omitted_description: str = choice("kept", "cleared")
    registered_at: str = choice("kept", "renewed")
    taken_label: str = choice("ConflictException", "ValidationException")
    missing_function: str = choice(
        "AccessDeniedException", "ResourceNotFoundException", "ConnectorServerException"
    )
    qualified_functions: str = choice("accepted", "refused")
    caller_permission: str = choice("required", "ignored")
