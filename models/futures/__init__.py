"""Index futures: what a policy sees, the environments that train it, and the policy itself."""
