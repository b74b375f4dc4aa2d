"""`ecolink doctor`: what is wrong with this node, or soon will be, and how each thing is mended.

A check is a small function that looks at one thing and returns one `Finding`, the worst, which leads what else it saw,
each with its own mend. It changes nothing, and works while the node runs as well as while it does not. `examination`
holds the list and runs it: a check that cannot even look, because what it looks at is broken, has failed; one that
needs what an earlier check found broken is passed over.
"""
