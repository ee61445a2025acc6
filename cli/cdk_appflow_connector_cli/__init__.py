"""The console script ``cdk-appflow-connector``, which inspects and refreshes connectors.

CloudFormation does not detect drift of custom resources. ``cdk-appflow-connector status`` compares
the registrations in AppFlow with the deployed templates, and with what the connectors return now.
``refresh`` has AppFlow read the configurations of connectors again; it alone changes registrations.
The commands run on a developer's machine or in a pipeline, and need
``pip install "cdk-appflow-connector[cli]"``.
"""
