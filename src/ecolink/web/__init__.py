"""The two applications a node serves: the local API for its own people, the federation API for other bureaus.

`app` puts them together; `oauth`, `profile` and `accounts` are identity's endpoints; `docs` is the page
that explains the API without asking anything of the internet; `openapi` exports it.
"""
