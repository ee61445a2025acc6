"""Keep an Amazon AppFlow custom connector registered, and its registration current, with the CDK.

AppFlow asks a connector's Lambda function for its configuration when the connector is registered,
and keeps the answer. :class:`ConnectorRegistration` registers the connector with the stack that
deploys the function, and has AppFlow ask again whenever a deployment changes the function.

    from cdk_appflow_connector import ConnectorRegistration

    ConnectorRegistration(
        self, "Registration", connector_label="acme-crm", connector_function=function
    )
"""

from .connector_registration import (
    ConnectorRegistration,
    IConnectorRegistration,
    OnExisting,
    OnMissing,
)
from .connector_registration_provider import ConnectorRegistrationProvider

__all__ = [
    "ConnectorRegistration",
    "ConnectorRegistrationProvider",
    "IConnectorRegistration",
    "OnExisting",
    "OnMissing",
]
