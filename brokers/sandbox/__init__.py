"""What the brokers' sandboxes share: markets that are made up, floors that trade on them, faults, a server on loopback.

An option spread trades at `option_floor` on an `option_market`; anything else at `floor` on `prices`.
"""
