"""Where the records of a run come from, and where they go.

Sources: QueryDataRequest and WriteDataRequest of Amazon's SDKs for custom connectors; S3 properties
in the AppFlow API Reference. The names of files and the sizes of batches are choices.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .buckets import Buckets
from .connection import MAX_RESULTS, Connection, error_of
from .errors import ConnectorServerException, ValidationException
from .flow_checks import DEFAULT_WRITE_OPERATION
from .flows import Flow, Run
from .formats import FormatError, from_csv, from_json, from_texts, to_csv, to_json, utf8
from .invocation import failure_in, invalid_response, server_error
from .metadata import data_types
from .tasks import Tasks

MAX_PAGES = 1000
"""The number of pages after which a run fails, since its connector may never end."""

BATCH_RECORDS = 1000
"""The largest number of records in a WriteDataRequest."""

# Lambda accepts a request of 6 MB. The context of the request needs some of them.
_BATCH_BYTES = 4 * 10**6

_TRIES = 3
_MAX_WAIT_SECONDS = 60

_INTEGERS = frozenset({"Integer", "Long", "Short", "BigInteger"})
_DECIMALS = frozenset({"Float", "Double", "BigDecimal"})

Record = dict[str, Any]


class CancelledError(Exception):
    """The run is cancelled, or the local cloud stops."""


@dataclass(frozen=True)
class Asking:
    """Requests to a connector during a run, repeated when the connector asks for it."""

    connection: Connection
    cancelled: threading.Event

    def response(self, request_type: str, **members: Any) -> dict[str, Any]:
        """The response to a request, which may report a failure.

        A request whose failure has ``retryAfterSeconds`` is sent again after this time.

        Raises:
            CancelledError: the run is cancelled.
            AppFlowError: the function failed.
        """
        for _ in range(_TRIES - 1):
            response = self._response(request_type, members)
            failure = failure_in(response)
            if failure is None or failure.retry_after_seconds is None:
                return response
            self.cancelled.wait(min(max(failure.retry_after_seconds, 0), _MAX_WAIT_SECONDS))
        return self._response(request_type, members)

    def _response(self, request_type: str, members: Mapping[str, Any]) -> dict[str, Any]:
        if self.cancelled.is_set():
            raise CancelledError
        return self.connection.send(request_type, **members)


class ConnectorSource:
    """The records of a connector's entity."""

    def __init__(
        self, asking: Asking, properties: Mapping[str, Any], definition: Record, tasks: Tasks
    ) -> None:
        types = data_types(definition)
        self.fields = list(types)
        self._asking = asking
        self._request = {
            "entityIdentifier": properties["entityName"],
            "entityDefinition": definition,
            "selectedFieldNames": tasks.selected(self.fields),
            "filterExpression": tasks.filter_expression(types),
            "maxResults": MAX_RESULTS,
        }

    def pages(self, run: Run) -> Iterator[list[Record]]:
        """The records that meet the conditions of the tasks, page by page.

        Raises:
            AppFlowError: the connector fails, its response is invalid, or there are too many pages.
        """
        token: str | None = None
        for _ in range(MAX_PAGES):
            response = self._asking.response("QueryDataRequest", **self._request, nextToken=token)
            if failure := failure_in(response):
                raise error_of(failure)
            texts, following = _page(response)
            try:
                records = from_texts(texts)
            except FormatError as error:
                raise invalid_response("QueryDataRequest", [str(error)]) from error
            run.counts.records += len(records)
            run.counts.bytes_processed += sum(len(utf8(text)) for text in texts)
            yield records
            if not following:
                return
            if following == token:
                raise server_error(
                    f"the nextToken {token} leads to a page with the same nextToken."
                )
            token = following
        raise ConnectorServerException(
            f"The connector has returned {MAX_PAGES} pages and another nextToken. A run of the"
            " local cloud ends there."
        )


def _page(response: Mapping[str, Any]) -> tuple[list[Any], str | None]:
    # The SDK in Python returns null instead of an empty list.
    records, token = response.get("records") or [], response.get("nextToken")
    violations = [
        *(["records is not a list"] if not isinstance(records, list) else []),
        *(["nextToken is not a string"] if not isinstance(token, (str, type(None))) else []),
    ]
    if violations:
        raise invalid_response("QueryDataRequest", violations)
    return records, token


class BucketSource:
    """The records of the files under a prefix of a bucket."""

    fields: list[str]

    def __init__(self, buckets: Buckets, properties: Mapping[str, Any], tasks: Tasks) -> None:
        self.fields = []
        self._buckets = buckets
        self._bucket = properties["bucketName"]
        self._prefix = properties["bucketPrefix"]
        self._type = (properties.get("s3InputFormatConfig") or {}).get("s3InputFileType", "CSV")
        self._tasks = tasks

    def pages(self, run: Run) -> Iterator[list[Record]]:
        """The records that meet the conditions of the tasks, file by file.

        Raises:
            ValidationException: a file cannot be read.
        """
        for key, content in self._buckets.read(self._bucket, self._prefix):
            try:
                records = from_csv(content) if self._type == "CSV" else from_json(content)
            except FormatError as error:
                raise ValidationException(
                    f"The object {key} in bucket {self._bucket} is not valid {self._type}: {error}."
                ) from error
            run.counts.records += len(records)
            run.counts.bytes_processed += len(content)
            yield [record for record in records if self._tasks.accepts(record)]


