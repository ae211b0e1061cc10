"""Archives, opened strictly: what reads alike to every reader, and means the same on every file system."""
