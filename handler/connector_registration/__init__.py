"""The Lambda function behind ``Custom::AppFlowConnectorRegistration``.

CloudFormation sends an event when a stack creates, updates or deletes the resource. The handler
brings the connector's registration in Amazon AppFlow in line with the template and sends exactly
one response. Only the standard library, crhelper (staged beside this package) and what the Lambda
Python runtime ships (boto3, botocore, urllib3) may be imported here.

``docs/explanation/architecture.md`` describes the modules in the order an event passes them.
"""

import importlib
import sys
import types

# crhelper imports boto3 for its polling mode, which the handler does not use. Without boto3, an
# event that makes no call needs no SDK at all, and the others import only the part that they use:
# two thirds of the time of a cold Update, and two thirds of its memory.
_boto3 = sys.modules.pop("boto3", None)
sys.modules["boto3"] = types.ModuleType("boto3")
importlib.import_module("crhelper")
del sys.modules["boto3"]
sys.modules.update({"boto3": _boto3} if _boto3 else {})
