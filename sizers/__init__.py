"""Position sizers, one small file each; found by entry point `gamma.sizers`."""
