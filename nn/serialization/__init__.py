"""Checkpoints: nested states of arrays in ``.npz`` or ``.safetensors`` files; never a pickle, and no byte is trusted.

A file holds each array as an entry of its own, under its path in the state (``optimizer.state.0.weight.m``), and one
JSON document: the state with entry names in the place of arrays, the version of this format and of the library, the
user's metadata, and the checksum of every entry. In a ``.npz`` the document is the last entry of the zip, in a
``.safetensors`` it is part of the header's ``__metadata__``. A file without a document is another library's: its
arrays are returned by name.

The checksums are CRC-32. They are there to notice damage, and every error within 32 neighbouring bits is sure to be;
against an attacker, who can write any checksum he likes, SHA-256 would not help either, and takes twice the time. What
an attacker could do is met by checking all that a file claims against its size, before memory is allocated.
"""

from .checkpoint import load, load_metadata, save
from .files import CheckpointError

__all__ = ["CheckpointError", "load", "load_metadata", "save"]
