"""The formats of records in files: CSV with a header, and JSON with one record a line.

Source: "Amazon S3" in the AppFlow User Guide, which names both formats for sources and asks for the
header of CSV.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

# A value may be as long as a source file: 125 MB. By default it is 128 KB.
csv.field_size_limit(125 * 10**6)


class FormatError(ValueError):
    """A file is not in its format; the message says where."""


def to_csv(records: Iterable[Mapping[str, Any]], columns: list[str]) -> bytes:
    """Records as CSV; null is empty, and a list or an object is JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for record in records:
        writer.writerow([_text(record.get(column)) for column in columns])
    return utf8(buffer.getvalue())


def to_json(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as JSON, one a line."""
    return utf8("".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records))


def from_csv(content: bytes) -> list[dict[str, Any]]:
    """The records of a CSV file; an empty value stays an empty text.

    Raises:
        FormatError: the file is not UTF-8 or not CSV, or a row has more or fewer values than the
            header.
    """
    try:
        rows = list(csv.reader(io.StringIO(_decoded(content), newline=""), strict=True))
    except csv.Error as error:
        raise FormatError(str(error)) from error
    if not rows:
        return []
    header, *records = rows
    for number, row in enumerate(records, start=2):
        # An empty line has no values.
        if row and len(row) != len(header):
            raise FormatError(f"row {number} has {len(row)} values, not {len(header)}")
    return [dict(zip(header, row, strict=True)) for row in records if row]


def from_json(content: bytes) -> list[dict[str, Any]]:
    """The records of a JSON file.

    Raises:
        FormatError: the file is not UTF-8, or a line is not a JSON object.
    """
    records = []
    for number, line in enumerate(_decoded(content).splitlines(), start=1):
        if line.strip():
            records.append(_object(line, f"line {number}"))
    return records


def from_texts(texts: Iterable[Any]) -> list[dict[str, Any]]:
    """The records in the response of a connector, which are texts in JSON.

    Raises:
        FormatError: one is not a text with a JSON object.
    """
    return [_object(text, f"record {number}") for number, text in enumerate(texts, start=1)]


def utf8(text: str) -> bytes:
    """A text in UTF-8; half of a surrogate pair, which JSON allows, becomes a question mark."""
    return text.encode(errors="replace")


def _object(text: Any, place: str) -> dict[str, Any]:
    try:
        record = json.loads(text, parse_constant=_refuse)
    except (ValueError, TypeError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise FormatError(f"{place} is not a text with a JSON object")
    return record


def _refuse(constant: str) -> None:
    # Python reads NaN and Infinity, which JSON does not have.
    raise ValueError(f"{constant} is not JSON")


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"byte {error.start + 1} is not UTF-8") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
