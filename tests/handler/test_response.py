"""One answer to each event: that it arrives, and what it never contains."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any

import pytest
import trustme
import urllib3
from connector_registration import custom_resource, lifecycle, sdk
from connector_registration.appflow import LONGEST_PAUSE_SECONDS
from connector_registration.custom_resource import CustomResource
from connector_registration.response import (
    SLOWEST_SECONDS,
    ForeseenError,
    LostResponseError,
    Response,
    pool,
)
from pytest_httpserver import HTTPServer
from werkzeug import Response as HttpResponse

from appflow_local_cloud.environment import free_port
from tests.handler.conftest import SIGNATURE, CloudFormation, LambdaContext, Log


@pytest.fixture
def answers(httpserver: HTTPServer, trusted: None) -> CloudFormation:
    """CloudFormation without a handler; the endpoint's behaviour is each test's own."""
    return CloudFormation(httpserver.url_for(f"/response?{SIGNATURE}"), lambda *_: None)


def quick_pool() -> urllib3.PoolManager:
    """The handler's connections without its pauses."""
    retry = pool().connection_pool_kw["retries"].new(backoff_factor=0)
    return urllib3.PoolManager(retries=retry, timeout=urllib3.Timeout(connect=2, read=1))


def respond(cloudformation: CloudFormation, **event: Any) -> Response:
    """The answer to a Create."""
    sent = cloudformation.event("Create", {}, **event)
    return Response(sent, quick_pool, failure_id="acme-crm")


