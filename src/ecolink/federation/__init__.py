"""How statements travel between nodes: kept once, sent until receipted, applied exactly once.

Out:  `outbox` seals a statement and queues it on one channel per recipient; `leasing` says whose turn it is;
`delivery` sends a channel's next batch and records the signed receipt.
In:   `callers` checks who calls; `inbox` keeps a batch and seals the receipt in one transaction;
`applying` hands each kept statement to the room that understands it.
Trust: `peers` and `keystore`. The same `operations` table drives our server and our client.
"""
