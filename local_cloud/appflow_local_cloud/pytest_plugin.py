"""The fixture ``appflow_local_cloud`` runs the local cloud for your tests.

Name this module in your top-level ``conftest.py``::

    pytest_plugins = ["appflow_local_cloud.pytest_plugin"]
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .process import LocalCloud, local_cloud


@pytest.fixture(scope="session")
def appflow_local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud for the whole test run: AppFlow, CloudFormation, Lambda, IAM, S3 and others.

    Every 12-digit number is an account, separate from all others and empty at first. Tests that use
    different accounts do not affect each other. Set the variable ``LOCAL_CLOUD_PORT`` to use a
    local cloud that is running already: tests start faster, and its accounts keep what earlier runs
    have made.

    Raises:
        subprocess.CalledProcessError: pip could not install the Python environment of functions.
        StartError: the local cloud did not start.
    """
    if "LOCAL_CLOUD_PORT" in os.environ:
        yield LocalCloud(int(os.environ["LOCAL_CLOUD_PORT"]))
        return
    log_file = tmp_path_factory.mktemp("local-cloud") / "log"
    with log_file.open("w") as log, local_cloud(log) as cloud:
        yield cloud
