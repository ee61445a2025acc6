"""Connectors that lose an API version, and flows that use it."""

from __future__ import annotations

from tests.local_cloud.flow_support import Sales, connector, profile
from tests.support import Account


def versions(*names: str) -> str:
    """A connector of orders that supports some API versions."""
    return connector(f"""
_configuration = configuration

def configuration(event):
    return {{**_configuration(event), "supportedApiVersions": {[*names]!r}}}
""")


def make_flow(account: Account, name: str = "orders", api_version: str = "v1") -> None:
    """Make a flow from the connector, and the connector profile and the bucket that it needs."""
    sales = Sales(account)
    if not sales.appflow.describe_connector_profiles()["connectorProfileDetails"]:
        sales.appflow.create_connector_profile(**profile())
        sales.make_bucket()
    flow = sales.reading()
    flow["sourceFlowConfig"]["apiVersion"] = api_version
    sales.appflow.create_flow(**{**flow, "flowName": name})
