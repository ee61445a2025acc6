"""The pages for people without the CDK: each of their commands, by the real SAM and AWS CLI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appflow_local_cloud.process import LocalCloud
from tests.cfn_lint import run_cfn_lint
from tests.pages import blocks, run_steps
from tests.support import Account, new_account_id
from tools.environments import ensure_environment

ROOT = Path(__file__).parents[2]
# jsii's default for the home folder of this user.
JSII_PACKAGES = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"

PAGES = {"tutorial-sam": "sam", "how-to/plain-cloudformation": "cloudformation"}

# The account of the pages.
ACCOUNT = "000000000000"

# An environment besides the tests', because the SAM CLI pins other packages than the AWS CLI. The
# first run installs it, which takes half a minute of processor time and 340 MB.
SAM = "aws-sam-cli==1.170.0\n"

# Between two looks at a stack, the AWS CLI sleeps for 30 seconds.
SHORT_SLEEPS = """
import time

sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.5))
"""


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path, with ``sam`` and nothing else of its environment."""
    folder = tmp_path_factory.mktemp("tools")
    sam = ensure_environment("sam-python", SAM).with_name("sam")
    (folder / "sam").symlink_to(sam)
    (folder / "sitecustomize.py").write_text(SHORT_SLEEPS)
    return folder


def shown(page: str, language: str) -> str:
    """The one block of a page in a language."""
    [block] = blocks(ROOT / "docs" / f"{page}.md", language)
    return block


@pytest.mark.parametrize("name", [*PAGES.values(), "typescript"])
def test_example_has_its_own_connector(name: str) -> None:
    """An example's folder has the smallest connector, so that it works when it is copied."""
    code = (ROOT / "examples" / name / "connector" / "crm.py").read_text()

    assert code == (ROOT / "examples" / "smallest_connector" / "crm.py").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_the_example(page: str) -> None:
    """A page shows the template and the connector of its example."""
    example = ROOT / "examples" / PAGES[page]

    assert shown(page, "yaml") == (example / "template.yaml").read_text()
    code = (example / "connector" / "crm.py").read_text()
    assert code.endswith(f"\n{shown(page, 'python')}")


@pytest.mark.parametrize("name", PAGES.values())
def test_example_passes_cfn_lint(name: str) -> None:
    """cfn-lint finds nothing in an example's template but the local path of the code."""
    template = ROOT / "examples" / name / "template.yaml"

    assert run_cfn_lint(template, options=["--ignore-checks", "W3002"]) == ("", 0)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_page_run(cloud: LocalCloud, tools: Path, tmp_path: Path, page: str) -> None:
    """Each command of a page prints what it says, and at the end nothing is registered."""
    account = Account(cloud, new_account_id())
    environment = account.cloud.environment(account.id)
    environment |= {
        "PATH": f"{environment['PATH']}{os.pathsep}{tools}",
        "PYTHONPATH": str(tools),
        # Where the SAM CLI keeps its settings. jsii would unpack the CDK there, for 7 seconds.
        "HOME": str(tmp_path),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(JSII_PACKAGES),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "1",
    }
    text = (ROOT / "docs" / f"{page}.md").read_text().replace(ACCOUNT, account.id)
    # The tutorial begins in the checkout.
    folder = ROOT if page.startswith("tutorial") else tmp_path

    for commands, expected, printed in run_steps(text, folder, environment):
        for line in expected:
            assert line.strip() in printed, f"{commands}{printed}"
    assert account.connectors() == []
    assert account.operations().count("RegisterConnector") == 1
