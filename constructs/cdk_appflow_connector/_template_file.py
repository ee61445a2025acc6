"""The template of a stack before its synthesis has finished.

The CDK has no method that returns it. A synthesizer writes it into a folder.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import cx_api


def read_template(stack: cdk.Stack) -> dict[str, Any]:
    """The template that the stack would have if nothing else happened to the app."""
    with tempfile.TemporaryDirectory() as folder:
        synthesizer = cdk.LegacyStackSynthesizer()
        synthesizer.bind(stack)
        # jsii only recognises properties, which the protocol does not accept as read-only.
        session: Any = _Session(folder)
        synthesizer._synthesize_template(session)
        [file] = Path(folder).iterdir()
        template: dict[str, Any] = json.loads(file.read_bytes())
        return template


@jsii.implements(cdk.ISynthesisSession)
class _Session:
    """The session that writes one template into a folder."""

    def __init__(self, folder: str) -> None:
        self._assembly = cx_api.CloudAssemblyBuilder(folder)

    @property
    def assembly(self) -> cx_api.CloudAssemblyBuilder:
        return self._assembly

    @property
    def outdir(self) -> str:
        return self._assembly.outdir

    @property
    def validate_on_synth(self) -> bool | None:
        return False
