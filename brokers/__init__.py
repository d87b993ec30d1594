"""Adapters to brokers, one module or folder each; found by entry point `gamma.brokers`."""
