"""What tests build: wheels, an index on loopback, environments."""
