"""The agreements between bureaus: proposed, signed by every party, in force, amended, ended."""
