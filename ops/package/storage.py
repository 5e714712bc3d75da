"""The stage's buckets: one of files, which callers reach by presigned URLs only, and one under object lock, for the trail's seals."""

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.foundation.manifest import FileFolder, Pack

Json = dict[str, Any]

FILES, SEALS = "Files", "Seals"
BUCKETS = {"VALHALLA_FILES_BUCKET": {"Ref": FILES}, "VALHALLA_SEALS_BUCKET": {"Ref": SEALS}}
_KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_PRIVATE: Json = {
    "PublicAccessBlockConfiguration": dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    ),
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},  # no access lists at all
    "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
    "VersioningConfiguration": {"Status": "Enabled"},
}
_HOUR = 3600
SEAL_RETENTION = {
    "Type": "Number",
    "Default": 3650,
    "MinValue": 1,
    "Description": "Days for which nobody, not even the account's owner, can remove a seal of the trail; of new ones, where it changes.",
}


def bucket_resources(packs: Iterable[Pack], origins: Sequence[str]) -> Json:
    """Both buckets with their policies. `origins` are those from which a browser may call."""
    return {
        FILES: {
            "Type": "AWS::S3::Bucket",
            **_KEPT,
            "Properties": {
                **_PRIVATE,
                "LifecycleConfiguration": {"Rules": _lifecycle([folder for pack in packs for folder in pack.files])},
                **({"CorsConfiguration": {"CorsRules": [_cors(origins)]}} if origins else {}),
            },
        },
        SEALS: {
            "Type": "AWS::S3::Bucket",
            **_KEPT,
            "Properties": {
                **_PRIVATE,
                "ObjectLockEnabled": True,
                "ObjectLockConfiguration": {
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": {"Ref": "SealRetentionDays"}}},
                },
            },
        },
        f"{FILES}Policy": _encrypted_connections_only(FILES),
        f"{SEALS}Policy": _encrypted_connections_only(SEALS),
    }


def _lifecycle(folders: Iterable[FileFolder]) -> list[Json]:
    """What is removed by itself. A version of a document never is: a row may name it, also when it isn't the current one."""
    rules: list[Json] = [
        {"Id": "unfinished-uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {"Id": "lone-delete-markers", "Status": "Enabled", "ExpiredObjectDeleteMarker": True},
    ]
    for folder in folders:
        if folder.days is not None:
            rules.append(
                {
                    "Id": folder.prefix,
                    "Status": "Enabled",
                    "Prefix": f"{folder.prefix}/",
                    "ExpirationInDays": folder.days,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                }
            )
    return rules


def _cors(origins: Sequence[str]) -> Json:
    """What a browser may do from the front end: put and get by presigned URLs, whose signature says what and how."""
    return {
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        "AllowedHeaders": ["content-type", "if-none-match", "x-amz-checksum-sha256"],
        "ExposedHeaders": ["ETag", "x-amz-version-id"],
        "MaxAge": _HOUR,
    }


def _encrypted_connections_only(bucket: str) -> Json:
    arns = [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
    deny = {
        "Sid": "EncryptedConnectionsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": arns,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": bucket}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [deny]}},
    }
