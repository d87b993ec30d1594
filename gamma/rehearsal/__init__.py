"""Rehearsals: bars of the past through the very engine that trades, and what is to be said of the result."""
