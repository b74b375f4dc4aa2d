"""联盟: the lists of bureaus that bulletins and emergencies are told to, kept by the bureau's leadership."""
