"""Tar files byte by byte, for archives that no tool would write, and what compresses them."""
import gzip
import lzma
import subprocess

POSIX = b"ustar\x0000"
GNU = b"ustar  \x00"
OLD = b"\x00" * 8
FILE, HARD, LINK, CHARACTER, BLOCK, FOLDER, FIFO = b"0123456"[0:1], b"1", b"2", b"3", b"4", b"5", b"6"
TIME = 1_700_000_000


def octal(value, width):
    return b"%0*o\x00" % (width - 1, value)


def base256(value, width):
    """GNU tar's form of numbers that are too large for octal digits, or negative."""
    field = bytearray((value & ((1 << (8 * width)) - 1)).to_bytes(width, "big"))
    field[0] |= 0x80
    return bytes(field)


def header(name, kind=FILE, size=0, link=b"", mode=0o644, magic=POSIX, prefix=b"", time=TIME, signed=False, **fields):
    """512 bytes; `fields` are the bytes of a field as they are: size_field, mode_field, tail (from 345 on)."""
    block = bytearray(512)

    def put(offset, value):
        block[offset:offset + len(value)] = value

    put(0, name[:100])
    put(100, fields.get("mode_field", octal(mode, 8)))
    put(108, octal(0, 8))
    put(116, octal(0, 8))
    put(124, fields.get("size_field", octal(size, 12)))
    put(136, fields.get("time_field", octal(time, 12)))
    put(156, kind)
    put(157, link[:100])
    put(257, magic)
    put(345, fields.get("tail", prefix[:155]))
    put(148, b" " * 8)
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in block)
    put(148, fields.get("sum_field", b"%06o\x00 " % total))
    return bytes(block)


def filled(data):
    return data + b"\x00" * (-len(data) % 512)


def entry(name, kind=FILE, data=b"", **options):
    """A header and its content."""
    options.setdefault("size", len(data))
    return header(name, kind, **options) + filled(data)


def record(key, value):
    """One record of a pax header: its length counts its own digits."""
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


def pax(*pairs, kind=b"x", name=b"PaxHeaders/x"):
    return entry(name, kind, b"".join(record(key, value) for key, value in pairs))


def long_name(name):
    return entry(b"././@LongLink", b"L", name + b"\x00", magic=GNU)


def long_link(target):
    return entry(b"././@LongLink", b"K", target + b"\x00", magic=GNU)


END = b"\x00" * 1024


def compressed(data, codec):
    if codec == "gz":
        return gzip.compress(data, mtime=0)
    if codec == "xz":
        return lzma.compress(data)
    return subprocess.run(["zstd", "-q", "--check", "-c"], input=data, capture_output=True, check=True).stdout
