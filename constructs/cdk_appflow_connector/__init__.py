"""Keep an Amazon AppFlow custom connector registered, and its registration current, with the CDK.

AppFlow reads a custom connector's configuration from its Lambda function when the connector is
registered, and keeps using it. :class:`ConnectorRegistration` registers the connector as part of
the stack, and refreshes the registration whenever a deployment changes the function.

    from cdk_appflow_connector import ConnectorRegistration

    ConnectorRegistration(
        self, "Registration", connector_label="acme-crm", connector_function=function
    )
"""

from .connector_registration import (
    Adoption,
    ConnectorRegistration,
    IConnectorRegistration,
    OnBreakingChange,
)
from .connector_registration_provider import ConnectorRegistrationProvider

__all__ = [
    "Adoption",
    "ConnectorRegistration",
    "ConnectorRegistrationProvider",
    "IConnectorRegistration",
    "OnBreakingChange",
]
