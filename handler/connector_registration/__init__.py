"""The Lambda function behind ``Custom::AppFlowConnectorRegistration``.

CloudFormation sends it an event when a stack creates, updates or deletes the resource; it makes
Amazon AppFlow hold what the template asks for and answers the event once. Only the standard
library, crhelper (staged beside this package) and what the Lambda Python runtime ships (boto3,
botocore, urllib3) may be imported here.

Modules, in the order an event passes through them:

- ``function``: the entry point, one function for each request type.
- ``lifecycle``: what each of them asks of AppFlow; with it comes the SDK.
- ``custom_resource``: crhelper, fenced; everything about answering CloudFormation.
- ``request``: the event, parsed and checked.
- ``registration``: what to ask of AppFlow, and when.
- ``appflow``: the calls themselves, with their tokens and retries.
- ``stack_events``: whether CloudFormation still waits, and whether an update that it gave up may
  still be running.
- ``errors``: which errors pass by waiting, and what they mean to a reader.
- ``sdk``: the SDK's clients.
- ``response``: the one answer.
"""

import importlib
import sys
import types

# crhelper imports boto3 for the clients of its polling mode, which nobody uses here; without, an
# event that calls nobody needs no SDK, and the others only as much of it as they call: two thirds
# of the time of a cold Update, and two thirds of its memory.
_boto3 = sys.modules.pop("boto3", None)
sys.modules["boto3"] = types.ModuleType("boto3")
importlib.import_module("crhelper")
del sys.modules["boto3"]
sys.modules.update({"boto3": _boto3} if _boto3 else {})
