"""The dead-man: a small process of its own that closes positions when the daemon falls silent at a bad moment.

`watch` tells a silent daemon from a living one; `sight` looks at the account, by a `session` of its own; `judgement`
says whether it acts. `clearing` cancels and closes, one look at a time, by the orders of `exits`; `journal` keeps what
it sent, so that it sends nothing twice; `pager` tells people, in the words of `pages`. `process` puts them together.
"""
