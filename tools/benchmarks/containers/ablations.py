"""This handler without one of its measures, or without a part of its work."""

import threading


def read_back(event, context):
    """Report a success without reading the registration back, as the other candidates do."""
    from connector_registration import appflow

    appflow.AppFlow.wait_until_updated = lambda self: appflow.Connector(
        self.registration.connector_label, "", self.registration.lambda_arn, "", "", {}
    )
    _handle(event, context)


def function_state(event, context):
    """Call AppFlow without waiting until the function is ready."""
    from connector_registration import function_state

    function_state.FunctionState.wait_until_ready = lambda _: None
    _handle(event, context)


def loader(event, context):
    """Use botocore's own loader, which searches folders and reads all endpoints."""
    from botocore.session import Session
    from connector_registration import speed

    speed.sdk_session = lambda _: Session()
    _handle(event, context)


def user_agent(event, context):
    """Let botocore compose its user agent for each call."""
    from connector_registration import speed

    speed.user_agent = lambda _: None
    _handle(event, context)


def boto3_imported(event, context):
    """Import boto3 and make the three clients that crhelper makes."""
    import boto3
    from connector_registration import function

    if not hasattr(function, "clients"):
        function.clients = [boto3.client(name) for name in ("lambda", "events", "logs")]
    _handle(event, context)


def authorities_last(event, context):
    """Read the certificate authorities when the response is sent, and not beside the imports."""
    start, threading.Thread.start = threading.Thread.start, lambda _: None
    try:
        import connector_registration  # noqa: F401
    finally:
        threading.Thread.start = start
    _handle(event, context)


def new_context(event, context):
    """Read the certificate authorities for each response."""
    from connector_registration import delivery, speed

    _handle(event, context)
    delivery._pool.cache_clear()
    speed._tls_context.cache_clear()


def sdk_imported(event, context):
    """Import the SDK for an event that needs no call, too."""
    from connector_registration import lifecycle  # noqa: F401

    _handle(event, context)


def _handle(event, context):
    from connector_registration import function

    function.handler(event, context)
