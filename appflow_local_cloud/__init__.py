"""A cloud on one machine: real ``cdk deploy`` without an AWS account.

MiniStack plays CloudFormation, Lambda, S3, IAM, SSM and the rest; the ``appflow`` package here adds
Amazon AppFlow, which MiniStack lacks. Start it with ``make cloud`` or
``python -m appflow_local_cloud``.
"""
