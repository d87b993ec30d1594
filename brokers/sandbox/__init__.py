"""What the brokers' sandboxes share: an option market, a floor that trades on it, faults, and a server on loopback."""
