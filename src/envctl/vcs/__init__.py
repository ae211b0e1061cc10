"""Repositories of git to commits and to source trees; runs git, and knows neither store nor manifest."""
