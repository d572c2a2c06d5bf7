"""Lets the official client, which is written for Windows, find a game's shared memory on Linux.

The package stays as it is installed. Its one platform call, mmap.mmap(-1, size, tagname=name), is
answered with the POSIX shared-memory object of that name.
"""
import mmap
import os

import tminterface.interface


class _NamedMappings:
    """Stands where the client's interface module has `mmap`."""

    @staticmethod
    def mmap(fileno, length, tagname):
        assert fileno == -1
        file = os.open(os.path.join('/dev/shm', tagname), os.O_RDWR)
        try:
            return mmap.mmap(file, length)
        finally:
            os.close(file)


def install():
    tminterface.interface.mmap = _NamedMappings
