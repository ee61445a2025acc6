"""The files of the handler's asset: its source beside what it imports, crhelper and shared code.

Collecting them needs no Docker, no installer and no network, because crhelper is pure Python and
installed with this library, at the version that its requirements pin. Equal inputs give equal
files, and therefore an equal asset hash, on every machine.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

_HERE = Path(__file__).parent
# An installed wheel has the source inside the package; a checkout has it in another folder.
_SOURCES = (_HERE / "_handler", _HERE.parents[1] / "handler")

_SHARED_PACKAGE = "appflow_connector_configuration"

# What the handler does not import of it.
_NOT_OF_HANDLER = ("entities.py", "faults.py", "model.py")

# The notice is included. The licence, a tenth of the whole, is not needed, because an upload into
# an AWS account of the same owner is no distribution.
_CRHELPER_FILES = ("*.py", "NOTICE")


def handler_files() -> dict[str, bytes]:
    """The contents of the files by their names in the asset."""
    files = (*_handler_files(), *_shared_files(), *_crhelper_files())
    return {target.as_posix(): source.read_bytes() for source, target in files}


def hash_of(files: Mapping[str, bytes]) -> str:
    """A hash that is equal for equal files only."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder, which any user can read."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        # The asset's hash ignores the mode, but its archive keeps it, and Lambda runs as another
        # user.
        file.chmod(0o644)
        file.parent.chmod(0o755)


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
        if any(file.match(pattern) for pattern in _CRHELPER_FILES)
    ]
    if not files:
        raise RuntimeError(
            "the installed crhelper does not list its files, so they cannot be copied into the"
            " handler's asset. Install it with pip, for example with pip install --force-reinstall"
            " crhelper"
        )
    return files
