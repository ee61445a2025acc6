"""The command ``template``: the provider for stacks that the CDK does not make."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from importlib.metadata import files, version
from pathlib import Path

from .arguments import PROGRAM
from .errors import CommandError
from .template_text import yaml_text

_TEMPLATE = "provider.yaml"
_HANDLER = "handler"

# The first line of a template tells it from a file that something else has written.
_MADE_BY = "# Made by cdk-appflow-connector template"

# The oldest with which the library is tested. The CDK warns of older ones, or ends with an error.
_OLDEST_NODE = 22

# Archives contain the times of files, and tools upload an archive again if it has changed.
_TIME = 1_000_000_000

_NEXT_STEP = """\
Deploy it, for example with
  sam deploy --template-file {template} --stack-name appflow-connector-registration \\
      --resolve-s3 --capabilities CAPABILITY_IAM --parameter-overrides \\
      ConnectorLabels=<label> FunctionArns=<ARN> StackNames=<stack with the registration>"""


def run(options: argparse.Namespace) -> int:
    """Write the template and the handler's code, print what was written, and return 0.

    Raises:
        CommandError: the folder has something else, cannot be written, or Node.js is missing.
    """
    if not options.output:
        raise CommandError("--output is empty. Name a folder, or . for the current one")
    folder = Path(options.output)
    _check_output(folder)
    _check_node()
    template = _template()
    try:
        size = _write(folder, template)
    except OSError as error:
        raise CommandError(
            f"{error.filename or folder} cannot be written: {error.strerror}. Name another folder"
            " with --output"
        ) from None
    print(
        f"Wrote {folder / _TEMPLATE} and {folder / _HANDLER}{os.sep} (the handler's code,"
        f" {round(size / 1000)} kB)."
    )
    print(_NEXT_STEP.format(template=shlex.quote(str(folder / _TEMPLATE))))
    return 0


def _check_output(folder: Path) -> None:
    """Refuse to overwrite what this command has not written.

    Raises:
        CommandError: the folder is a file, or has another template or another handler.
    """
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is a file. Name a folder with --output")
    template, handler = folder / _TEMPLATE, folder / _HANDLER
    # This command writes no links, and a folder of code.
    others = [path for path in (template, handler) if path.is_symlink()]
    if handler.is_file():
        others.append(handler)
    if not _is_made_by_this_command(template):
        others += [path for path in (template, handler) if path.exists()]
    if others:
        raise CommandError(
            f"{others[0]} exists, and this command has not written it. Name another folder with"
            " --output, or remove it"
        )


def _is_made_by_this_command(template: Path) -> bool:
    try:
        with template.open(encoding="utf-8") as file:
            return file.readline().startswith(_MADE_BY)
    except (OSError, UnicodeDecodeError):
        return False


def _check_node() -> None:
    """Check that Node.js, which the CDK runs on, can make the template.

    Raises:
        CommandError: Node.js is missing, cannot be run, or is too old.
    """
    # As the CDK finds it.
    node = os.environ.get("JSII_NODE", "node")
    if shutil.which(node) is None:
        problem = f"{node} is not found"
    else:
        found = re.match(r"v(\d+)\.[\d.]+", _printed([node, "--version"]))
        if found and int(found[1]) >= _OLDEST_NODE:
            return
        problem = f"{node} is Node.js {found[0]}" if found else f"{node} cannot be run"
    raise CommandError(
        f"{problem}. The CDK, which makes the template, runs on Node.js. Install Node.js"
        f" {_OLDEST_NODE} or newer, and put it on the PATH"
    )


def _printed(command: list[str]) -> str:
    """What a program prints, or an empty text if it cannot be run."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip()


def _template() -> str:
    """The text of the template."""
    # The CDK's validation takes seconds, and reads the variable when it is imported.
    os.environ.setdefault("CDK_VALIDATION", "false")
    from cdk_appflow_connector._provider_template import provider_template

    return f"{_MADE_BY}, version {version(PROGRAM)}\n\n{yaml_text(provider_template())}"


def _write(folder: Path, template: str) -> int:
    """Replace an earlier output, and return the size of the handler's code in bytes."""
    from cdk_appflow_connector._handler_files import handler_files, write_files

    folder.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that a failure leaves the earlier output as it is.
    with tempfile.TemporaryDirectory(dir=folder) as made:
        code = Path(made, _HANDLER)
        write_files(handler_files(), code)
        # A folder that is passed on contains crhelper, which is under the same licence.
        shutil.copyfile(_licence(), code / "LICENSE")
        written = [path for path in code.rglob("*") if path.is_file()]
        for file in written:
            os.utime(file, (_TIME, _TIME))
        text = Path(made, _TEMPLATE)
        text.write_text(template, encoding="utf-8", newline="\n")
        size = sum(file.stat().st_size for file in written)
        # First, since the template tells an earlier output if this is interrupted.
        text.replace(folder / _TEMPLATE)
        shutil.rmtree(folder / _HANDLER, ignore_errors=True)
        code.rename(folder / _HANDLER)
    return size


def _licence() -> Path:
    """The file with the licence of this package."""
    [licence] = [file for file in files(PROGRAM) or () if file.name == "LICENSE"]
    return Path(str(licence.locate()))
