"""The console script ``cdk-appflow-connector``, which shows whether connectors have drifted.

CloudFormation detects no drift of custom resources, so ``cdk-appflow-connector status`` compares
what the stacks ask for with what AppFlow holds. It reads, and changes nothing. It runs on the
developer's machine or in a pipeline, and needs ``pip install "cdk-appflow-connector[cli]"``.
"""
