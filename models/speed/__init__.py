"""How fast the environment and its training are, beside what else does the same on the same machine."""
