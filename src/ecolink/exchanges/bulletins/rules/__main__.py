"""Print the tables: `python -m ecolink.exchanges.bulletins.rules`."""

import sys

from ecolink.exchanges.bulletins.rules.tables import print_tables

sys.stdout.write(print_tables())
