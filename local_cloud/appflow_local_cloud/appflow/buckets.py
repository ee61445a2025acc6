"""The buckets that flows read and write, with the permission of their policies.

Source: "Amazon S3 bucket policies for Amazon AppFlow" in the AppFlow User Guide. Of the actions in
its example policies, those that a flow carries out here are checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from .access import Access
from .errors import ValidationException

# Source: "Amazon S3" in the AppFlow User Guide.
_MAX_SOURCE_BYTES = 125 * 10**6


class Buckets:
    """The buckets of one account.

    Args:
        client: a client of S3.
        access: what AppFlow is allowed to do.
        flow_arn: the ARN of the flow that uses the buckets.
    """

    def __init__(self, client: Any, access: Access, flow_arn: str) -> None:
        self._client = client
        self._access = access
        self._flow_arn = flow_arn

    def check_source(self, bucket: str) -> None:
        """Check that AppFlow may read a bucket.

        Raises:
            ValidationException: the bucket does not exist, or its policy does not allow it.
        """
        self._check("s3:ListBucket", bucket)
        self._check("s3:GetObject", bucket, "*")

    def check_destination(self, bucket: str) -> None:
        """Check that AppFlow may write to a bucket.

        Raises:
            ValidationException: the bucket does not exist, or its policy does not allow it.
        """
        self._check("s3:PutObject", bucket, "*")

    def read(self, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        """The keys and contents of the objects under a prefix, in the order of their keys.

        Raises:
            ValidationException: the policy does not allow it, or an object is too large.
        """
        self._check("s3:ListBucket", bucket)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", []):
                if not found["Key"].endswith("/"):
                    yield found["Key"], self._content(bucket, found)

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object.

        Raises:
            ValidationException: the policy does not allow it.
        """
        self._check("s3:PutObject", bucket, key)
        self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def _content(self, bucket: str, found: Mapping[str, Any]) -> bytes:
        key, size = found["Key"], found["Size"]
        if size > _MAX_SOURCE_BYTES:
            raise ValidationException(
                f"The object {key} in bucket {bucket} has {size} bytes, more than the"
                f" {_MAX_SOURCE_BYTES} of a source file. Divide it."
            )
        self._check("s3:GetObject", bucket, key)
        content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def _check(self, action: str, bucket: str, key: str | None = None) -> None:
        arn = f"arn:aws:s3:::{bucket}"
        resource = arn if key is None else f"{arn}/{key}"
        policy = self._policy(bucket)
        if not self._access.appflow_may(action, resource, policy, self._flow_arn):
            raise ValidationException(
                f"The policy of bucket {bucket} does not allow appflow.amazonaws.com to perform"
                f" {action} on {resource}. Add a statement that allows it."
            )

    def _policy(self, bucket: str) -> Mapping[str, Any]:
        try:
            text = self._client.get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                raise ValidationException(f"Bucket {bucket} does not exist.") from error
            if code == "NoSuchBucketPolicy":
                return {"Statement": []}
            raise
        policy: Mapping[str, Any] = json.loads(text)
        return policy
