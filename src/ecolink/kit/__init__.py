"""Small things every floor uses: the clock, identifiers, state tables, times as text."""
