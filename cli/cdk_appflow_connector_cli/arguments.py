"""The command line and the text of ``--help``. This module imports the standard library only."""

from __future__ import annotations

import argparse

PROGRAM = "cdk-appflow-connector"

PERMISSIONS = {
    "cloudformation:ListStackResources": "",
    "cloudformation:DescribeStacks": "",
    "cloudformation:GetTemplate": "",
    "cloudformation:ListExports": "if the template imports a value",
    "cloudformation:ListStacks": "without --stack",
    "appflow:DescribeConnector": "",
    "appflow:ListConnectors": "without --stack",
}
"""The read-only IAM actions that the command needs; some only under a condition."""

_DESCRIPTION = """\
Compare each ConnectorRegistration in the deployed templates with the connector
that is registered in AppFlow. All calls are read-only.

Without --stack: all stacks and all custom connectors of the account and Region.
"""

_EPILOG = """\
states:
  IN_SYNC    the registration matches the template
  MODIFIED   the registered Lambda ARN or description differs from the template
  DELETED    no connector is registered under the label
  UNKNOWN    the two cannot be compared; the reason is shown
  UNMANAGED  no ConnectorRegistration has the label; this is not drift

The description is compared only if the template sets one. The connector version
is the one that the connector returned when AppFlow last read its configuration;
templates contain no version.

--json prints one object: account, region, connectors. A connector has
connectorLabel, state, stack, logicalResourceId, expected (the template's
values), actual (the registered values), reason and nextStep. A value that is
not set or not known is null.

A stack or connector that cannot be read is UNKNOWN, and the others are
compared as usual.

exit codes:
  0  no drift: all registrations match, or there are none
  1  drift: at least one connector is MODIFIED or DELETED
  2  no drift was found, but a connector is UNKNOWN; or the command failed

permissions (read-only):
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    root = argparse.ArgumentParser(
        prog=PROGRAM, description="Inspect the AppFlow connectors that CDK stacks register."
    )
    commands = root.add_subparsers(dest="command", metavar="command", required=True)
    status = commands.add_parser(
        "status",
        help="compare the registrations in AppFlow with the deployed templates",
        description=_DESCRIPTION,
        epilog=_EPILOG + _permissions(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    status.add_argument(
        "--stack", metavar="NAME", help="name or ARN of a stack; its nested stacks are included"
    )
    status.add_argument("--region", help="default: the Region of the environment or profile")
    status.add_argument("--profile", metavar="NAME", help="a profile of the AWS configuration")
    status.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return root


def _permissions() -> str:
    width = max(map(len, PERMISSIONS))
    return "".join(
        f"  {action:{width}}  {condition}".rstrip() + "\n"
        for action, condition in PERMISSIONS.items()
    )
