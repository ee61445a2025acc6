"""The connector of the sample app, and the steps that ``make demo`` shows.

- ``salesforce`` stages the connector's code.
- ``deployment`` runs the CDK CLI and asks CloudFormation and AppFlow for their state.
- ``steps`` has the steps and what is expected after each of them.
- ``screen`` prints them.
"""
