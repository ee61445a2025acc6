"""AppFlow's refusals. A class is named as its error code; the model knows the HTTP status."""


class AppFlowError(Exception):
    """A refusal, with the message that the client reads."""

    @property
    def code(self) -> str:
        """AppFlow's name for the error."""
        return type(self).__name__


class AccessDeniedException(AppFlowError):
    """The caller may not do this, or AppFlow may not invoke the connector."""


def not_authorized(principal: str, action: str, resource: str) -> AccessDeniedException:
    """The refusal of a caller that may not do something, in IAM's words."""
    return AccessDeniedException(
        f"User: {principal} is not authorized to perform: {action} on resource: {resource}"
    )


class ConflictException(AppFlowError):
    """The request contradicts what AppFlow holds."""


class ConnectorServerException(AppFlowError):
    """The connector's Lambda failed."""


class InternalServerException(AppFlowError):
    """The service itself failed."""


class ResourceNotFoundException(AppFlowError):
    """There is no such connector."""


class ThrottlingException(AppFlowError):
    """Too many calls."""


class ValidationException(AppFlowError):
    """The request itself is wrong."""


def error(code: str, message: str) -> AppFlowError:
    """The refusal of a code that a setting names."""
    by_code = {one.__name__: one for one in AppFlowError.__subclasses__()}
    return by_code[code](message)
