"""The handler as deployed, but for one thing: what that one thing is worth or costs."""

from connector_registration import function, response


def read_back(event, context):
    """Trust AppFlow's answer to the change, as the others do."""
    from connector_registration import appflow

    appflow.AppFlow.read_back = lambda _, wanted: appflow.Connector(
        wanted.connector_label, "", wanted.lambda_arn, "", ""
    )
    function.handler(event, context)


def loader(event, context):
    """Let botocore look for its data itself, and read all endpoints."""
    from botocore.loaders import Loader
    from connector_registration import sdk

    sdk._Loader = Loader
    function.handler(event, context)


def boto3_left_out(event, context):
    """Import boto3 and make the three clients that crhelper makes."""
    import boto3

    if not hasattr(function, "clients"):
        function.clients = [boto3.client(name) for name in ("lambda", "events", "logs")]
    function.handler(event, context)


def authorities_meanwhile(event, context):
    """Read the certificate authorities first and then begin to work."""
    response.pool()
    function.handler(event, context)


def shared_context(event, context):
    """Read the certificate authorities for each answer."""
    response._pool.cache_clear()
    function.handler(event, context)


def late_sdk(event, context):
    """Import the SDK for every event."""
    from connector_registration import lifecycle  # noqa: F401

    function.handler(event, context)


def named_tuples(event, context):
    """Import what dataclasses need in place of named tuples."""
    import dataclasses  # noqa: F401

    function.handler(event, context)
