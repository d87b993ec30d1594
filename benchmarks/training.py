"""Steps a second of the environment and of training; the same as `gamma bench train --beside`.

.venv/bin/python benchmarks/training.py
"""

from gamma.cli import app

if __name__ == "__main__":
    app(["bench", "train", "--beside"])
