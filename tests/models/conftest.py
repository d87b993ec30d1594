"""Tests train as `gamma train` does: each core of the CPU is a device."""

from models.spread import use_cores

use_cores()
