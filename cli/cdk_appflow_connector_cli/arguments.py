"""The command line and the text of ``--help``. This module imports the standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

PROGRAM = "cdk-appflow-connector"

# A Lambda function runs for 15 minutes at most.
_MAX_SECONDS = 900

PERMISSIONS: Mapping[str, Mapping[str, str]] = {
    "status": {
        "cloudformation:ListStackResources": "",
        "cloudformation:DescribeStacks": "",
        "cloudformation:GetTemplate": "",
        "cloudformation:ListExports": "if the template imports a value",
        "cloudformation:ListStacks": "without --stack",
        "appflow:DescribeConnector": "",
        "appflow:ListConnectors": "without --stack",
        "lambda:InvokeFunction": "unless --no-invoke",
    },
    "check": {
        "lambda:InvokeFunction": "with --function",
        "appflow:DescribeConnector": "with --against",
        "appflow:DescribeConnectorProfiles": "with --against",
        "appflow:ListFlows": "with --against",
        "appflow:DescribeFlow": "with --against",
    },
    "refresh": {
        "appflow:DescribeConnector": "",
        "appflow:UpdateConnectorRegistration": "",
        "lambda:InvokeFunction": "",
        "lambda:GetFunctionConfiguration": "to wait for updates of a function",
        "lambda:GetAlias": "to wait until an alias has one version",
        "cloudformation:ListStackResources": "with --stack",
        "cloudformation:DescribeStacks": "with --stack",
        "cloudformation:GetTemplate": "with --stack",
        "cloudformation:ListExports": "with --stack, for imported values",
    },
    "template": {},
}
"""The IAM actions that each command needs, with the condition of those not always needed."""

_CHECK = """\
Show what AppFlow would make of a connector before it is deployed or registered:
the configuration that AppFlow would show, what it would refuse, and what the
rules of Amazon's SDKs advise. Nothing is changed.

HANDLER runs on this machine, in the current folder: module:function, Lambda's
form module.function, or a file, as in src/crm.py:handler. --function invokes a
deployed function.
"""

_CHECK_EPILOG = """\
--against compares the configuration with the registered one. A finding has a
severity:
  ERROR    certain: a connector profile or flow uses what is gone
  WARNING  possible: AppFlow does not show what uses it, or shows nothing that
           does
  INFO     nothing breaks

--entities lists the connector's entities and describes them. With --against,
entities and fields that flows use and the connector no longer has are findings.
FILE has the form of TestConfig.json of Amazon's SDK for Python, with runtime
settings and credentials. Without FILE both are empty.

--json prints one object: source, configuration, refused, advice, against,
findings, entities, unchecked, notes, exitReason. A member that was not asked
for is null.

exit codes:
  0  PASSED
  1  REFUSED, BREAKING (a finding is an ERROR), or with --fail-on warning
     WARNING (there is advice, or a finding is a WARNING)
  2  INCOMPLETE (not everything could be checked); or the command failed

permissions (a HANDLER alone needs none, and no credentials):
"""

_STATUS = """\
Compare each registration in the deployed templates with the connector that is
registered in AppFlow, and the configuration that AppFlow shows with the one
that the connector's function returns now. Nothing is changed.

A registration is a resource of type Custom::AppFlowConnectorRegistration: made
by a ConnectorRegistration of the CDK, or written in a template (JSON, YAML or
SAM).

Without --stack: all stacks and all custom connectors of the account and Region.
"""

_STATUS_EPILOG = """\
states:
  IN_SYNC    the registration matches the template, and the configuration is the
             one that the connector returns
  MODIFIED   the registered Lambda ARN or description differs from the template
  DELETED    no connector is registered under the label
  STALE      AppFlow shows another configuration than the connector returns now
  UNKNOWN    the registration cannot be compared, or AppFlow would refuse what
             the connector returns; the reason is shown
  UNMANAGED  no stack has a registration with the label; this is not drift

AppFlow keeps the configuration that it read when the connector was registered
or last refreshed. For the comparison, the function that AppFlow shows is
invoked once, with DescribeConnectorConfigurationRequest. If it may not or
cannot be invoked, a note says so, and the state is that of the other values.
Functions of UNMANAGED connectors are not invoked.

The description is compared only if the template sets one.

--json prints one object: account, region, connectors. A connector has
connectorLabel, state, stack, logicalResourceId, expected (the template's
values), actual (the registered values), differences, reason, nextStep and note.
A difference has propertyPath, expectedValue (the template's or the connector's)
and actualValue (the registered one). A value that is not set or not known is
null.

A stack or connector that cannot be read is UNKNOWN, and the others are
compared as usual.

exit codes:
  0  no drift: all registrations match, or there are none
  1  drift: at least one connector is MODIFIED, DELETED or STALE
  2  no drift was found, but a connector is UNKNOWN; or the command failed

permissions (nothing is changed):
"""


_REFRESH = """\
Have AppFlow read the configurations of registered connectors again.

A label stays with the function that is registered, and keeps its description.
"""

_REFRESH_EPILOG = """\
For each label, the command waits until Lambda has ended an update of the
function, and an alias has one version left, for at most 5 minutes. Then it
calls UpdateConnectorRegistration, and checks that AppFlow shows what the
connector returns, for at most 30 seconds. All labels are tried.

--stack refreshes the connectors that the stack's registrations manage.
A label that is registered with another function than the template's is not
refreshed.

