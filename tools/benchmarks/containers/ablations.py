"""This handler without one of its optimizations, or without its read-back."""

from connector_registration import delivery, function


def read_back(event, context):
    """Report a success without reading the registration back, as the other candidates do."""
    from connector_registration import appflow

    appflow.AppFlow.wait_until_updated = lambda self: appflow.Connector(
        self.registration.connector_label, "", self.registration.lambda_arn, "", "", {}
    )
    function.handler(event, context)


def function_state(event, context):
    """Call AppFlow without waiting until the function is ready."""
    from connector_registration import function_state

    function_state.FunctionState.wait_until_ready = lambda _: None
    function.handler(event, context)


def loader(event, context):
    """Use botocore's own loader, which searches folders and reads all endpoints."""
    from botocore.loaders import Loader
    from connector_registration import sdk

    sdk._Loader = Loader
    function.handler(event, context)


def boto3_imported(event, context):
    """Import boto3 and make the three clients that crhelper makes."""
    import boto3

    if not hasattr(function, "clients"):
        function.clients = [boto3.client(name) for name in ("lambda", "events", "logs")]
    function.handler(event, context)


def authorities_first(event, context):
    """Read the certificate authorities before the event and not on a thread beside it."""
    delivery.pool(event["ResponseURL"])
    function.handler(event, context)


def new_context(event, context):
    """Read the certificate authorities for each response."""
    delivery._pool.cache_clear()
    function.handler(event, context)


def sdk_imported(event, context):
    """Import the SDK for an event that needs no call, too."""
    from connector_registration import lifecycle  # noqa: F401

    function.handler(event, context)
