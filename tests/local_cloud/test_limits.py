"""How calls are counted, and how permissions become effective, without a local cloud."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from appflow_local_cloud.appflow.errors import ThrottlingException
from appflow_local_cloud.appflow.limits import PermissionPropagation, TokenBucket

PERMISSION = ("arn:aws:sts::111122223333:assumed-role/handler", "appflow:RegisterConnector", "*")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def is_effective(
    propagation: PermissionPropagation,
    permission: tuple[str, str, str] = PERMISSION,
    *,
    at: float,
    found: bool = True,
    delay: float = 2,
) -> bool:
    """Whether a permission is effective a number of seconds after the start."""
    now = START + timedelta(seconds=at)
    return propagation.is_effective(
        permission, found=found, now=now, delay=timedelta(seconds=delay)
    )


def test_calls_are_unlimited_by_default() -> None:
    """Without a rate, no call is refused."""
    bucket = TokenBucket(None)

    for _ in range(1000):
        bucket.take()


def test_bucket_fills_at_its_rate() -> None:
    """A bucket admits the calls of its size at once, then calls at its rate."""
    clock = Clock()
    bucket = TokenBucket(10, clock)
    admitted = 0
    for tick in range(50):  # five seconds
        clock.now = tick / 10
        for _ in range(5):
            try:
                bucket.take()
            except ThrottlingException:
                continue
            admitted += 1

    assert admitted == 10 + 49


def test_permission_without_delay_is_effective() -> None:
    """Without a delay, a permission is effective if it is found."""
    assert is_effective(PermissionPropagation(), at=0, delay=0)
    assert not is_effective(PermissionPropagation(), at=0, delay=0, found=False)


def test_permission_is_effective_after_delay() -> None:
    """A permission becomes effective when the delay has passed since it was first found."""
    propagation = PermissionPropagation()

    assert [is_effective(propagation, at=at) for at in (0, 1.9, 2)] == [False, False, True]


def test_missed_permission_starts_again() -> None:
    """A permission that was not found in between has to become effective again."""
    propagation = PermissionPropagation()
    is_effective(propagation, at=0)
    assert is_effective(propagation, at=2)

    assert not is_effective(propagation, at=3, found=False)
    assert [is_effective(propagation, at=at) for at in (4, 5.9, 6)] == [False, False, True]


@pytest.mark.parametrize("part", [0, 1, 2], ids=["principal", "action", "resource"])
def test_permissions_are_independent(part: int) -> None:
    """Permissions with another principal, action or resource become effective separately."""
    propagation = PermissionPropagation()
    is_effective(propagation, at=0)
    principal, action, resource = [
        "another" if number == part else name for number, name in enumerate(PERMISSION)
    ]

    assert not is_effective(propagation, (principal, action, resource), at=2)
