"""The handler as deployed, but that it trusts AppFlow's answer: what the read-back costs."""

from connector_registration import function
from connector_registration.appflow import AppFlow, Connector

AppFlow.read_back = lambda _, wanted: Connector(
    wanted.connector_label, "", wanted.lambda_arn, "", ""
)
handler = function.handler
