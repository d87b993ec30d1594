"""Bad input of every kind: configurations, files of bars, forged messages."""
