"""What the handler writes into its log."""

from __future__ import annotations

import json
import logging
from typing import Any


class Log(logging.Handler):
    """Records the lines that Lambda's own log handler would write.

    Attributes:
        lines: the recorded lines, the oldest first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # The endpoint of the tests writes to the same log.
        if record.name != "werkzeug":
            self.lines.append(self.format(record))

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one kind: ``call``, ``decision`` or ``response``."""
        messages = [json.loads(line)["message"] for line in self.lines]
        return [message for message in messages if kind in message]
