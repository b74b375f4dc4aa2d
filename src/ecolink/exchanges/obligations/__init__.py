"""What the agreements oblige to: reminded of, escalated, made up for, waived, reported."""
