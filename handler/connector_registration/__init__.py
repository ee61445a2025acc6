"""The Lambda function behind ``Custom::AppFlowConnectorRegistration``.

CloudFormation sends it an event when a stack creates, updates or deletes the resource; it makes
Amazon AppFlow hold what the template asks for and answers the event once. Only the standard
library, crhelper (staged beside this package) and what the Lambda Python runtime ships (boto3,
botocore, urllib3) may be imported here.

Modules, in the order an event passes through them:

- ``function``: the entry point, one function for each request type.
- ``custom_resource``: crhelper, fenced; everything about answering CloudFormation.
- ``request``: the event, parsed and checked.
- ``registration``: what to ask of AppFlow, and when.
- ``appflow``: the calls themselves, with their tokens and retries.
- ``stack_events``: whether an update that CloudFormation gave up may still be running.
- ``errors``: which errors pass by waiting, and what they mean to a reader.
- ``response``: the one answer.
"""
