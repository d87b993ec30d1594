"""`gamma size-picker`: the largest size that survives: its trades, its training, and how it did. A command a file."""

from gamma.cli import (
    size_picker_calibrate,
    size_picker_evaluate,
    size_picker_fit,
    size_picker_generate,
    size_picker_train,
)
from gamma.cli.output import group

app = group("The size picker: make trades, train models on them, and judge what they pick.")


@app.callback()
def _size_picker() -> None:
    """The size picker: make trades, train models on them, and judge what they pick."""


size_picker_generate.add_to(app)
size_picker_fit.add_to(app)
size_picker_train.add_to(app)
size_picker_calibrate.add_to(app)
size_picker_evaluate.add_to(app)
