"""Dependencies between two resources, which can be removed again.

Those between constructs (``node.add_dependency``) cannot. The oldest aws-cdk-lib supported has
these methods under their former names only, and newer ones print a warning about those names.
"""

from __future__ import annotations

import aws_cdk as cdk


def wait_for(resource: cdk.CfnResource, other: cdk.CfnResource) -> None:
    """Let CloudFormation create or update one resource after another, and delete it before."""
    add = getattr(resource, "add_resource_dependency", None) or resource.add_dependency
    add(other)


def wait_no_longer_for(resource: cdk.CfnResource, other: cdk.CfnResource) -> None:
    """Remove a dependency that ``wait_for`` added."""
    remove = getattr(resource, "remove_resource_dependency", None) or resource.remove_dependency
    remove(other)
