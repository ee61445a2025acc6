"""Amazon AppFlow's connector registry, as strict as its documentation.

- ``model``: what botocore's service model says about inputs and errors.
- ``errors``: the refusals, under AppFlow's own codes.
- ``registry``: the registered connectors and the client tokens seen.
- ``connector``: invoking a connector's Lambda, and reading what it answers.
- ``service``: the operations.
- ``endpoint``: the service as a part of MiniStack: authentication, authorisation, HTTP.
"""
