"""Reads the central directory of a zip archive: where the bytes of each stored entry are in the file.

PyTorch's `.bin`, `.pt` and `.pth` files are zip archives whose entries are stored, not compressed, so a tensor can be
read at its position without unpacking anything. This reader (format: PKWARE's APPNOTE.TXT, with zip64) checks every
length against the file, and refuses archives whose entries overlap, exist twice, or have paths out of the archive.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from convert.checkpoint.problems import damaged, shown
from convert.checkpoint.weights_file import WeightsFile

LOCAL_MAGIC = b"PK\x03\x04"
END_MAGIC = b"PK\x05\x06"
_CENTRAL_MAGIC = b"PK\x01\x02"
_END64_MAGIC = b"PK\x06\x06"
_LOCATOR64_MAGIC = b"PK\x06\x07"

# APPNOTE.TXT, sections 4.3.16, 4.3.15 (zip64 locator), 4.3.14 (zip64 end record), 4.3.12 and 4.3.7.
_END = struct.Struct("<4s4H2IH")
_LOCATOR64 = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")

_LONGEST_COMMENT = 0xFFFF
_LONGEST_DIRECTORY = 32 << 20  # about 200,000 storages
_IN_ZIP64 = 0xFFFFFFFF  # a 32-bit field says: the value is in the zip64 extra field
_ENCRYPTED_FLAG = 1


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """The place of one entry's bytes in the file; `is_stored`: they are neither compressed nor encrypted."""

    offset: int
    size: int
    is_stored: bool


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    header_offset: int
    size: int
    is_stored: bool


def read_directory(file: WeightsFile) -> dict[str, ZipEntry]:
    """Every file entry of the archive by name.

    Raises KnownError: `truncated` (no directory at the end), `overlong`, `bad_zip`, `unreadable`.
    """
    directory_offset, directory_size, n_entries = _locate(file)
    if directory_size > _LONGEST_DIRECTORY:
        raise damaged(file.path, f"its zip directory claims {directory_size:,} bytes", kind="bad_zip")
    listed = list(_listed(file, file.read(directory_offset, directory_size)))
    if len(listed) != n_entries:
        what = f"its zip directory lists {len(listed):,} entries and announces {n_entries:,}"
        raise damaged(file.path, what, kind="bad_zip")
    entries: dict[str, ZipEntry] = {}
    position = 0
    # In the order of the file, so that an overlap shows: two entries over the same bytes are a known zip bomb.
    for item in sorted(listed, key=lambda item: item.header_offset):
        if item.header_offset < position:
            raise damaged(file.path, f"zip entry {shown(item.name)} overlaps another", kind="bad_zip")
        entry = _entry(file, item, directory_offset)
        position = entry.offset + entry.size
        if item.name in entries:
            raise damaged(file.path, f"zip entry {shown(item.name)} exists twice", kind="bad_zip")
        if not item.name.endswith("/"):
            entries[item.name] = entry
    return entries


def _locate(file: WeightsFile) -> tuple[int, int, int]:
    """Offset, size and number of entries of the central directory."""
    tail_size = min(file.size, _END.size + _LONGEST_COMMENT)
    tail_offset = file.size - tail_size
    # The end record is followed only by a comment, so it is looked for from the end, and must end with the file.
    tail = file.read(tail_offset, tail_size)
    at = tail.rfind(END_MAGIC)
    if at < 0 or at + _END.size > tail_size:
        what = "the zip directory at its end is missing, so the file is truncated"
        raise damaged(file.path, what, kind="truncated")
    _, disk, first_disk, n_here, n_entries, size, offset, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != tail_size:
        raise damaged(file.path, "bytes follow after the end of its zip directory", kind="overlong")
    end = tail_offset + at
    disks = (disk, first_disk)
    locator_offset = end - _LOCATOR64.size
    if locator_offset >= 0 and (locator := file.read(locator_offset, _LOCATOR64.size)).startswith(_LOCATOR64_MAGIC):
        _, _, end64, _ = _LOCATOR64.unpack(locator)
        if end64 + _END64.size > locator_offset:
            raise damaged(file.path, "its zip64 end record lies outside of the file", kind="bad_zip")
        magic, _, _, _, *disks64, n_here, n_entries, size, offset = _END64.unpack(file.read(end64, _END64.size))
        if magic != _END64_MAGIC:
            raise damaged(file.path, "its zip64 end record is not where it should be", kind="bad_zip")
        end, disks = end64, (disks64[0], disks64[1])
    if disks != (0, 0) or n_here != n_entries:
        raise damaged(file.path, "it is one part of a split zip archive", kind="bad_zip")
    if offset + size != end:
        raise damaged(file.path, "its zip directory is not where its end record says", kind="bad_zip")
    return offset, size, n_entries