class TroubledEndpoint:
    """Takes each answer over TLS; the first one gets no reply, the others do.

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

    def __enter__(self) -> TroubledEndpoint:
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
    return [json.loads(request.data) for request, _ in httpserver.log]


class TestDelivery:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_is_repeated_after_a_server_error(
        self, httpserver: HTTPServer, answers: CloudFormation, status: int
    ) -> None:
        httpserver.expect_ordered_request("/response").respond_with_data(status=status)
        httpserver.expect_ordered_request("/response").respond_with_data(status=200)

        respond(answers).succeed("acme-crm", {})

        first, second = bodies(httpserver)
        assert first == second
        assert second["Status"] == "SUCCESS"

    @pytest.mark.parametrize("fault", ["reset", "hang"])
    def test_is_repeated_after_a_connection_that_fails(
        self, answers: CloudFormation, authority: trustme.CA, fault: str
    ) -> None:
        with TroubledEndpoint(authority, fault) as endpoint:
            respond(answers, ResponseURL=f"{endpoint.url}?{SIGNATURE}").succeed("acme-crm", {})

        first, second = endpoint.received
        assert first == second
        assert json.loads(second.partition(b"\r\n\r\n")[2])["Status"] == "SUCCESS"

    def test_is_not_sent_on_to_where_the_url_leads(
        self, httpserver: HTTPServer, answers: CloudFormation, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may lead away from TLS, and the answer's first receiver is the only one it is for."""
        elsewhere = httpserver.url_for("/elsewhere")
        httpserver.expect_request("/response").respond_with_data(
            status=307, headers={"Location": elsewhere}
        )
        httpserver.expect_request("/elsewhere").respond_with_data()

        respond(answers).succeed("acme-crm", {})

        assert [request.path for request, _ in httpserver.log] == ["/response"]
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {"response": "refused", "status": "SUCCESS", "http_status": 307}

    def test_ends_with_an_error_in_the_log_when_the_url_is_refused(
        self, httpserver: HTTPServer, answers: CloudFormation, caplog: pytest.LogCaptureFixture
    ) -> None:
        httpserver.expect_request("/response").respond_with_data(status=403)

        respond(answers).succeed("acme-crm", {})

        assert len(httpserver.log) == 1
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {"response": "refused", "status": "SUCCESS", "http_status": 403}

    def test_gives_up_when_nobody_listens(
        self, answers: CloudFormation, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = f"https://localhost:{free_port()}/response?{SIGNATURE}"

        respond(answers, ResponseURL=url).succeed("acme-crm", {})

        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {
            "response": "lost",
            "status": "SUCCESS",
            "error": "MaxRetryError",
        }

    def test_is_refused_to_a_server_whose_certificate_nobody_vouches_for(
        self,
        httpserver: HTTPServer,
        answers: CloudFormation,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")

        respond(answers).succeed("acme-crm", {})

        assert len(httpserver.log) == 0
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.msg == {"response": "lost", "status": "SUCCESS", "error": "MaxRetryError"}

    def test_of_the_slowest_kind_fits_into_the_reserved_time(self) -> None:
        settings = pool().connection_pool_kw
        retry, timeout = settings["retries"], settings["timeout"]
        one_try = timeout.connect_timeout + timeout.read_timeout
        slowest = one_try
        for _ in range(retry.total):
            hang = urllib3.exceptions.ReadTimeoutError(None, "/", "hang")  # type: ignore[arg-type]
            retry = retry.increment("PUT", "/", error=hang)
            slowest += retry.get_backoff_time() + one_try

        assert slowest <= SLOWEST_SECONDS

    def test_comes_after_the_last_call_has_ended(self) -> None:
        patience = sdk.PATIENCE["appflow"]
        call = patience.connect + patience.read

        assert lifecycle._LAST_LOOK_SECONDS - call > custom_resource._TIMER_SECONDS
        assert custom_resource._TIMER_SECONDS > SLOWEST_SECONDS

    def test_leaves_a_rollback_the_time_to_look_after_the_last_call_of_the_update(self) -> None:
        """Both have as much time, and the rollback begins later."""
        patience = sdk.PATIENCE["appflow"]
        update_has_ended = lifecycle._LAST_CALL_SECONDS - patience.connect - patience.read

        assert update_has_ended - LONGEST_PAUSE_SECONDS > lifecycle._LAST_LOOK_SECONDS


class TestContent:
    @pytest.fixture(autouse=True)
    def accept(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/response").respond_with_data(status=200)

    @pytest.mark.parametrize(
        "reason", ["x" * 10_000, "ü" * 10_000, "\U0001f4a5" * 10_000, '"' * 9999]
    )
    def test_stays_within_4096_bytes_and_keeps_the_start_of_the_reason(
        self, httpserver: HTTPServer, answers: CloudFormation, reason: str
    ) -> None:
        respond(answers).fail(reason)

        [(request, _)] = httpserver.log
        assert len(request.data) <= 4096
        kept = json.loads(request.data)["Reason"]
        assert reason.startswith(kept)
        # Nothing is cut that would have found room; the longest character takes twelve bytes.
        assert len(request.data) > 4096 - 12

    def test_keeps_its_ids_whatever_room_they_take(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        respond(answers, LogicalResourceId="x" * 5000).fail("no")

        assert bodies(httpserver)[0]["LogicalResourceId"] == "x" * 5000

    def test_is_sent_once(self, httpserver: HTTPServer, answers: CloudFormation) -> None:
        response = respond(answers)

        response.fail("out of time")
        response.succeed("acme-crm", {})

        assert [body["Status"] for body in bodies(httpserver)] == ["FAILED"]

    @pytest.mark.parametrize("too_many", [0, 1, 2])
    def test_is_not_cut_more_than_it_takes(
        self, httpserver: HTTPServer, answers: CloudFormation, too_many: int
    ) -> None:
        response = respond(answers)
        response.fail("x")
        room = 4096 - len(httpserver.log[0][0].data) + 1
        respond(answers).fail("x" * (room + too_many))

        assert len(httpserver.log[1][0].data) == 4096
        assert bodies(httpserver)[1]["Reason"] == "x" * room


class TestCrhelperFenced:
    @pytest.fixture(autouse=True)
    def accept(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/response").respond_with_data(status=200)

    def test_a_timer_that_fires_answers_instead_of_the_handler(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource(quick_pool)
        answered = threading.Event()

        @resource.update
        def update(event: Mapping[str, Any], context: Any) -> str:
            assert answered.wait(10)
            return "acme-crm"

        def when_answered(_: Any) -> HttpResponse:
            answered.set()
            return HttpResponse()

        httpserver.clear()
        httpserver.expect_request("/response").respond_with_handler(when_answered)
        out_of_time = LambdaContext(milliseconds=int(SLOWEST_SECONDS * 1000))

        resource(answers.event("Update", {}, PhysicalResourceId="acme-crm"), out_of_time)

        [answer] = bodies(httpserver)
        assert answer["Status"] == "FAILED"
        assert answer["PhysicalResourceId"] == "acme-crm"
        assert answer["Reason"] == (
            "The handler ran out of time before AppFlow answered. Deploy again; if it happens"
            " again, see log group /aws/lambda/registration-handler."
        )

    def test_a_timer_that_fires_late_answers_no_other_event(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        """Its thread can be frozen with the container, and go on with the next event."""
        resource = CustomResource(quick_pool)
        timers: list[threading.Timer] = []

        @resource.update
        def update(event: Mapping[str, Any], context: Any) -> str:
            timers.append(resource._timer)
            if len(timers) > 1:
                timers[0].function(*timers[0].args)
            return "acme-crm"

        first, second = (
            answers.event("Update", {}, PhysicalResourceId="acme-crm") for _ in range(2)
        )
        resource(first, LambdaContext())
        resource(second, LambdaContext())

        assert [(body["RequestId"], body["Status"]) for body in bodies(httpserver)] == [
            (first["RequestId"], "SUCCESS"),
            (second["RequestId"], "SUCCESS"),
        ]

    def test_a_timer_that_fires_while_the_answer_is_sent_sends_no_second_one(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource(quick_pool)
        fired: list[threading.Thread] = []

        @resource.update
        def update(event: Mapping[str, Any], context: Any) -> str:
            return "acme-crm"

        def fire(_: Any) -> HttpResponse:
            timer = resource._timer
            fired.append(threading.Thread(target=timer.function, args=timer.args))
            fired[0].start()
            return HttpResponse()

        httpserver.clear()
        httpserver.expect_request("/response").respond_with_handler(fire)
        resource(answers.event("Update", {}, PhysicalResourceId="acme-crm"), LambdaContext())
        fired[0].join()

        assert [body["Status"] for body in bodies(httpserver)] == ["SUCCESS"]

    def test_answers_through_connections_of_its_own(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource()

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            return "acme-crm"

        resource(answers.event("Create", {}), LambdaContext())

        assert bodies(httpserver)[0]["Status"] == "SUCCESS"

    def test_logs_lines_of_json_without_the_url_of_an_answer_that_was_lost(
        self, answers: CloudFormation, log: Log
    ) -> None:
        resource = CustomResource(quick_pool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            return "acme-crm"

        url = f"https://localhost:{free_port()}/response?{SIGNATURE}"
        with pytest.raises(LostResponseError):
            resource(answers.event("Create", {}, ResponseURL=url), LambdaContext())

        [line] = log.lines
        assert json.loads(line)["message"]["response"] == "lost"
        assert SIGNATURE not in line

    def test_an_exception_that_nobody_foresaw_says_what_to_report(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource(quick_pool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            raise KeyError("lambda")

        event = answers.event("Create", {})
        resource(event, LambdaContext())

        assert bodies(httpserver)[0]["Reason"] == (
            "The handler failed unexpectedly: KeyError('lambda'). Report it to"
            " cdk-appflow-connector, with what log group /aws/lambda/registration-handler says of"
            f" request {event['RequestId']}."
        )

    def test_a_failure_without_a_text_still_gives_a_reason(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource(quick_pool)
        resource.init_failure(RuntimeError())

        resource(answers.event("Create", {}), LambdaContext())

        assert bodies(httpserver)[0]["Reason"] == "See log group /aws/lambda/registration-handler."

    def test_a_failed_create_has_one_id_however_often_it_is_delivered(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource(quick_pool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            raise RuntimeError("no")

        event = answers.event("Create", {})
        resource(event, LambdaContext())
        resource(event, LambdaContext())

        first, second = bodies(httpserver)
        assert first["PhysicalResourceId"] == second["PhysicalResourceId"]

    def test_an_event_that_cannot_be_answered_reaches_no_earlier_url(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource = CustomResource(quick_pool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            return "acme-crm"

        resource(answers.event("Create", {}), LambdaContext())
        malformed = answers.event("Create", {})
        del malformed["ResponseURL"]
        with pytest.raises(KeyError, match="ResponseURL"):
            resource(malformed, LambdaContext())

        assert len(httpserver.log) == 1

    def test_a_delete_is_answered_without_waiting_for_logs(
        self, httpserver: HTTPServer, answers: CloudFormation
    ) -> None:
        resource: Any = CustomResource(quick_pool)
        slept: list[float] = []

        resource._context = LambdaContext(milliseconds=900_000)
        resource._wait_for_cwlogs(sleep=slept.append)

        assert slept == []

    @pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
    def test_no_log_line_holds_the_signature(
        self,
        httpserver: HTTPServer,
        answers: CloudFormation,
        caplog: pytest.LogCaptureFixture,
        level: str,
    ) -> None:
        caplog.set_level(level)
        httpserver.clear()
        httpserver.expect_ordered_request("/response").respond_with_data(status=503)
        httpserver.expect_ordered_request("/response").respond_with_data(status=403)
        resource = CustomResource(quick_pool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            raise RuntimeError("no")

        resource(answers.event("Create", {}), LambdaContext())

        ours = [line for line in caplog.records if line.name != "werkzeug"]
        assert [line.msg for line in ours if "response" in line.msg] == [
            {"response": "refused", "status": "FAILED", "http_status": 403}
        ]
        assert not [line for line in ours if SIGNATURE in line.getMessage()]


class TestLostAnswer:
    @pytest.fixture
    def resource(self) -> CustomResource:
        """A handler that always succeeds."""
        resource = CustomResource(quick_pool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            return "acme-crm"

        return resource

    def test_makes_the_invocation_fail_so_that_lambda_repeats_it(
        self, httpserver: HTTPServer, answers: CloudFormation, resource: CustomResource
    ) -> None:
        httpserver.expect_request("/response").respond_with_data(status=503)

        with pytest.raises(LostResponseError, match="did not arrive; see the log above"):
            resource(answers.event("Create", {}), LambdaContext())

    def test_that_can_never_arrive_ends_the_invocation_at_once(
        self, httpserver: HTTPServer, answers: CloudFormation, resource: CustomResource
    ) -> None:
        httpserver.expect_request("/response").respond_with_data(status=403)

        resource(answers.event("Create", {}), LambdaContext())

        assert len(httpserver.log) == 1

    def test_for_a_reason_that_nobody_foresaw_is_lost_too(self, answers: CloudFormation) -> None:
        class BrokenPool(urllib3.PoolManager):
            def request(self, *_: Any, **__: Any) -> Any:
                raise OSError("no file descriptors")

        resource = CustomResource(BrokenPool)

        @resource.create
        def create(event: Mapping[str, Any], context: Any) -> str:
            return "acme-crm"

        with pytest.raises(LostResponseError):
            resource(answers.event("Create", {}), LambdaContext())


class TestUrl:
    @pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "10.0.0.1"])
    def test_without_tls_is_refused(self, answers: CloudFormation, host: str) -> None:
        with pytest.raises(ValueError, match=f"the response URL is http://{host}, and not https"):
            respond(answers, ResponseURL=f"http://{host}/response?{SIGNATURE}")

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
    def test_without_tls_is_fine_on_this_machine(self, answers: CloudFormation, host: str) -> None:
        respond(answers, ResponseURL=f"http://{host}:4566/response")


def test_an_exit_is_answered_before_it_happens(
    httpserver: HTTPServer, answers: CloudFormation
) -> None:
    httpserver.expect_request("/response").respond_with_data(status=200)
    resource = CustomResource(quick_pool)

    @resource.delete
    def delete(event: Mapping[str, Any], context: Any) -> str:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        resource(answers.event("Delete", {}, PhysicalResourceId="acme-crm"), LambdaContext())

    [answer] = bodies(httpserver)
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"] == "acme-crm"
    assert answer["Reason"] == "The handler ended early: SystemExit(1). Deploy again."


def test_an_event_of_one_container_sees_nothing_of_the_one_before(
    httpserver: HTTPServer, answers: CloudFormation
) -> None:
    httpserver.expect_request("/response").respond_with_data(status=200)
    resource = CustomResource(quick_pool)

    @resource.create
    def create(event: Mapping[str, Any], context: Any) -> str:
        resource.Data["ConnectorArn"] = "first"
        resource.fail_as("first")
        return "first"

    @resource.update
    def update(event: Mapping[str, Any], context: Any) -> str:
        raise ForeseenError("second")

    resource(answers.event("Create", {}), LambdaContext())
    resource(answers.event("Update", {}, PhysicalResourceId="second"), LambdaContext())

    _, second = bodies(httpserver)
    assert second["PhysicalResourceId"] == "second"
    assert second["Data"] == {}
    assert second["Reason"] == "second"
