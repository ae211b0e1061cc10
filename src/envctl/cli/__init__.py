"""Arguments to a workflow, its result to words, and the exit code; reporters live here."""