def _listed(file: WeightsFile, directory: bytes) -> Iterator[_Listed]:
    position = 0
    while position < len(directory):
        if position + _CENTRAL.size > len(directory) or directory[position : position + 4] != _CENTRAL_MAGIC:
            raise damaged(file.path, "its zip directory is broken", kind="bad_zip")
        fields = _CENTRAL.unpack_from(directory, position)
        flags, method = fields[3], fields[4]
        packed, size, name_size, extra_size, comment_size = fields[8:13]
        position += _CENTRAL.size
        raw_name = directory[position : position + name_size]
        extra = directory[position + name_size : position + name_size + extra_size]
        position += name_size + extra_size + comment_size
        if position > len(directory):
            raise damaged(file.path, "its zip directory is broken", kind="bad_zip")
        name = _checked_name(file, raw_name)
        is_stored = method == 0 and not flags & _ENCRYPTED_FLAG
        size, packed, header_offset = _with_zip64(file, name, extra, size, packed, fields[16])
        if is_stored and packed != size:
            raise damaged(file.path, f"zip entry {shown(name)} has two different sizes", kind="bad_zip")
        yield _Listed(name, header_offset, packed, is_stored)


def _checked_name(file: WeightsFile, raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(file.path, "a name in its zip directory is not UTF-8", kind="bad_zip") from error
    # Nothing is ever unpacked to the disk, but such a name is never an accident.
    if not name or name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
        raise damaged(file.path, f"zip entry {shown(name)} is a path out of the archive", kind="bad_zip")
    return name


def _with_zip64(file: WeightsFile, name: str, extra: bytes, *narrow: int) -> Iterator[int]:
    """Sizes and offset; those whose 32-bit field says so from the zip64 extra field (tag 1), in its order."""
    wide = b""
    position = 0
    while position + 4 <= len(extra):
        tag, size = struct.unpack_from("<2H", extra, position)
        if tag == 1:
            wide = extra[position + 4 : position + 4 + size]
        position += 4 + size
    for value in narrow:
        if value != _IN_ZIP64:
            yield value
        elif len(wide) < 8:
            raise damaged(file.path, f"zip entry {shown(name)} lacks its zip64 sizes", kind="bad_zip")
        else:
            yield int.from_bytes(wide[:8], "little")
            wide = wide[8:]


def _entry(file: WeightsFile, item: _Listed, limit: int) -> ZipEntry:
    """The place of an entry's bytes: after its local header, whose extra field may differ from the central one."""
    name = item.name.encode("utf-8")
    if item.header_offset + _LOCAL.size + len(name) > limit:
        raise damaged(file.path, f"zip entry {shown(item.name)} lies outside of the file", kind="bad_zip")
    header = file.read(item.header_offset, _LOCAL.size + len(name))
    magic, *_, name_size, extra_size = _LOCAL.unpack_from(header)
    if magic != LOCAL_MAGIC or name_size != len(name) or header[_LOCAL.size :] != name:
        raise damaged(file.path, f"zip entry {shown(item.name)} has another name in its own header", kind="bad_zip")
    entry = ZipEntry(item.header_offset + _LOCAL.size + name_size + extra_size, item.size, item.is_stored)
    if entry.offset + entry.size > limit:
        raise damaged(file.path, f"zip entry {shown(item.name)} lies outside of the file", kind="bad_zip")
    return entry
