"""The calls of one step to AppFlow and to Lambda, and what they cost under a throttle.

AppFlow's journal has the calls to AppFlow. The local cloud's CloudTrail has those to Lambda.
"""

from __future__ import annotations

import json
import math
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from tests.support import Account

CALLS_PER_SECOND = 10

# The most events that LookupEvents returns, and MiniStack returns no further page.
_PAGE = 50


@dataclass(frozen=True)
class Step:
    """The calls of the handler in one step, the oldest first.

    Attributes:
        appflow: the calls to AppFlow, as its journal has them.
        to_lambda: when each call to Lambda about a connector's function was made.
    """

    appflow: Sequence[Mapping[str, Any]]
    to_lambda: Sequence[datetime]

    def without_the_failure(self, label: str) -> Step:
        """What follows the first call about a connector that fails, without the calls about it."""
        labels = [call["parameters"]["connectorLabel"] for call in self.appflow]
        began = _time(self.appflow[labels.index(label)])
        return Step(
            [
                call
                for call, found in zip(self.appflow, labels, strict=True)
                if _time(call) >= began and found != label
            ],
            [time for time in self.to_lambda if time >= began],
        )

    def figures(self, connectors: int) -> dict[str, Any]:
        """The calls for each connector, and the time between the first and the last to AppFlow.

        Raises:
            RuntimeError: a call failed in another way than by the throttle.
        """
        handled = [call for call in self.appflow if call["outcome"] != "ThrottlingException"]
        outcomes = Counter(call["outcome"] for call in handled)
        if set(outcomes) != {"OK"}:
            raise RuntimeError(f"not every call succeeded: {outcomes}")
        times = [_time(call) for call in self.appflow]
        return {
            "calls_per_connector": len(handled) / connectors,
            "lambda_calls_per_connector": len(self.to_lambda) / connectors,
            "throttled": len(self.appflow) - len(handled),
            "seconds_of_calls": (max(times) - min(times)).total_seconds(),
            # The token bucket is full at first.
            "least_seconds": (len(handled) - CALLS_PER_SECOND) / CALLS_PER_SECOND,
        }


class Recorder:
    """Records the calls of the handlers of an account, from step to step.

    Args:
        account: an account of a local cloud, whose CloudTrail records from now on.
        functions: the ARNs of the connectors' functions.
    """

    def __init__(self, account: Account, functions: Iterable[str]) -> None:
        self._account = account
        self._functions = list(functions)
        url = f"http://127.0.0.1:{account.local_cloud.port}/_ministack/config"
        settings = json.dumps({"cloudtrail._recording_enabled": "true"}).encode()
        urllib.request.urlopen(url, settings, timeout=10).close()
        self.begin()

    def begin(self) -> None:
        """Begin a step."""
        self._since = datetime.now(timezone.utc)
        self._before = len(self._account.calls())

    def step(self) -> Step:
        """The calls since the step began."""
        calls = self._account.calls(after=self._before)
        times = [time for arn in self._functions for time in self._calls_about(arn)]
        return Step(calls, sorted(time for time in times if time >= self._since))

    def _calls_about(self, function: str) -> Iterator[datetime]:
        """When handlers have called Lambda about a function."""
        for event in self._events_about(function):
            # The credentials of a role, and not of the root, with which the local cloud calls.
            if event["AccessKeyId"].startswith("ASIA"):
                yield event["EventTime"]

    def _events_about(self, function: str) -> Iterator[Mapping[str, Any]]:
        """CloudTrail's events of a function since the step began, the newest first.

        Raises:
            RuntimeError: a second has more events than LookupEvents returns.
        """
        lookup = self._account.client("cloudtrail").lookup_events
        about = [{"AttributeKey": "ResourceName", "AttributeValue": function}]
        seen: set[str] = set()
        # The request has whole seconds.
        start = math.floor(self._since.timestamp())
        end = math.ceil(datetime.now(timezone.utc).timestamp())
        while True:
            page = lookup(LookupAttributes=about, StartTime=start, EndTime=end)["Events"]
            yield from (event for event in page if event["EventId"] not in seen)
            seen |= {event["EventId"] for event in page}
            if len(page) < _PAGE:
                return
            oldest = math.ceil(page[-1]["EventTime"].timestamp())
            if oldest >= end:
                raise RuntimeError(f"more than {_PAGE} calls about {function} in one second")
            end = oldest


def _time(call: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(call["at"])
