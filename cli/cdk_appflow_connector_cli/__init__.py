"""The console script ``cdk-appflow-connector``, which detects drift of connector registrations.

CloudFormation does not detect drift of custom resources. ``cdk-appflow-connector status`` compares
the values in the deployed templates with those registered in AppFlow. All of its calls are
read-only. It runs on a developer's machine or in a pipeline, and needs
``pip install "cdk-appflow-connector[cli]"``.
"""
