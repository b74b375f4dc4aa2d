"""What this node can prove about itself, and what it keeps to hold others to their word.

`log` is the evidence log: a Merkle tree over the digests of everything sent, received, receipted and
administered. `restores` opens a new one, openly, when a backup forgot part of the old. `witness` keeps
other bureaus' checkpoints and finds out who shows two pasts. `tombstones` records lawful erasures.
`access` is the log of people: who looked at what, when and why.
"""
