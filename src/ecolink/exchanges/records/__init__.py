"""The local API for what stands beside every exchange: attachments, erasures, and the access log.

`attachments` moves files in and out of the node, `erasures` has personal data erased here and elsewhere,
`access_log` lets the auditor see who did what and whether the log was tampered with.
"""
