"""`gamma evaluate`: is it real, or luck? One command a file."""

from gamma.cli import evaluate_overfitting
from gamma.cli.output import group

app = group("Judge strategies, policies and sweeps: is it real, or luck?")
app.command("overfitting")(evaluate_overfitting.overfitting)
