"""Backups: one sealed file that holds a node as it was at one moment, and the way back from it.

`ecolink backup key` makes a pair of keys. The public half stays on the node and can only seal; the private half opens
what was sealed and is kept elsewhere, so that a stolen backup, or a stolen node, opens no backup.

A backup is a row of items (`items`) inside a sealed stream (`sealing`): what it says of itself (`about`), the database,
the attachments that the database names, and, if asked for, the node's keys and settings. It is written under another
name, synced and only then given its own: there is no half backup (`making`). It is *verified* by being opened for
good: unpacked (`unpacking`) and examined as the node's own database (`examining`). It is brought back by
`restoring`, which declares the restore in the evidence log before anybody can be shown a second past.
"""
