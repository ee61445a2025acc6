"""One response to each event: that it arrives, and what it never contains."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import trustme
import urllib3
from connector_registration import sdk, time_budget
from connector_registration.custom_resource import CustomResource
from connector_registration.delivery import pool
from connector_registration.response import (
    ReportableError,
    Response,
    ResponseNotDeliveredError,
)
from pytest_httpserver import HTTPServer
from werkzeug import Response as HttpResponse

from appflow_local_cloud.environment import free_port
from tests.handler.clock import Clock
from tests.handler.cloudformation import (
    RESPONSE_PATH,
    SIGNATURE,
    CloudFormation,
    Context,
)
from tests.handler.endpoint import Endpoint, status
from tests.handler.events import LABEL, properties
from tests.handler.log import Log
from tests.support import Account, connector


@pytest.fixture
def stack(httpserver: HTTPServer, trusted: None, clock: Clock) -> CloudFormation:
    """CloudFormation without a handler; each test says how the endpoint behaves."""
    return CloudFormation(httpserver.url_for(f"{RESPONSE_PATH}?{SIGNATURE}"), lambda *_: None)


def respond(cloudformation: CloudFormation, **event: Any) -> Response:
    """A response to a Create that is not sent yet."""
    sent = cloudformation.event("Create", {}, **event)
    return Response(sent, pool, failure_physical_id=LABEL)


def succeeding(http: Callable[[str], urllib3.PoolManager]) -> CustomResource:
    """A handler whose Create succeeds."""
    resource = CustomResource(http)

    @resource.create
    def create(event: Mapping[str, Any], context: Any) -> str:
        return LABEL

    return resource


def raising(error: Exception) -> CustomResource:
    """A handler whose Create raises an error."""
    resource = CustomResource(pool)

    @resource.create
    def create(event: Mapping[str, Any], context: Any) -> str:
        raise error

    return resource


def bodies(httpserver: HTTPServer) -> list[Mapping[str, Any]]:
    """The responses that the endpoint has received."""
    return [json.loads(request.data) for request, _ in httpserver.log]


class TestOutcome:
    """What the handler logs about a delivery."""

    def test_redirect_is_not_followed(
        self, httpserver: HTTPServer, stack: CloudFormation, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A redirect, which may lead away from TLS, is not followed."""
        elsewhere = httpserver.url_for("/elsewhere")
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(
            status=307, headers={"Location": elsewhere}
        )
        httpserver.expect_request("/elsewhere").respond_with_data()

        respond(stack).succeed(LABEL, {})

        assert [request.path for request, _ in httpserver.log] == [RESPONSE_PATH]
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {"response": "refused", "status": "SUCCESS", "http_status": 307}

    def test_refused_url_is_logged_as_an_error(
        self, httpserver: HTTPServer, stack: CloudFormation, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A URL that is refused ends in an error in the log, without a second try."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=403)

        respond(stack).succeed(LABEL, {})

        assert len(httpserver.log) == 1
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {"response": "refused", "status": "SUCCESS", "http_status": 403}

    def test_unreachable_endpoint_is_logged(
        self, stack: CloudFormation, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An endpoint that cannot be reached ends in an error in the log."""
        url = f"https://localhost:{free_port()}/response?{SIGNATURE}"

        respond(stack, ResponseURL=url).succeed(LABEL, {})

        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {
            "response": "lost",
            "status": "SUCCESS",
            "error": "NewConnectionError",
        }


class TestReserve:
    """The time that is reserved for the response."""

    def test_timer_fires_after_the_last_call(self) -> None:
        """The timer fires after the last call has ended and in time for its response."""
        timeouts = sdk.TIMEOUTS["appflow"]
        call = timeouts.connect + timeouts.read

        assert time_budget.RESPONSE_RESERVE_SECONDS - call > time_budget.TIMER_SECONDS
        assert time_budget.TIMER_SECONDS > time_budget.MAX_SEND_SECONDS

    def test_rollback_polls_after_the_last_call(self) -> None:
        """A rollback has time to poll after the last call of the update that it reverts."""
        timeouts = sdk.TIMEOUTS["appflow"]
        update_has_ended = time_budget.RESERVED_SECONDS - timeouts.connect - timeouts.read

        assert (
            update_has_ended - time_budget.MAX_PAUSE_SECONDS > time_budget.RESPONSE_RESERVE_SECONDS
        )


class TestContent:
    """The content of a response."""

    @pytest.fixture(autouse=True)
    def accept(self, httpserver: HTTPServer) -> None:
        """Let the endpoint accept every response."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=200)

    @pytest.mark.parametrize(
        "reason", ["x" * 10_000, "ü" * 10_000, "\U0001f4a5" * 10_000, '"' * 9999]
    )
    def test_long_reason_is_truncated(
        self, httpserver: HTTPServer, stack: CloudFormation, reason: str
    ) -> None:
        """A long reason is truncated to 4096 bytes of response and keeps its start."""
        respond(stack).fail(reason)

        [(request, _)] = httpserver.log
        assert len(request.data) <= 4096
        kept = json.loads(request.data)["Reason"]
        assert reason.startswith(kept)
        # Nothing is truncated that would have fitted; the longest character takes twelve bytes.
        assert len(request.data) > 4096 - 12

    def test_ids_are_never_truncated(self, httpserver: HTTPServer, stack: CloudFormation) -> None:
        """The ids of a response are kept however long they are."""
        respond(stack, LogicalResourceId="x" * 5000).fail("no")

        assert bodies(httpserver)[0]["LogicalResourceId"] == "x" * 5000

    def test_second_response_is_not_sent(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """A second response to an event is not sent."""
        response = respond(stack)

        response.fail("out of time")
        response.succeed(LABEL, {})

        assert [body["Status"] for body in bodies(httpserver)] == ["FAILED"]

    @pytest.mark.parametrize("too_many", [0, 1, 2])
    def test_truncation_uses_every_byte(
        self, httpserver: HTTPServer, stack: CloudFormation, too_many: int
    ) -> None:
        """A truncated response uses every byte that it may have."""
        response = respond(stack)
        response.fail("x")
        room = 4096 - len(httpserver.log[0][0].data) + 1
        respond(stack).fail("x" * (room + too_many))

        assert len(httpserver.log[1][0].data) == 4096
        assert bodies(httpserver)[1]["Reason"] == "x" * room


class TestLongAttributes:
    """A SUCCESS that CloudFormation would refuse for its length."""

    LAMBDA_ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"

    @pytest.fixture(autouse=True)
    def accept(self, httpserver: HTTPServer) -> None:
        """Let the endpoint accept every response."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=200)

    @pytest.mark.parametrize("name", ["ConnectorVersion", "ConnectorArn"])
    @pytest.mark.parametrize(
        ("value", "length"), [("1" * 5000, 5002), ("ü" * 700, 4202), ("\U0001f4a5" * 400, 4802)]
    )
    def test_long_attribute_fails(
        self, httpserver: HTTPServer, stack: CloudFormation, name: str, value: str, length: int
    ) -> None:
        """A SUCCESS that is too long becomes a FAILED that names the longest attribute."""
        rest = {"ConnectorLabel": LABEL, "LambdaArn": self.LAMBDA_ARN}

        respond(stack).succeed(LABEL, {**rest, name: value})

        [(request, _)] = httpserver.log
        response = json.loads(request.data)
        assert len(request.data) <= 4096
        assert response["Status"] == "FAILED"
        assert response["Data"] == {}
        [total] = re.findall(r"of (\d+) bytes", response["Reason"])
        assert response["Reason"] == (
            f"connector {LABEL}: the attributes make a response of {total} bytes; CloudFormation"
            f" allows 4096. {name} is the longest, with {length} bytes as JSON. Shorten it, and"
            " deploy again."
        )
        assert length < int(total) < length + 500

    @pytest.mark.parametrize(("too_many", "status"), [(0, "SUCCESS"), (1, "FAILED")])
    def test_every_byte_may_be_used(
        self, httpserver: HTTPServer, stack: CloudFormation, too_many: int, status: str
    ) -> None:
        """A SUCCESS may have 4096 bytes and no more."""
        respond(stack).succeed(LABEL, {"ConnectorVersion": ""})
        room = 4096 - len(httpserver.log[0][0].data)

        respond(stack).succeed(LABEL, {"ConnectorVersion": "1" * (room + too_many)})

        assert bodies(httpserver)[1]["Status"] == status

    def test_long_ids_are_not_blamed(self, httpserver: HTTPServer, stack: CloudFormation) -> None:
        """A SUCCESS without attributes is sent however long CloudFormation's own ids are."""
        respond(stack, LogicalResourceId="x" * 5000).succeed(LABEL, {})

        assert bodies(httpserver)[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_long_version_fails_with_the_label(
    account: Account,
    cloudformation: CloudFormation,
    request_type: str,
) -> None:
    """A registered connector whose attributes are too long is reported under its label."""
    label = "x" * 256
    new = account.make_function("new", connector("\U0001f4a5" * 256))
    desired = properties(new, ConnectorLabel=label)
    event: dict[str, Any] = {}
    if request_type == "Update":
        old = account.make_function("old", connector("1.0"))
        account.register(label, old)
        event["OldResourceProperties"] = properties(old, ConnectorLabel=label)
        event["PhysicalResourceId"] = label

    response = cloudformation.send(request_type, desired, **event)

    assert response["Status"] == "FAILED"
    assert response["PhysicalResourceId"] == label
    assert "ConnectorVersion is the longest, with 3074 bytes as JSON." in response["Reason"]


class TestCrhelper:
    """What the handler changes about crhelper."""

    @pytest.fixture(autouse=True)
    def accept(self, httpserver: HTTPServer) -> None:
        """Let the endpoint accept every response."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=200)

    def test_timer_responds_for_a_slow_handler(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """The timer responds if the handler does not in time."""
        resource = CustomResource(pool)
        responded = threading.Event()

        @resource.update
        def update(event: Mapping[str, Any], context: Any) -> str:
            assert responded.wait(10)
            return LABEL

        def when_received(_: Any) -> HttpResponse:
            responded.set()
            return HttpResponse()

        httpserver.clear()
        httpserver.expect_request(RESPONSE_PATH).respond_with_handler(when_received)
        out_of_time = Context(seconds=time_budget.MAX_SEND_SECONDS)

        resource(stack.event("Update", {}, PhysicalResourceId=LABEL), out_of_time)

        [response] = bodies(httpserver)
        assert response["Status"] == "FAILED"
        assert response["PhysicalResourceId"] == LABEL
        assert response["Reason"] == (
            "The handler ran out of time before AppFlow responded. Deploy again. If it happens"
            " again, see log group /aws/lambda/registration-handler."
        )

    def test_late_timer_responds_to_no_other_event(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """A timer that was frozen with its container does not respond to a later event."""
        resource = CustomResource(pool)
        timers: list[threading.Timer] = []

        @resource.update
        def update(event: Mapping[str, Any], context: Any) -> str:
            timers.append(resource._timer)
            if len(timers) > 1:
                timers[0].function(*timers[0].args)
            return LABEL

        first, second = (stack.event("Update", {}, PhysicalResourceId=LABEL) for _ in range(2))
        resource(first, Context())
        resource(second, Context())

        assert [(body["RequestId"], body["Status"]) for body in bodies(httpserver)] == [
            (first["RequestId"], "SUCCESS"),
            (second["RequestId"], "SUCCESS"),
        ]

    def test_timer_during_a_response_sends_nothing(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """A timer that fires while the response is sent does not send another."""
        resource = CustomResource(pool)
        fired: list[threading.Thread] = []

        @resource.update
        def update(event: Mapping[str, Any], context: Any) -> str:
            return LABEL

        def fire(_: Any) -> HttpResponse:
            timer = resource._timer
            fired.append(threading.Thread(target=timer.function, args=timer.args))
            fired[0].start()
            return HttpResponse()

        httpserver.clear()
        httpserver.expect_request(RESPONSE_PATH).respond_with_handler(fire)
        resource(stack.event("Update", {}, PhysicalResourceId=LABEL), Context())
        fired[0].join()

        assert [body["Status"] for body in bodies(httpserver)] == ["SUCCESS"]

    def test_default_pool_delivers(self, httpserver: HTTPServer, stack: CloudFormation) -> None:
        """Without another pool, the handler's own connections deliver the response."""
        resource = succeeding(pool)

        resource(stack.event("Create", {}), Context())

        assert bodies(httpserver)[0]["Status"] == "SUCCESS"

    def test_lost_response_is_logged_without_its_url(self, stack: CloudFormation, log: Log) -> None:
        """A lost response is logged in a line of JSON that does not have the URL."""
        resource = succeeding(pool)

        url = f"https://localhost:{free_port()}/response?{SIGNATURE}"
        with pytest.raises(ResponseNotDeliveredError):
            resource(stack.event("Create", {}, ResponseURL=url), Context())

        [line] = log.lines
        assert json.loads(line)["message"]["response"] == "lost"
        assert SIGNATURE not in line

    def test_unexpected_error_says_what_to_report(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """An unexpected error asks for a report and names the log group and the request."""
        resource = raising(KeyError("lambda"))

        event = stack.event("Create", {})
        resource(event, Context())

        assert bodies(httpserver)[0]["Reason"] == (
            "The handler failed unexpectedly: KeyError('lambda'). Report this bug to"
            " cdk-appflow-connector, with the lines of log group"
            f" /aws/lambda/registration-handler about request {event['RequestId']}."
        )

    def test_error_without_text_has_a_reason(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """An error without a text leads to a reason that names the log group."""
        resource = CustomResource(pool)
        resource.init_failure(RuntimeError())

        resource(stack.event("Create", {}), Context())

        assert bodies(httpserver)[0]["Reason"] == "See log group /aws/lambda/registration-handler."

    def test_failed_create_keeps_its_id(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """A failed Create that is delivered twice has one physical id."""
        resource = raising(RuntimeError("no"))

        event = stack.event("Create", {})
        resource(event, Context())
        resource(event, Context())

        first, second = bodies(httpserver)
        assert first["PhysicalResourceId"] == second["PhysicalResourceId"]

    def test_malformed_event_uses_no_earlier_url(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """An event without a URL is not reported to the URL of an earlier event."""
        resource = succeeding(pool)

        resource(stack.event("Create", {}), Context())
        malformed = stack.event("Create", {})
        del malformed["ResponseURL"]
        with pytest.raises(KeyError, match="ResponseURL"):
            resource(malformed, Context())

        assert len(httpserver.log) == 1

    def test_delete_does_not_wait_for_logs(
        self, httpserver: HTTPServer, stack: CloudFormation
    ) -> None:
        """A Delete does not wait for logs before its response."""
        resource: Any = CustomResource(pool)
        slept: list[float] = []

        resource._context = Context(seconds=900)
        resource._wait_for_cwlogs(sleep=slept.append)

        assert slept == []

    @pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
    def test_no_level_logs_the_signature(
        self,
        httpserver: HTTPServer,
        stack: CloudFormation,
        caplog: pytest.LogCaptureFixture,
        level: str,
    ) -> None:
        """No line has the URL's signature at any level."""
        caplog.set_level(level)
        httpserver.clear()
        httpserver.expect_ordered_request(RESPONSE_PATH).respond_with_data(status=503)
        httpserver.expect_ordered_request(RESPONSE_PATH).respond_with_data(status=403)
        resource = raising(RuntimeError("no"))

        resource(stack.event("Create", {}), Context())

        ours = [line for line in caplog.records if line.name != "werkzeug"]
        assert [line.msg for line in ours if "response" in line.msg] == [
            {"response": "refused", "status": "FAILED", "http_status": 403}
        ]
        assert not [line for line in ours if SIGNATURE in line.getMessage()]

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 403 Forbidden\r\nno header\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 307 Elsewhere\r\nLocation: http://localhost/?X\r\nContent-Length: 0\r\n\r\n",
            b"no HTTP\r\n\r\n",
            status(503),
        ],
        ids=["malformed header", "redirect", "no HTTP", "server error"],
    )
    def test_no_answer_logs_the_signature(
        self, authority: trustme.CA, stack: CloudFormation, log: Log, answer: bytes
    ) -> None:
        """No line has the URL's signature whatever the endpoint answers."""
        resource = succeeding(pool)

        with Endpoint(authority, [answer]) as endpoint, contextlib.suppress(RuntimeError):
            url = f"{endpoint.url}?{SIGNATURE}"
            resource(stack.event("Create", {}, ResponseURL=url), Context())

        [line] = log.lines
        assert json.loads(line)["message"]["response"] in ("refused", "lost")
        assert SIGNATURE not in line


class TestLostResponse:
    """What becomes of an invocation whose response does not arrive."""

    @pytest.fixture
    def resource(self) -> CustomResource:
        """A handler that always succeeds."""
        return succeeding(pool)

    @pytest.mark.parametrize("status", [408, 409, 429, 503])
    def test_lost_response_fails_the_invocation(
        self, httpserver: HTTPServer, stack: CloudFormation, resource: CustomResource, status: int
    ) -> None:
        """A response that may still arrive fails the invocation, so that Lambda retries it."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=status)

        with pytest.raises(
            ResponseNotDeliveredError, match="did not reach CloudFormation; see the log above"
        ):
            resource(stack.event("Create", {}), Context())

    def test_refused_response_ends_the_invocation(
        self, httpserver: HTTPServer, stack: CloudFormation, resource: CustomResource
    ) -> None:
        """A response that is refused for good ends the invocation without an error."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=403)

        resource(stack.event("Create", {}), Context())

        assert len(httpserver.log) == 1

    def test_unexpected_error_loses_the_response(self, stack: CloudFormation, log: Log) -> None:
        """An unexpected error while sending is a lost response, whose text is not logged."""

        class BrokenPool(urllib3.PoolManager):
            def request(self, *_: Any, **__: Any) -> Any:
                raise OSError(f"no file descriptors for {SIGNATURE}")

        resource = succeeding(lambda _: BrokenPool())

        with pytest.raises(ResponseNotDeliveredError):
            resource(stack.event("Create", {}), Context())

        [line] = log.lines
        assert json.loads(line)["message"] == {
            "response": "lost",
            "status": "SUCCESS",
            "error": "OSError",
        }
        assert SIGNATURE not in line


class TestUrl:
    """The response URLs that are accepted."""

    @pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "10.0.0.1"])
    def test_url_without_tls_is_refused(self, stack: CloudFormation, host: str) -> None:
        """A URL without TLS is refused."""
        with pytest.raises(ValueError, match=f"the response URL is http://{host}, and not https"):
            respond(stack, ResponseURL=f"http://{host}/response?{SIGNATURE}")

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
    def test_loopback_url_needs_no_tls(self, stack: CloudFormation, host: str) -> None:
        """A URL on the handler's own machine needs no TLS."""
        respond(stack, ResponseURL=f"http://{host}:4566/response")


def test_exit_is_reported_first(httpserver: HTTPServer, stack: CloudFormation) -> None:
    """An exit of the handler is reported before it happens."""
    httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=200)
    resource = CustomResource(pool)

    @resource.delete
    def delete(event: Mapping[str, Any], context: Any) -> str:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        resource(stack.event("Delete", {}, PhysicalResourceId=LABEL), Context())

    [response] = bodies(httpserver)
    assert response["Status"] == "FAILED"
    assert response["PhysicalResourceId"] == LABEL
    assert response["Reason"] == "The handler ended early: SystemExit(1). Deploy again."


def test_event_sees_nothing_of_the_one_before(
    httpserver: HTTPServer, stack: CloudFormation
) -> None:
    """A second event in a container has nothing of the first in its response."""
    httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=200)
    resource = CustomResource(pool)

    @resource.create
    def create(event: Mapping[str, Any], context: Any) -> str:
        resource.Data["ConnectorArn"] = "first"
        resource.response.failure_physical_id = "first"
        return "first"

    @resource.update
    def update(event: Mapping[str, Any], context: Any) -> str:
        raise ReportableError("second")

    resource(stack.event("Create", {}), Context())
    resource(stack.event("Update", {}, PhysicalResourceId="second"), Context())

    _, second = bodies(httpserver)
    assert second["PhysicalResourceId"] == "second"
    assert second["Data"] == {}
    assert second["Reason"] == "second"
