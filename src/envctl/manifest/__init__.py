"""The manifest, ``env.toml``: text to value, and value to what an environment asks for."""
