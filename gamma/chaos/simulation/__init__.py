"""The simulation: a daemon, a broker and a network in made time; what goes wrong, and what must hold after it."""
