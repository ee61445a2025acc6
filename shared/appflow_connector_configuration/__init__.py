"""The configuration of an AppFlow custom connector: what a connector's response means to AppFlow.

A connector's Lambda function responds to ``DescribeConnectorConfigurationRequest``; AppFlow keeps
the response and shows it in ``DescribeConnector``. This package reads such a response in AppFlow's
terms, finds the faults in it, and compares two configurations. It makes no calls. The handler, the
command line and the local cloud import it.

Sources: Amazon's SDKs for custom connectors, in Python and Java, for what a function returns; the
AppFlow service model 2020-08-23 in botocore for what AppFlow shows. AWS does not document the
mapping between them; it follows from the names on both sides.
"""