outcomes:
  REFRESHED  AppFlow shows a changed configuration
  UNCHANGED  AppFlow has read the configuration again, which is the same
  REFUSED    AppFlow refused the refresh, for example since the connector fails
  STALE      AppFlow accepted the refresh, and still shows another configuration
             than the connector returns
  FAILED     the connector was not refreshed, or the outcome is not known

--json prints one object: account, region, connectors. A connector has
connectorLabel, outcome, changes, differences, reason, nextStep and notes. A
change has propertyPath, before and after. A difference remains after the
refresh, and has the members of those of status.

exit codes:
  0  all connectors are REFRESHED or UNCHANGED, or there are none
  1  at least one connector is REFUSED or STALE
  2  at least one connector is FAILED, and none REFUSED or STALE; or the command
     failed

permissions:
"""

_TEMPLATE = """\
Write the Lambda function behind connector registrations as a CloudFormation
template, for stacks that are not made with the CDK: FOLDER/provider.yaml, and
the handler's code in FOLDER/handler. sam deploy, sam package and aws
cloudformation package upload the code.
"""

_TEMPLATE_EPILOG = """\
An earlier output in FOLDER is replaced, with everything in FOLDER/handler.
Other files stay. Equal versions write equal files.

exit codes:
  0  the files are written
  2  the command failed, for example since Node.js is missing

permissions:
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    root = argparse.ArgumentParser(
        prog=PROGRAM, description="Inspect and refresh AppFlow's connectors."
    )
    commands = root.add_subparsers(dest="command", metavar="command", required=True)
    _add_status(commands)
    _add_check(commands)
    _add_refresh(commands)
    _add_template(commands)
    return root


def _add_status(commands: Commands) -> None:
    command = _add_command(
        commands,
        "status",
        summary="compare the registrations in AppFlow with the deployed templates",
        description=_STATUS,
        epilog=_STATUS_EPILOG,
    )
    command.add_argument(
        "--stack", metavar="NAME", help="name or ARN of a stack; its nested stacks are included"
    )
    command.add_argument(
        "--no-invoke",
        dest="invoke",
        action="store_false",
        help="do not ask the connectors for their configurations",
    )
    _add_common_options(command)


def _add_check(commands: Commands) -> None:
    command = _add_command(
        commands,
        "check",
        summary="show what AppFlow would make of a connector, and whom it would break",
        description=_CHECK,
        epilog=_CHECK_EPILOG,
    )
    # An optional FILE behind --entities would take a HANDLER that follows.
    command.usage = "%(prog)s (HANDLER | --function NAME) [options]"
    connector = command.add_mutually_exclusive_group(required=True)
    connector.add_argument(
        "handler", metavar="HANDLER", nargs="?", help="a Python handler on this machine"
    )
    connector.add_argument(
        "--function", metavar="NAME", help="a deployed function: NAME, NAME:QUALIFIER or an ARN"
    )
    command.add_argument(
        "--against", metavar="LABEL", help="compare with the connector registered under a label"
    )
    command.add_argument(
        "--entities",
        metavar="FILE",
        nargs="?",
        const="",
        help="list and describe entities, with the settings and credentials of a file",
    )
    command.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter of HANDLER; default: that of the active virtual environment",
    )
    command.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=30,
        help="time limit of each request to the connector; default: 30",
    )
    command.add_argument(
        "--fail-on",
        choices=["warning", "error"],
        default="error",
        help="the least severity with which the command exits with 1; default: error",
    )
    _add_common_options(command)


def _add_refresh(commands: Commands) -> None:
    command = _add_command(
        commands,
        "refresh",
        summary="have AppFlow read the configurations of connectors again",
        description=_REFRESH,
        epilog=_REFRESH_EPILOG,
    )
    targets = command.add_mutually_exclusive_group(required=True)
    targets.add_argument(
        "labels", metavar="LABEL", nargs="*", default=[], help="a registered label"
    )
    targets.add_argument(
        "--stack", metavar="NAME", help="name or ARN of a stack; its nested stacks are included"
    )
    _add_common_options(command)


def _add_template(commands: Commands) -> None:
    command = _add_command(
        commands,
        "template",
        summary="write the provider as a CloudFormation template, for SAM and others",
        description=_TEMPLATE,
        epilog=_TEMPLATE_EPILOG,
        # template is the module that reads the templates of deployed stacks.
        module="provider_template",
    )
    command.add_argument(
        "--output", metavar="FOLDER", required=True, help="where to write; made if missing"
    )


def _seconds(text: str) -> float:
    """A time limit in seconds.

    Raises:
        ArgumentTypeError: the text is not a number greater than 0.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text} is no time limit. Pass a number of seconds up to {_MAX_SECONDS}"
        )
    return seconds


def _add_command(
    commands: Commands,
    name: str,
    *,
    summary: str,
    description: str,
    epilog: str,
    module: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command, whose epilog ends with its permissions; its module has its name by default."""
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog + _permissions(PERMISSIONS[name]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(module=module or name)
    return command


def _add_common_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--region", help="default: the Region of the environment or profile")
    command.add_argument("--profile", metavar="NAME", help="a profile of the AWS configuration")
    command.add_argument("--json", action="store_true", help="print JSON instead of text")


def _permissions(permissions: Mapping[str, str]) -> str:
    if not permissions:
        return "  none\n"
    width = max(map(len, permissions))
    return "".join(
        f"  {action:{width}}  {condition}".rstrip() + "\n"
        for action, condition in permissions.items()
    )
