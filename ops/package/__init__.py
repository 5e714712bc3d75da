"""From the source tree to a running stack.

`facts` reads what the code declares (manifests, stream consumers, the table), `template` says it in CloudFormation's words,
`build` runs `chalice package` with that, `artifact` finishes the zip, `limits` measures what the result uses of AWS's
limits, `deploy` hands it to CloudFormation. Nothing here is packaged.
"""
