"""What an officer's phone shows behind a one-time link: a number, how urgent it is, and a way to sign."""
