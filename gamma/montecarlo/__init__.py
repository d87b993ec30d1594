"""How lucky was a list of trades, and how bad can it get: simulations of it through the chain that sizes it.

The trades are drawn anew in another order, and each is sized as the daemon would size it there: by the balance, the
record and the floor of that path. JAX is imported by `jitted` alone, which the daemon never loads.
"""
