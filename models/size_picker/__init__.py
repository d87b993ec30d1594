"""The size picker: the largest size that survives, from candles and equity."""
