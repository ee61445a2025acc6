"""AppFlow's errors. The name of a class is the error code; the model has the HTTP status."""


class AppFlowError(Exception):
    """An error that AppFlow returns, with its message."""

    @property
    def code(self) -> str:
        """The error code."""
        return type(self).__name__


class AccessDeniedException(AppFlowError):
    """The caller is not allowed to do this, or AppFlow is not allowed to invoke the connector."""


def not_authorized(principal: str, action: str, resource: str) -> AccessDeniedException:
    """The error for a caller that lacks a permission, in IAM's words."""
    return AccessDeniedException(
        f"User: {principal} is not authorized to perform: {action} on resource: {resource}"
    )


class ConflictException(AppFlowError):
    """The request conflicts with the connectors, profiles and flows."""


class ConnectorAuthenticationException(AppFlowError):
    """The connector refused the credentials of a connector profile."""


class ConnectorServerException(AppFlowError):
    """The Lambda function of the connector failed."""


class InternalServerException(AppFlowError):
    """AppFlow itself failed."""


class ResourceNotFoundException(AppFlowError):
    """The connector, connector profile, flow or entity does not exist."""


class ThrottlingException(AppFlowError):
    """There were too many calls."""


class UnsupportedOperationException(AppFlowError):
    """The operation does not exist for this flow."""


class ValidationException(AppFlowError):
    """The request is invalid."""


def error(code: str, message: str) -> AppFlowError:
    """An error with the code that a setting names."""
    by_code = {one.__name__: one for one in AppFlowError.__subclasses__()}
    return by_code[code](message)
