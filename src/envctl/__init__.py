"""envctl keeps a Python environment equal to what one file says."""
