"""The version of envctl, as text: a constant, because reading metadata costs more than the fast path has."""

VERSION = "0.1.0"
