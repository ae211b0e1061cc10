"""The version of envctl, as a constant: reading metadata costs more than the fast path has."""

VERSION = "0.1.0"
