"""From the source tree to a running stack.

`inventory` lists the declared functions, `template` generates the CloudFormation template, `build` runs `chalice package` with
it, `artifact` finishes the zip, `quotas` measures what the result uses of AWS's quotas, `deploy` deploys it by CloudFormation.
Nothing here is packaged.
"""
