"""Cheap noise by counter: an integer hash of who asks and how often, for draws that only have to be spread evenly.

A key that is split costs more than the step of an environment that it serves. The hash is a bijection of 32 bits
whose every output bit depends on every input bit.
Source: the construction of Mueller (two rounds of xor-shift and multiply), with constants found by search by Wellons.
"""

import jax.numpy as jnp
from jax import Array


def mixed(value: Array) -> Array:
    """Hash 32-bit numbers. Shapes: any; uint32."""
    value = value ^ (value >> 16)
    value = value * jnp.uint32(0x7FEB352D)
    value = value ^ (value >> 15)
    value = value * jnp.uint32(0x846CA68B)
    return value ^ (value >> 16)


def chance(salt: Array, count: Array, draw: int) -> Array:
    """An evenly spread number in (0, 1), by salt, count and number of the draw. Shapes: as `salt`; float32."""
    spread = count.astype(jnp.uint32) * jnp.uint32(0x9E3779B9) + jnp.uint32(draw * 0x85EBCA6B & 0xFFFFFFFF)
    return even(mixed(salt.astype(jnp.uint32) ^ mixed(spread)))


def even(hashed: Array) -> Array:
    """A hash as a number in (0, 1), evenly spread. Shapes: any; uint32 to float32."""
    return jnp.asarray(((hashed >> 8).astype(jnp.float32) + 0.5) * jnp.float32(2**-24))
