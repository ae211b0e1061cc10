"""The manifest, ``env.toml``: text to value, value to what an environment asks for, and edits that keep layout."""
