"""The handler's code as an asset."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets

from constructs import Construct

from ._environment import StackRecord
from ._handler_files import handler_files, hash_of, write_files

ENTRY_POINT = "connector_registration.function.handler"

_DISPLAY_NAME = "Handler of AppFlow connector registrations"


class HandlerCode(lambda_.Code):
    """The handler's code, as an asset of the stack of the handler's function.

    ``Code.from_asset`` would have the CDK copy each file once more and load its table of Regions,
    which is a quarter of the synthesis of a stack with one connector.

    The asset is a folder in the cloud assembly. With asset staging disabled, the CDK CLI reads it
    there after synthesis.

    Args:
        stack: the stack of the function.

    Attributes:
        location: the bucket and the key of the asset, or None until a function has the code.
    """

    def __init__(self, stack: StackRecord) -> None:
        super().__init__()
        self._stack = stack
        files = handler_files()
        self._hash = hash_of(files)
        self._folder = Path(stack.stage.asset_outdir, f"asset.{self._hash}")
        _stage(files, self._folder)
        self.location: s3.Location | None = None

    def bind(self, scope: Construct) -> lambda_.CodeConfig:
        """Add the asset for a function."""
        try:
            self.location = self._add_asset()
        except RuntimeError:
            # The CDK copies a synthesizer that an app has passed, once for each stack. jsii takes a
            # copy for the original, which belongs to no stack. The CDK's own asset asks the copy.
            self.location = self._add_asset_of_cdk(scope)
        return lambda_.CodeConfig(s3_location=self.location)

    def add_metadata(self, function: lambda_.CfnFunction) -> None:
        """Add the metadata by which tools such as the SAM CLI find the code of a function.

        Source: ``cx-api/lib/assets.ts`` of aws-cdk.
        """
        function.add_metadata("aws:asset:path", self._path)
        function.add_metadata("aws:asset:is-bundled", False)
        function.add_metadata("aws:asset:property", "Code")

    @property
    def _path(self) -> str:
        """The path of the asset from the manifest of its stack."""
        return Path(os.path.relpath(self._folder, self._stack.stage.outdir)).as_posix()

    def _add_asset(self) -> s3.Location:
        asset = self._stack.stack.synthesizer.add_file_asset(
            source_hash=self._hash,
            file_name=self._path,
            packaging=cdk.FileAssetPackaging.ZIP_DIRECTORY,
            deploy_time=True,
            display_name=_DISPLAY_NAME,
        )
        return s3.Location(bucket_name=asset.bucket_name, object_key=asset.object_key)

    def _add_asset_of_cdk(self, scope: Construct) -> s3.Location:
        asset = s3_assets.Asset(
            scope,
            "Code",
            path=str(self._folder),
            asset_hash=self._hash,
            deploy_time=True,
            display_name=_DISPLAY_NAME,
        )
        return s3.Location(bucket_name=asset.s3_bucket_name, object_key=asset.s3_object_key)


def _stage(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files into a folder of a cloud assembly, which is named after them."""
    if folder.exists():
        return
    # A synthesis that ends in between leaves no folder of this name with some of the files.
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        staged = Path(made, folder.name)
        write_files(files, staged)
        staged.rename(folder)
