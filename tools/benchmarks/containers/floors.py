"""The least that an event can take: the same calls and the response, and nothing else."""

import json
import ssl
import threading


def calls(event, _):
    """Make the calls of a refresh with the handler's clients, and respond over its connections."""
    from connector_registration import delivery, sdk

    properties = event["ResourceProperties"]
    label, arn = properties["ConnectorLabel"], properties["LambdaArn"]
    appflow = sdk.client("appflow")
    appflow.describe_connector(connectorType="CustomConnector", connectorLabel=label)
    sdk.client("lambda").get_function_configuration(FunctionName=arn)
    appflow.update_connector_registration(
        connectorLabel=label,
        connectorProvisioningConfig={"lambda": {"lambdaArn": arn}},
        clientToken=event["RequestId"],
    )
    appflow.describe_connector(connectorType="CustomConnector", connectorLabel=label)
    delivery.deliver(delivery.pool, event["ResponseURL"], _response(event))


def response(event, _):
    """Respond over TLS with urllib3, with the certificate authorities read beside its import."""
    _pool().request(
        "PUT",
        event["ResponseURL"],
        body=_response(event),
        headers={"Content-Type": ""},
        retries=False,
    )


def _response(event):
    ids = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    physical_id = event["PhysicalResourceId"]
    return json.dumps({"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": {}, **ids})


_pools = []


def _pool():
    if not _pools:
        contexts = []
        reader = threading.Thread(target=lambda: contexts.append(ssl.create_default_context()))
        reader.start()
        import urllib3

        reader.join()
        _pools.append(urllib3.PoolManager(ssl_context=contexts[0]))
    return _pools[0]
