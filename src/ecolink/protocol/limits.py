"""The numbers both sides keep to. A change to any of them is a change to the protocol."""

from datetime import timedelta

VERSION = 1
"""The protocol version this node writes; it reads N and N-1."""

MAX_STATEMENT_BYTES = 65_536
"""The longest statement token, as received."""

MAX_PRIVATE_BYTES = 65_536
"""The longest private part riding beside a statement."""

MAX_ENTRIES = 500
"""Entries in one batch."""

MAX_BATCH_BYTES = 65_536
"""The longest batch token: 500 digests and the frame around them."""

MAX_PUSH_BYTES = 1_048_576
"""The longest push body: one batch token, its statements and their private parts."""

MAX_RECEIPT_BYTES = 262_144
"""The longest receipt token: 500 verdicts, each with a reason."""

MAX_MANIFEST_BYTES = 65_536
"""The longest token of a key manifest."""

MAX_CARD_BYTES = 1_048_576
"""The longest card; it carries the whole chain of key manifests."""

MAX_REQUEST_BYTES = 4_096
"""The longest request token: it travels in an HTTP header."""

MAX_HEADS_BYTES = 65_536
"""The longest document of channel heads."""

MAX_DEPTH = 32
"""How deep objects and arrays may nest in any JSON we read."""

MAX_INTEGER = 2**53 - 1
"""The largest whole number every JSON reader keeps exactly (RFC 8259 section 6)."""

MAX_EPOCH = 999_999_999
"""The highest epoch of a channel and number of a log; each restore takes one. Half of what a database column holds."""

MAX_RECIPIENTS = 100
"""Bureaus one statement may be addressed to."""

MAX_PARENTS = 64
"""Thread heads one statement may name."""

MAX_ATTACHMENTS = 50
"""Attachments one statement may name."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far apart two bureaus' clocks may be."""

REQUEST_LIFETIME = timedelta(seconds=60)
"""The longest time between `iat` and `exp` of a request token."""
