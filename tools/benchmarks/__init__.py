"""Benchmarks of the handler and the construct, beside what a CDK user would use instead.

``make bench`` runs them:

- ``events``: time and memory of one event, cold and warm.
- ``growth``: the template of a stack with 1 to 200 connectors.
- ``deployments``: the calls to AppFlow for each of 200 connectors.

For ``events``, ``candidates`` lists the handlers that are compared, ``server`` stands in for AWS,
and ``measurement`` runs one container. ``containers/`` is the code that runs in the containers.
``runtime`` makes the environment of Lambda's default Python, if the machine has that Python.
``report`` writes tables and JSON.
"""
