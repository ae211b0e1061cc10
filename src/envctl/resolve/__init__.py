"""Requirements and a catalog to one release per project; explains what cannot be."""
