"""Amazon AppFlow with its custom connectors, as strict as AppFlow's documentation.

- ``model``: the rules of botocore's service model for inputs and errors.
- ``errors``: AppFlow's errors, under AppFlow's own codes.
- ``settings``: the behaviour that AWS does not document, or that tests want to change.
- ``limits``: the rate of calls, and how long a permission takes to become effective.
- ``state``: the state of an account and Region, and what a call needs.
- ``registry``, ``tokens``, ``pages``: registered connectors and profiles, client tokens, pages.
- ``connector``: a connector's configuration, in AppFlow's terms.
- ``access``: the caller, and IAM's decisions on the caller and on AppFlow.
- ``functions``, ``invocation``, ``clients``: invoking the function of a connector.
- ``service``: the operations.
- ``profiles``, ``credentials``, ``runtime_settings``, ``connection``: connector profiles.
- ``entities``, ``metadata``: the entities of a connector's application.
- ``flow_operations``, ``flow_checks``, ``flows``, ``ends``: flows.
- ``execution``, ``transfers``, ``tasks``, ``filters``, ``formats``, ``buckets``: runs of flows.
- ``journal``: the calls that AppFlow has received, and their outcomes.
- ``endpoint``: AppFlow as a service of MiniStack: authorization, HTTP and error format.
"""
