"""gamma as a service of the machine: what it tells the service manager, and the units that are written for a host."""
