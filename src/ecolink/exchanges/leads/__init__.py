"""Case leads: one bureau asks another to check, collect, certify or look up, and gets an answer in time.

`table` says which moves there are; `rules` folds a thread into a state and a history, the same on both
nodes; `clocks` computes what is due. `drafting` prepares a request until an approver sends it, `moves`
makes every later move of ours, `arrivals` applies the other side's, `reading` shows. The row in `leads`
is no more than what the fold says, kept so that lists are quick.
"""
