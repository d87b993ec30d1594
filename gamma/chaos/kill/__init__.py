"""`gamma chaos --kill`: the installed daemon, killed with SIGKILL over and over while it trades over loopback HTTP.

A chain is one ledger and one broker, at which one daemon after the other lives and is killed. The last one is
left alone: a person halts it and flattens, and when all has come to rest the observer's log at the broker is held
against the ledger's file.
"""
