"""The dashboard: what the ledger tells, in a browser on this machine. It reads; its one act is to halt.

cli -> serving -> gate     who may look: token, Host, Origin
-> frame    the page around the pages, and its refreshing
-> pages    the table of pages: path, title, what shows it
page   <- sight            all that a page may look at, of one moment
sight  <- watching         follows the ledger, so that a look costs only what is new
"""
