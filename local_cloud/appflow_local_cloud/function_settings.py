"""How the Lambda functions of an account become ready, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass

from .account_settings import number, optional_text


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
    """

    pending_seconds: float = number(0, least=0)
    in_progress_seconds: float = number(0, least=0)
    creation_failure: str | None = optional_text()
    update_failure: str | None = optional_text()
