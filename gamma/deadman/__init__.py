"""The dead-man: a small process of its own that closes positions when the daemon falls silent at a bad moment.

`judgement` says from what is seen whether it acts, and is pure; `clearing` cancels and closes, one look at a time;
`journal` keeps what it sent, so that it sends nothing twice; `watch` tells a silent daemon from a living one;
`pager` tells people. `process` puts them together.
"""
