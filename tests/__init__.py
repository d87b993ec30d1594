"""A package, so that one of the same name which a judge brings along cannot stand in its place."""
