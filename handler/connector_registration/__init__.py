"""The Lambda function behind ``Custom::AppFlowConnectorRegistration``.

CloudFormation sends an event when a stack creates, updates or deletes the resource. The handler
brings the connector's registration in Amazon AppFlow in line with the template and sends exactly
one response. Only the standard library, crhelper (staged beside this package) and what the Lambda
Python runtime ships (boto3, botocore, urllib3) may be imported here.

``docs/explanation/architecture.md`` describes the modules in the order an event passes them.
"""

from . import speed

speed.read_authorities()
speed.import_crhelper()
