"""The life of a bulletin: one table of moves, one order of precedence, one fold that every node computes alike.

A thread belongs to the bulletin's author, who alone may correct and recall. Those who were told (holders) answer
the author, each for itself: no holder sees another's answers, so nodes hold different parts of one thread. What
they hold in common they read alike:

- the fold depends on the set of statements alone, never on the order in which they came;
- a statement whose author should have known better is `illegal`, judged by what that author had applied;
- a correction that lost against a recall or another correction is `crossed`: it stays in the history;
- a recall may come before what it recalls: it is applied at once, and the bulletin is never shown.

`python -m ecolink.exchanges.bulletins.rules` prints the tables.
"""
