"""Sources of signals, one file each; found by entry point `gamma.signals`."""
