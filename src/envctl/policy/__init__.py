"""A plan to verdicts; pure."""
