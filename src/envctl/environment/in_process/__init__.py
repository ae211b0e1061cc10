"""Scripts that are run by the interpreters they ask about; never imported."""
