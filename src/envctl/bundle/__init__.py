"""One file with everything that a lock needs: written the same each time, believed only once checked."""
