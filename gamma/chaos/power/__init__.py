"""Power cuts: lives of a daemon over a file layer that hears every write, and what a disk may hold after a cut."""
