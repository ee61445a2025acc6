"""The command line, and what ``--help`` says. It needs no other package."""

from __future__ import annotations

import argparse

PROGRAM = "cdk-appflow-connector"

PERMISSIONS = {
    "cloudformation:ListStackResources": "",
    "cloudformation:DescribeStacks": "",
    "cloudformation:GetTemplate": "",
    "cloudformation:ListExports": "if a connector's function is imported from another stack",
    "cloudformation:ListStacks": "without --stack",
    "appflow:DescribeConnector": "",
    "appflow:ListConnectors": "without --stack",
}
"""The IAM actions that the command needs, all of them read-only, and when it does."""

_STATUS = """\
Show, for each connector that a stack registers with ConnectorRegistration, what AppFlow holds
against what the stack asked for when it was last deployed. Nothing is changed.

Without --stack: all custom connectors of the account and Region.
"""

_MEANINGS = """\
states:
  IN_SYNC    AppFlow holds what the stack asks for
  MODIFIED   AppFlow holds another Lambda ARN or description
  DELETED    nothing is registered under the connector's label
  UNKNOWN    what the stack asks for cannot be told, and why not
  UNMANAGED  no ConnectorRegistration asks for it; this is no drift

A description is compared only if the template sets one. The connector version is what the
connector said when AppFlow last read its configuration; no stack asks for a version.

--json prints one object: account, region, connectors. A connector has connectorLabel, state, stack,
logicalResourceId, expected, actual, reason and nextStep; null is what is not set or not known.

exit codes:
  0  all connectors are as asked for, or there is none
  1  at least one connector has drifted: MODIFIED or DELETED
  2  none has drifted, but at least one is UNKNOWN; or the command could not do its work

permissions, all of them read-only:
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    root = argparse.ArgumentParser(
        prog=PROGRAM, description="Look after the AppFlow connectors that stacks register."
    )
    commands = root.add_subparsers(dest="command", metavar="command", required=True)
    status = commands.add_parser(
        "status",
        help="show whether AppFlow holds what the stacks ask for",
        description=_STATUS,
        epilog=_MEANINGS + _permissions(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    status.add_argument(
        "--stack", metavar="NAME", help="the name or ARN of a stack; those nested in it count too"
    )
    status.add_argument("--region", help="default: the Region of the environment or profile")
    status.add_argument("--profile", metavar="NAME", help="a profile of the AWS configuration")
    status.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return root


def _permissions() -> str:
    widest = max(map(len, PERMISSIONS))
    return "".join(
        f"  {action:{widest}}  {when}".rstrip() + "\n" for action, when in PERMISSIONS.items()
    )
