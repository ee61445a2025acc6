"""The handler's code as an asset: its source beside what it imports, crhelper and shared code.

Staging needs no Docker, no installer and no network, because crhelper is pure Python and installed
with this library, at the version that its requirements pin. Equal inputs give equal files, and
therefore an equal asset hash, on every machine.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

ENTRY_POINT = "connector_registration.function.handler"

_HERE = Path(__file__).parent
# An installed wheel has the source inside the package; a checkout has it in another folder.
_SOURCES = (_HERE / "_handler", _HERE.parents[1] / "handler")

_SHARED_PACKAGE = "appflow_connector_configuration"

# What the handler does not import of it.
_NOT_OF_HANDLER = ("entities.py", "faults.py", "model.py")

# The notice is included. The licence, a tenth of the whole, is not needed, because an upload into
# an AWS account of the same owner is no distribution.
_CRHELPER_NOTICE = "NOTICE"


def handler_code(scope: Construct) -> lambda_.Code:
    """Stage the handler in the app's cloud assembly and return it as code for a function.

    The folder stays in the assembly: with asset staging disabled, the CDK CLI reads it after
    synthesis.
    """
    stage = cdk.Stage.of(scope)
    assert stage is not None, "every stack is in a stage"
    staging = Path(stage.asset_outdir, "appflow-connector-registration-handler")
    # Files of an earlier version of the library would become part of the asset.
    shutil.rmtree(staging, ignore_errors=True)
    files = {
        target.as_posix(): source.read_bytes()
        for source, target in (*_handler_files(), *_shared_files(), *_crhelper_files())
    }
    _write(staging, files)
    # The CDK would read every file once more to make a hash of them.
    return lambda_.Code.from_asset(str(staging), asset_hash=_hash(files))


def _handler_files() -> Iterator[tuple[Path, Path]]:
    root = next(source for source in _SOURCES if source.is_dir())
    for file in root.rglob("*.py"):
        yield file, file.relative_to(root)


def _shared_files() -> Iterator[tuple[Path, Path]]:
    # Found and not imported: the constructs do not need it.
    found = importlib.util.find_spec(_SHARED_PACKAGE)
    assert found is not None, "it is installed with this library"
    assert found.origin is not None, "it is a package with an __init__.py"
    for file in Path(found.origin).parent.glob("*.py"):
        if file.name in _NOT_OF_HANDLER:
            continue
        yield file, Path(_SHARED_PACKAGE, file.name)


def _crhelper_files() -> list[tuple[Path, Path]]:
    files = [
        (Path(str(file.locate())), Path("crhelper", file.name))
        for file in importlib.metadata.files("crhelper") or ()
        if file.suffix == ".py" or file.name == _CRHELPER_NOTICE
    ]
    if not files:
        raise RuntimeError(
            "the installed crhelper does not list its files, so they cannot be copied into the"
            " handler's asset. Install it with pip, for example with pip install --force-reinstall"
            " crhelper"
        )
    return files


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        file = folder / name
        if not file.parent.is_dir():
            file.parent.mkdir(parents=True)
            file.parent.chmod(0o755)
        file.write_bytes(content)
        # The asset's hash ignores the mode, but its archive keeps it, and Lambda runs as another
        # user.
        file.chmod(0o644)


def _hash(files: Mapping[str, bytes]) -> str:
    """A hash of names and contents, which does not depend on the order of files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return digest.hexdigest()
