"""One fixture that runs the local cloud in your own tests.

Name this module in your top-level ``conftest.py``::

    pytest_plugins = ["appflow_local_cloud.pytest_plugin"]
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .running import LocalCloud, local_cloud


@pytest.fixture(scope="session")
def appflow_local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud for the whole run: AppFlow, CloudFormation, Lambda, IAM, S3 and the rest.

    Every 12-digit number is an account of its own, empty at first: tests that each take another one
    cannot meet. ``LOCAL_CLOUD_PORT`` names a local cloud that is running already, which saves the
    start; what earlier runs have left in its accounts is still there.

    Raises:
        subprocess.CalledProcessError: the Python of its functions could not be made.
        StartError: it did not start.
    """
    if "LOCAL_CLOUD_PORT" in os.environ:
        yield LocalCloud(int(os.environ["LOCAL_CLOUD_PORT"]))
        return
    log_file = tmp_path_factory.mktemp("local-cloud") / "log"
    with log_file.open("w") as log, local_cloud(log) as cloud:
        yield cloud
