"""gamma: a live trading daemon with pluggable position sizers."""
