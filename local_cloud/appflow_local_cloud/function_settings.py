"""How the Lambda functions of an account become ready, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass

from .account_settings import choice, number, optional_text


@dataclass(frozen=True)
class FunctionSettings:
    """The settings of one account; over HTTP their names are in camelCase.

    A change applies to functions that are not ready yet, too: with a shorter time they are ready
    earlier.

    Attributes:
        pending_seconds: how long a function is ``Pending`` after its creation. This applies to a
            version, too, that is published of such a function, or that is Pending on AWS: one of a
            function with SnapStart or a container image. Default: 0.
        in_progress_seconds: how long the ``LastUpdateStatus`` is ``InProgress`` after an update of
            code or configuration. Default: 0.
        creation_failure: the ``StateReason`` of functions and versions that become ``Failed``
            instead of ``Active``. Default: None, they become active.
        update_failure: the ``LastUpdateStatusReason`` of updates that become ``Failed`` instead of
            ``Successful``. Default: None, they become successful.
        state_event_delay_seconds: how long EventBridge receives Lambda's event of a state after the
            state was reached. Default: 0.
        call_event_delay_seconds: how long EventBridge receives CloudTrail's event of a call after
            the call; on AWS seconds, or minutes. Default: 0.
        event_delivery: whether each event is delivered ``once`` or ``twice``, with the same id.
            EventBridge delivers at least once. Default: ``once``.
        event_order: whether events are delivered when they are due (``kept``), or each time one is
            due all that wait are, the newest first (``reversed``). EventBridge keeps no order.
            Default: ``kept``.
    """

    pending_seconds: float = number(0, least=0)
    in_progress_seconds: float = number(0, least=0)
    creation_failure: str | None = optional_text()
    update_failure: str | None = optional_text()
    state_event_delay_seconds: float = number(0, least=0)
    call_event_delay_seconds: float = number(0, least=0)
    event_delivery: str = choice("once", "twice")
    event_order: str = choice("kept", "reversed")
