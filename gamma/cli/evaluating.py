"""`gamma evaluate`: is it real, or luck? One command a file."""

from gamma.cli import evaluate, evaluate_overfitting, evaluate_sizers, evaluate_strategy, evaluate_walk_forward
from gamma.cli.output import group

app = group("Judge strategies, policies and sweeps: is it real, or luck?")
app.command("policy")(evaluate.evaluate)
app.command("strategy")(evaluate_strategy.strategy)
app.command("walk-forward")(evaluate_walk_forward.walk_forward)
app.command("overfitting")(evaluate_overfitting.overfitting)
app.command("sizers")(evaluate_sizers.sizers)
