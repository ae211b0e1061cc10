"""Source trees to wheels and metadata, through PEP 517 and 660 in an isolated environment."""
