"""AWS on one machine: a real ``cdk deploy`` without an AWS account.

MiniStack emulates CloudFormation, Lambda, S3, IAM, SSM and other services. The ``appflow`` package
adds Amazon AppFlow, which MiniStack lacks. Start the local cloud with ``make cloud`` or
``python -m appflow_local_cloud``.
"""
