"""What crosses a border: signed documents, read strictly, judged the same by everyone.

Nothing in this package does any input or output, reads a clock or keeps a secret. Bytes and the
moment they were received go in; a typed, verified document comes out, or one exception:
`refusal.Refused`, with a stable reason code.

Read it from the bottom up:

- `limits`, `refusal`: the numbers and the words in which a document is turned away;
- `base64url`, `strict_json`: text that has one reading only;
- `keys`, `jws`: ES256 and the order in which a token is checked;
- `claims`: typed members of a verified payload;
- `statement` with `sealing`, `batch`, `receipt`, `heads`, `request`: the documents of every day;
- `manifest`, `card`: who a bureau is, and how its keys change;
- `merkle`, `checkpoint`, `evidence`, `bundle`: what proves it years later;
- `threads`, `kinds`: what statements say to each other.
"""