class BucketDestination:
    """A file in a bucket, written at the end of a run that has records."""

    def __init__(
        self, buckets: Buckets, properties: Mapping[str, Any], flow: Flow, columns: list[str]
    ) -> None:
        self._buckets = buckets
        self._properties = properties
        self._flow = flow
        self._columns = columns
        self._records: list[Record] = []

    def write(self, records: list[Record], run: Run) -> None:  # noqa: ARG002 - as a destination
        """Keep records for the file."""
        self._records += records

    def finish(self, run: Run) -> None:
        """Write the file.

        Raises:
            ValidationException: the policy of the bucket does not allow it.
        """
        if not self._records:
            return
        output = self._properties.get("s3OutputFormatConfig") or {}
        if output.get("fileType", "JSON") == "CSV":
            content = to_csv(self._records, self._columns)
        else:
            content = to_json(self._records)
        prefix = output.get("prefixConfig") or {}
        key = _key(self._properties.get("bucketPrefix"), prefix, self._flow, run)
        self._buckets.write(self._properties["bucketName"], key, content)
        run.counts.bytes_written += len(content)


# By prefixFormat the parts of the time in a folder.
_FOLDERS = {
    "YEAR": "%Y",
    "MONTH": "%Y/%m",
    "DAY": "%Y/%m/%d",
    "HOUR": "%Y/%m/%d/%H",
    "MINUTE": "%Y/%m/%d/%H/%M",
}


def _key(bucket_prefix: str | None, config: Mapping[str, Any], flow: Flow, run: Run) -> str:
    parts = [*([bucket_prefix.rstrip("/")] if bucket_prefix else []), flow.name]
    kind = config.get("prefixType", "")
    time = run.started_at.strftime(_FOLDERS[config.get("prefixFormat", "DAY")])
    if "PATH" in kind:
        parts.append(time)
    hierarchy = config.get("pathPrefixHierarchy") or []
    values = {"EXECUTION_ID": run.id, "SCHEMA_VERSION": str(flow.schema_version)}
    parts += [values[name] for name in hierarchy]
    name = f"{run.id}-{_stamp(run.started_at)}"
    parts.append(f"{time.replace('/', '-')}-{name}" if "FILENAME" in kind else name)
    return "/".join(parts)


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


class ConnectorDestination:
    """A connector's entity, written in batches."""

    def __init__(
        self,
        asking: Asking,
        properties: Mapping[str, Any],
        definition: Record,
        buckets: Buckets,
        flow: Flow,
    ) -> None:
        handling = properties.get("errorHandlingConfig")
        self._stops_at_failure = handling is None or bool(
            handling.get("failOnFirstDestinationError")
        )
        self._error_bucket = (handling or {}).get("bucketName")
        self._error_prefix = (handling or {}).get("bucketPrefix")
        self._asking = asking
        self._buckets = buckets
        self._flow = flow
        self._types = data_types(definition)
        self._refused: list[Record] = []
        self._request = {
            "entityIdentifier": properties["entityName"],
            "entityDefinition": definition,
            "operation": properties.get("writeOperationType", DEFAULT_WRITE_OPERATION),
            "idFieldNames": properties.get("idFieldNames"),
            "allOrNone": self._stops_at_failure,
        }

    def write(self, records: list[Record], run: Run) -> None:
        """Send records to the connector, and count those that it refuses.

        Raises:
            AppFlowError: the connector fails, its response is invalid, or it refuses a record of a
                flow that ends at the first failure.
        """
        shaped = ({k: self._value(k, v) for k, v in record.items()} for record in records)
        for batch in batches(json.dumps(record, ensure_ascii=False) for record in shaped):
            response = self._asking.response("WriteDataRequest", **self._request, records=batch)
            refused = _refused(response, batch)
            run.counts.bytes_written += sum(
                len(utf8(text)) for index, text in enumerate(batch) if index not in refused
            )
            run.counts.failures += len(refused)
            self._refused += [
                {"record": batch[index], "errorMessage": message}
                for index, message in refused.items()
            ]
            if refused and self._stops_at_failure:
                first = next(iter(refused.values()))
                raise ConnectorServerException(
                    f"The connector has refused {len(refused)} of {len(batch)} records: {first}"
                )

    def finish(self, run: Run) -> None:
        """Write the refused records to the bucket for errors, if the flow has one."""
        if self._refused and self._error_bucket:
            key = _key(self._error_prefix, {}, self._flow, run)
            self._buckets.write(self._error_bucket, key, to_json(self._refused))

    def _value(self, field: str, value: Any) -> Any:
        """A value in the type of the entity's field, or as it is if it is not of that type."""
        kind = self._types.get(field)
        try:
            if not isinstance(value, str):
                return value
            if kind in _INTEGERS:
                return int(value)
            if kind in _DECIMALS:
                return float(value)
        except ValueError:
            return value
        if kind == "Boolean":
            return {"true": True, "false": False}.get(value.lower(), value)
        return value


def batches(texts: Iterator[str]) -> Iterator[list[str]]:
    """Divide records into batches that fit into a request."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(utf8(text))
        if batch and (len(batch) == BATCH_RECORDS or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def _refused(response: Mapping[str, Any], batch: list[str]) -> dict[int, str]:
    """The messages of refused records, by their index in the batch."""
    failure = failure_in(response)
    # Source: WriteDataResponse of the SDK in Python, on failures of a part of the records.
    if failure and failure.code != "PartialWriteFailure":
        raise error_of(failure)
    results = response.get("writeRecordResults") or []
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise invalid_response("WriteDataRequest", ["writeRecordResults is not a list of results"])
    if len(results) > len(batch):
        violation = f"{len(results)} writeRecordResults for {len(batch)} records"
        raise invalid_response("WriteDataRequest", [violation])
    refused = {
        index: str(result.get("errorMessage"))
        for index, result in enumerate(results)
        if result.get("isSuccess") is not True
    }
    if failure and not refused:
        raise error_of(failure)
    return refused
