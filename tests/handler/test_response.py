"""One response to each event: that it arrives, and what it never contains."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import trustme
import urllib3
from connector_registration import sdk, time_budget
from connector_registration.custom_resource import CustomResource
from connector_registration.response import (
    ReportableError,
    Response,
    ResponseNotDeliveredError,
    pool,
)
from pytest_httpserver import HTTPServer
from werkzeug import Response as HttpResponse

from appflow_local_cloud.environment import free_port
from tests.handler.cloudformation import RESPONSE_PATH, SIGNATURE, CloudFormation, Context
from tests.handler.events import LABEL
from tests.handler.log import Log


@pytest.fixture
def stack(httpserver: HTTPServer, trusted: None) -> CloudFormation:
    """CloudFormation without a handler; each test says how the endpoint behaves."""
    return CloudFormation(httpserver.url_for(f"{RESPONSE_PATH}?{SIGNATURE}"), lambda *_: None)


def quick_pool(url: str) -> urllib3.PoolManager:
    """The handler's connections without its pauses."""
    retry = pool(url).connection_pool_kw["retries"].new(backoff_factor=0)
    return urllib3.PoolManager(retries=retry, timeout=urllib3.Timeout(connect=2, read=1))


def respond(cloudformation: CloudFormation, **event: Any) -> Response:
    """A response to a Create that is not sent yet."""
    sent = cloudformation.event("Create", {}, **event)
    return Response(sent, quick_pool, failure_physical_id=LABEL)


def succeeding(http: Callable[[str], urllib3.PoolManager]) -> CustomResource:
    """A handler whose Create succeeds."""
    resource = CustomResource(http)

    @resource.create
    def create(event: Mapping[str, Any], context: Any) -> str:
        return LABEL

    return resource


def raising(error: Exception) -> CustomResource:
    """A handler whose Create raises an error."""
    resource = CustomResource(quick_pool)

    @resource.create
    def create(event: Mapping[str, Any], context: Any) -> str:
        raise error

    return resource


class FaultyEndpoint:
    """Receives each request over TLS and replies to all but the first.

    ``fault`` is what becomes of the first connection: it is closed (``reset``) or stays open
    (``hang``).
    """

    def __init__(self, authority: trustme.CA, fault: str) -> None:
        self.received: list[bytes] = []
        self._fault = fault
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._listener = socket.create_server(("localhost", 0))
        self._thread = threading.Thread(target=self._serve)
        self.url = f"https://localhost:{self._listener.getsockname()[1]}/response"

    def __enter__(self) -> FaultyEndpoint:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with self._take() as first:
            if self._fault == "reset":
                first.close()
            with self._take() as second:
                second.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _take(self) -> ssl.SSLSocket:
        connection = self._context.wrap_socket(self._listener.accept()[0], server_side=True)
        request = b""
        while not request.endswith(b"}"):
            request += connection.recv(65536)
        self.received.append(request)
        return connection


def bodies(httpserver: HTTPServer) -> list[Mapping[str, Any]]:
    """The responses that the endpoint has received."""
    return [json.loads(request.data) for request, _ in httpserver.log]


class TestDelivery:
    """Sending a response to the URL of its event."""

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_repeated_after_a_server_error(
        self, httpserver: HTTPServer, stack: CloudFormation, status: int
    ) -> None:
        """A response that meets a server error is sent again."""
        httpserver.expect_ordered_request(RESPONSE_PATH).respond_with_data(status=status)
        httpserver.expect_ordered_request(RESPONSE_PATH).respond_with_data(status=200)

        respond(stack).succeed(LABEL, {})

        first, second = bodies(httpserver)
        assert first == second
        assert second["Status"] == "SUCCESS"

    @pytest.mark.parametrize("fault", ["reset", "hang"])
    def test_repeated_after_a_failed_connection(
        self, stack: CloudFormation, authority: trustme.CA, fault: str
    ) -> None:
        """A response whose connection fails is sent again."""
        with FaultyEndpoint(authority, fault) as endpoint:
            respond(stack, ResponseURL=f"{endpoint.url}?{SIGNATURE}").succeed(LABEL, {})

        first, second = endpoint.received
        assert first == second
        assert json.loads(second.partition(b"\r\n\r\n")[2])["Status"] == "SUCCESS"

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
            "error": "MaxRetryError",
        }

    def test_untrusted_server_receives_nothing(
        self,
        httpserver: HTTPServer,
        stack: CloudFormation,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A server with an untrusted certificate receives no response."""
        monkeypatch.delenv("SSL_CERT_FILE")

        respond(stack).succeed(LABEL, {})

        assert len(httpserver.log) == 0
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {"response": "lost", "status": "SUCCESS", "error": "MaxRetryError"}

    def test_slowest_delivery_fits_into_its_reserve(self) -> None:
        """A delivery whose tries all hang fits into the time that is reserved for it."""
        keywords = pool("https://s3.amazonaws.com").connection_pool_kw
        retry, timeout = keywords["retries"], keywords["timeout"]
        one_try = timeout.connect_timeout + timeout.read_timeout
        slowest = one_try
        for _ in range(retry.total):
            hang = urllib3.exceptions.ReadTimeoutError(None, "/", "hang")  # type: ignore[arg-type]
            retry = retry.increment("PUT", "/", error=hang)
            slowest += retry.get_backoff_time() + one_try

        assert slowest <= time_budget.MAX_SEND_SECONDS

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
        resource = CustomResource(quick_pool)
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
        resource = CustomResource(quick_pool)
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
        resource = CustomResource(quick_pool)
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
        resource = succeeding(quick_pool)

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
        resource = CustomResource(quick_pool)
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
        resource = succeeding(quick_pool)

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
        resource: Any = CustomResource(quick_pool)
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


class TestLostResponse:
    """What becomes of an invocation whose response does not arrive."""

    @pytest.fixture
    def resource(self) -> CustomResource:
        """A handler that always succeeds."""
        return succeeding(quick_pool)

    def test_lost_response_fails_the_invocation(
        self, httpserver: HTTPServer, stack: CloudFormation, resource: CustomResource
    ) -> None:
        """A response that may still arrive fails the invocation, so that Lambda retries it."""
        httpserver.expect_request(RESPONSE_PATH).respond_with_data(status=503)

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

    def test_unexpected_error_loses_the_response(self, stack: CloudFormation) -> None:
        """An unexpected error while sending counts as a lost response."""

        class BrokenPool(urllib3.PoolManager):
            def request(self, *_: Any, **__: Any) -> Any:
                raise OSError("no file descriptors")

        resource = succeeding(lambda _: BrokenPool())

        with pytest.raises(ResponseNotDeliveredError):
            resource(stack.event("Create", {}), Context())


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
    resource = CustomResource(quick_pool)

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
    resource = CustomResource(quick_pool)

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
