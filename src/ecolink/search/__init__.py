"""Finding matters by what is written in them, in Chinese and otherwise, alike on SQLite and PostgreSQL.

Neither database's own full-text search finds a two-character term such as 林木 (SQLite's trigram
tokenizer needs three, PostgreSQL knows no Chinese words), so the node keeps its own small table of
terms: `terms` cuts text into them, `index` keeps and asks them. Features put in what anyone who may read
the matter may find it by; fields about persons never come here.
"""

from ecolink.search.index import SearchIndex

__all__ = ["SearchIndex"]
