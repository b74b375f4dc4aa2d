"""`ecolink demo`: two (or six) real nodes on this machine play the fictional events of the border forest.

Every node is a process of its own with its own folder, database and keys, made by `ecolink init`; every act is a
person's, over HTTP with that person's login. The demo imports no service and opens no database.
"""
