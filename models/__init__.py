"""JAX: environments, training, policies and their checkpoints; nothing here yet."""
