"""Amazon AppFlow's connector registry, as strict as AppFlow's documentation.

- ``model``: the rules of botocore's service model for inputs and errors.
- ``errors``: AppFlow's errors, under AppFlow's own codes.
- ``settings``: the behaviour that AWS does not document, or that tests want to change.
- ``limits``: the rate of calls, and how long a permission takes to become effective.
- ``registry``, ``tokens``, ``pages``: the state of an account and Region.
- ``connector``: a connector's configuration, in AppFlow's terms.
- ``access``: the caller, and IAM's decisions on the caller and on AppFlow.
- ``functions``: invoking the function of a connector.
- ``service``: the operations.
- ``journal``: the calls that AppFlow has received, and their outcomes.
- ``endpoint``: AppFlow as a service of MiniStack: authorization, HTTP and error format.
"""
