"""Attachments: files named by what is in them, moved apart from the statements that name them.

A statement carries an attachment's SHA-256, size and name; the bytes lie once in `store`, whoever sent
them and however often. `service` keeps uploads and remembers which statement names what; from that alone
follows who may read a blob or write one (`exchange`). `transfers` brings in what peers' statements name,
offers ours to peers that cannot reach us, and says so, signed, when all of a statement's is here.

Nothing a peer or a person says about a file is believed: the digest is computed, the name is only ever
shown (`names`), the media type is never served.
"""
