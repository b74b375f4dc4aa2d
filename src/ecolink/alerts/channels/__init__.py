"""One module for each service: what is sent to it, and how its answer is understood. All of it is pure.

Each has its `Settings` (secrets are `SecretStr`), an `address` by which it reaches a person, `compose(letter, …)`,
which returns a request, and `understand(answer, …)`, which says whether the service took it: in its own words, for
many answer 200 to whatever they refuse. What a letter may say was decided before (`alerts.letters`).
"""
