"""The AWS services of the local run, on one SQLite file: DynamoDB and SQS, and beside it SES and S3, whose mail and objects are files.

It runs in a process of its own (`local.emulator.process`) and takes AWS's protocols over HTTP on the loopback interface.
"""

REGION = "us-east-1"
ACCOUNT = "000000000000"
READY, UNREADABLE = "ready", "unreadable"  # what the process tells its parent first
