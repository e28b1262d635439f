"""The archives: what they are called, their bytes, and what gwe is to do with them."""
import bz2
import io
import itertools
import lzma
import os
import random
import subprocess
import tarfile
import tempfile

import rules
from tars import (BLOCK, CHARACTER, END, FIFO, FILE, FOLDER, GNU, HARD, LINK, OLD, POSIX, base256, compressed, entry,
                  filled, header, long_link, long_name, octal, pax, record)

CODECS = ("gz", "zst", "xz")
KEEP = entry(b"keep", data=b"keep\n")


class Case:
    """One archive. `rule` refuses it; None: it is taken, with what GNU tar or bsdtar make of it.

    `twin` is a tar file with the same content, which they read where they refuse this one; `doc` names the rule by which
    gwe takes what one of them, or both, do otherwise.
    """

    def __init__(self, name, data, rule=None, codec=None, twin=None, doc=None):
        self.name = name
        self.data = data
        self.rule = rule
        self.codec = codec
        self.twin = twin
        self.doc = doc


def structured(entries):
    """Entries as of rules.of_entries, as a tar file."""
    kinds = {"f": FILE, "d": FOLDER, "s": LINK, "h": HARD}
    data = b""
    for number, (kind, name, target) in enumerate(entries):
        content = b"%d: %s\n" % (number, name) if kind == "f" else b""
        data += entry(name, kinds[kind], content, link=target, mode=0o755 if kind == "d" else 0o644)
    return data + END


def orders():
    """All kinds of links in all orders, and every kind over every other."""
    f, d, s, h = (lambda n: ("f", n, b"")), (lambda n: ("d", n, b"")), (lambda n, t: ("s", n, t)), (lambda n, t: ("h", n, t))
    sets = {
        "links": [f(b"a"), s(b"b", b"a"), h(b"c", b"a"), h(b"d", b"c"), s(b"e", b"b")],
        "folders": [d(b"p"), f(b"p/f"), s(b"q", b"p"), s(b"r", b"q/f")],
        "below": [d(b"top/x"), f(b"top/x/f"), s(b"top/l", b"x/f"), h(b"top/h", b"top/x/f")],
        "out": [f(b"a"), s(b"b", b"../x"), s(b"c", b"b")],
        "python": [f(b"v/pyvenv.cfg"), s(b"v/bin/python", b"python3"), s(b"v/bin/python3", b"/usr/bin/python3")],
        "chain": [f(b"a/b/f"), s(b"a/b/s", b"../.."), s(b"t", b"a/b/s/a/b/f")],
        "loop": [f(b"a"), s(b"x", b"y"), s(b"y", b"x")],
        "through": [d(b"p"), s(b"q", b"p"), f(b"q/f")],
    }
    for name, members in sets.items():
        for number, order in enumerate(itertools.permutations(members)):
            yield Case(f"order-{name}-{number}", structured(order), rules.of_entries(order))
    g = f(b"g")
    ways = {
        "file": f(b"n"), "folder": d(b"n"), "dangling": s(b"n", b"none"), "symlink": s(b"n", b"g"),
        "hardlink": h(b"n", b"g"), "itself": h(b"n", b"n"), "inside": f(b"n/c"),
    }
    for first, second in itertools.product(ways, repeat=2):
        entries = [g, ways[first], ways[second]]
        yield Case(f"over-{second}-{first}", structured(entries), rules.of_entries(entries), doc="itself")
    picks = random.Random(10)
    pool = [f(b"a"), f(b"b"), d(b"d"), f(b"d/a"), s(b"d/s", b"../a"), s(b"s", b"d"), h(b"d/h", b"a"), h(b"b", b"a"),
            f(b"s"), s(b"a", b"b"), h(b"h", b"d/a"), d(b"d/e"), s(b"d/e/up", b"../../.."), f(b"./d//a"), d(b"d/")]
    for number in range(60):
        entries = [picks.choice(pool) for _ in range(picks.randint(3, 7))]
        yield Case(f"random-{number}", structured(entries), rules.of_entries(entries))


NAMES = [
    b"with space", b" lead", b"trail ", b"new\nline", b"tab\tstop", b"esc\x1b[31m", b"del\x7f", "gr\u00fcn".encode(),
    b"gr\xfcn", "\u65e5\u672c".encode(), b"./dot", b".//x", b"a//b", b"a/./b", b"a/../b", b"../b", b"/abs", b"//abs",
    b"a" * 99, b"-rf", b"*", b'"quoted"', b"'", b"back\\slash", b"C:\\x", b"a:b", b"~", b"$(x)", b"..x", b"...", b"x..",
    b".hidden", b"\xe2\x80\xae-bidi", b"\xef\xbb\xbfbom", b"\xff\xfe", b"#", b"a/b/c/d/e", b"%s%n", b"./-", b"deep/" * 18 + b"f",
]
LONG = [b"n" * 101, b"n" * 255, b"n" * 256, b"long/" * 40 + b"f", b"d/" * 63 + b"f", b"d/" * 64 + b"f",
        b"/".join([b"w" * 200] * 5), b"/".join([b"w" * 200] * 6), "\u00e4".encode() * 120]


def names():
    """Names of every sort, in every format that can hold them."""
    for number, name in enumerate(NAMES + LONG):
        rule = rules.of_name(name)
        forms = {
            "pax": pax((b"path", name)) + entry(b"short", data=b"x"),
            "gnu": long_name(name) + entry(name[:100], data=b"x", magic=GNU),
        }
        if len(name) <= 100:
            forms["ustar"] = entry(name, data=b"x")
            forms["old"] = entry(name, data=b"x", magic=OLD)
        elif b"/" in name[-101:-1] and len(name) <= 256:
            cut = name.index(b"/", len(name) - 101)
            forms["ustar"] = entry(name[cut + 1:], data=b"x", prefix=name[:cut])
        for form, data in forms.items():
            doc = "drive-letter" if name[1:2] == b":" else "bytes"
            yield Case(f"name-{form}-{number}", data + KEEP + END, rule, doc=doc)
    for number, name in enumerate([b"with space", "gr\u00fcn".encode(), b"t" * 150, b"gr\xfcn", b"a/../keep"]):
        forms = {
            "pax": pax((b"linkpath", name)) + header(b"l", LINK, link=b"short"),
            "gnu": long_link(name) + header(b"l", LINK, magic=GNU, link=name),
        }
        if len(name) <= 100:
            forms["ustar"] = header(b"l", LINK, link=name)
        for form, data in forms.items():
            yield Case(f"target-{form}-{number}", data + KEEP + END, doc="bytes")


def tail(count, byte=b"\x00"):
    return byte * count


def damage():
    """Padding, concatenation, truncation, bytes behind the end: of the compressed data and of the tar file."""
    plain = KEEP + entry(b"d/f", data=bytes(range(256)) * 40) + END
    noise = random.Random(7).randbytes(700)
    for codec in CODECS:
        whole = compressed(plain, codec)
        halves = [compressed(plain[:5000], codec), compressed(plain[5000:], codec)]
        three = [compressed(piece, codec) for piece in (plain[:1], plain[1:3000], plain[3000:])]
        other = compressed(plain, "xz" if codec == "gz" else "gz")
        for count in (1, 3, 4, 512, 4096, -len(whole) % 512, -len(whole) % 4096):
            yield Case(f"zeros-{count}-{codec}", whole + tail(count), codec=codec, twin=plain, doc="padding")
        for number, data in enumerate([b"".join(halves), b"".join(three), whole + compressed(b"", codec)]):
            yield Case(f"members-{number}-{codec}", data, codec=codec, twin=plain)
        yield Case(f"members-zeros-{codec}", b"".join(halves) + tail(512), codec=codec, twin=plain, doc="padding")
        yield Case(f"noise-{codec}", whole + noise, "after-the-end", codec)
        yield Case(f"zeros-noise-{codec}", whole + tail(512) + noise, "after-the-end", codec)
        yield Case(f"text-{codec}", whole + b"\n", "after-the-end", codec)
        yield Case(f"stranger-{codec}", whole + other, "after-the-end", codec)
        yield Case(f"twice-{codec}", whole + whole, "after-the-end", codec)
        for cut in (7, 20, len(whole) // 2, len(whole) - 9, len(whole) - 1):
            yield Case(f"cut-{cut}-{codec}", whole[:cut], "cut-off", codec)
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0x10
        # Whoever comes first: the checksum, or the reader of what it protects.
        rules_of_damage = {"damaged-data", "damaged-header", "cut-off", "no-tar"}
        yield Case(f"flipped-{codec}", bytes(flipped), rules_of_damage, codec)
    padded = compressed(plain[:5000], "xz") + tail(8) + compressed(plain[5000:], "xz")
    yield Case("members-padded-xz", padded, codec="xz", twin=plain, doc="padding")
    yield Case("unchecked-xz", lzma.compress(plain, check=lzma.CHECK_NONE), codec="xz")
    bare = subprocess.run(["zstd", "-q", "--no-check", "-c"], input=plain, capture_output=True, check=True).stdout
    yield Case("unchecked-zst", bare, codec="zst")
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + compressed(plain, "zst")
    yield Case("skippable-zst", skipped, codec="zst", twin=plain, doc="skippable")
    yield Case("plain-tar", plain, "not-compressed", "gz")
    yield Case("plain-text", b"<html><body>404</body></html>\n", "not-compressed", "gz")
    yield Case("bzip2", bz2.compress(plain), "not-compressed", "gz")

    body = plain[:-1024]
    second = entry(b"second", data=b"2\n")
    yield Case("no-end", body)
    yield Case("one-zero-block", body + tail(512))
    yield Case("some-zeros", body + tail(100), doc="short-block")
    yield Case("lone-zero-block", body + tail(512) + second + END, "after-the-end")
    yield Case("ended-twice", plain + second + END, "after-the-end")
    yield Case("record", plain + tail(10240 - len(plain) % 10240))
    yield Case("many-zeros", plain + tail(1 << 20))
    yield Case("noise-after", plain + noise, "after-the-end")
    yield Case("noise-before", noise[:512] + plain, "no-tar")
    yield Case("in-header", KEEP + second[:300], "cut-off")
    yield Case("in-content", KEEP + entry(b"f", data=b"x" * 3000)[:1500], "cut-off")
    yield Case("in-padding", KEEP + second[:600], "cut-off")
    yield Case("after-header", KEEP + entry(b"f", data=b"x" * 3000)[:512], "cut-off")
    yield Case("only-end", END, "empty")
    yield Case("only-root", entry(b"./", FOLDER, mode=0o755) + END, "empty")
    for number in range(12):
        entries = [entry(b"f%d" % index, data=b"%d\n" % index * 200) for index in range(4)]
        cut = 4 if number == 11 else number % 4 + 1
        yield Case(f"between-{number}", b"".join(entries[:cut]) + tail([0, 512, 1024][number // 4]))


def headers():
    """Odd headers."""
    f = b"content\n"
    add = lambda name, data, rule=None, doc=None: Case("header-" + name, data + KEEP + END, rule, doc=doc)
    yield add("size-base256", entry(b"f", data=f, size_field=base256(len(f), 12)))
    yield add("size-spaces", entry(b"f", data=f, size_field=b"         10 "))
    yield add("size-no-nul", entry(b"f", data=f, size_field=b"000000000010"))
    yield add("size-empty", header(b"f", size_field=b"\x00" * 12))
    yield add("size-negative", header(b"f", size_field=base256(-5, 12)), "damaged-header")
    yield add("size-words", header(b"f", size_field=b"ten\x00"), "damaged-header")
    yield add("size-huge", header(b"f", size_field=base256(1 << 60, 12)), {"too-large", "cut-off"})
    yield add("mode-spaces", entry(b"f", data=f, mode_field=b"   644 \x00"))
    yield add("mode-type", entry(b"f", data=f, mode_field=b"100755\x00"))
    yield add("mode-base256", entry(b"f", data=f, mode_field=base256(0o640, 8)))
    yield add("time-negative", entry(b"f", data=f, time_field=base256(-86400, 12)))
    yield add("time-far", entry(b"f", data=f, time_field=base256(1 << 35, 12)))
    yield add("sum-wrong", KEEP + entry(b"f", data=f, sum_field=b"012345\x00 "), "damaged-header")
    yield add("sum-signed", entry(b"gr\xfcn", data=f, signed=True))
    yield add("contiguous", entry(b"f", b"7", f))
    yield add("type-nul", entry(b"f", b"\x00", f))
    yield add("type-nul-old", entry(b"f", b"\x00", f, magic=OLD))
    yield add("slash-file", entry(b"d/", b"0", mode=0o755))
    yield add("slash-old", entry(b"d/", b"\x00", mode=0o755, magic=OLD))
    yield add("folder-size", header(b"d", FOLDER, size=4096, mode=0o755))
    yield add("folder-gnu", header(b"d/", FOLDER, mode=0o755, magic=GNU))
    yield add("symlink-size", KEEP + header(b"l", LINK, size=4, link=b"keep"))
    yield add("symlink-slash", KEEP + header(b"l/", LINK, link=b"keep"))
    yield add("symlink-empty", KEEP + header(b"l", LINK), "empty-link")
    yield add("hard-size", entry(b"f", data=f) + header(b"h", HARD, size=len(f), link=b"f"))
    yield add("hard-size-old", entry(b"f", data=f, magic=OLD) + header(b"h", HARD, size=len(f), link=b"f", magic=OLD))
    yield add("hard-content", entry(b"f", data=f) + pax((b"mtime", b"1")) + entry(b"h", HARD, b"other\n", link=b"f"),
              "hard-link-content")
    yield add("hard-dot", entry(b"f", data=f) + header(b"h", HARD, link=b"./f"))
    yield add("hard-slash", entry(b"d/f", data=f) + header(b"h", HARD, link=b"d//f"))
    yield add("hard-absolute", entry(b"f", data=f) + header(b"h", HARD, link=b"/f"), "hard-link-out")
    yield add("hard-up", entry(b"f", data=f) + header(b"h", HARD, link=b"../f"), "hard-link-out")
    yield add("hard-none", header(b"h", HARD, link=b"none"), "hard-link-target")
    yield add("hard-folder", header(b"d", FOLDER, mode=0o755) + header(b"h", HARD, link=b"d"), "hard-link-target")
    yield add("hard-itself-first", header(b"h", HARD, link=b"h"), "hard-link-target")
    yield add("hard-itself-later", entry(b"h", data=f) + header(b"h", HARD, link=b"h"), doc="itself")
    yield add("character", header(b"n", CHARACTER), "special-file")
    yield add("block", header(b"n", BLOCK), "special-file")
    yield add("fifo", header(b"n", FIFO), "special-file")
    yield add("unknown-Z", entry(b"f", b"Z", f), "unknown-type")
    yield add("unknown-A", entry(b"f", b"A", f), "unknown-type")
    yield add("unknown-8", entry(b"f", b"8", f), "unknown-type")
    yield add("unknown-S-posix", entry(b"f", b"S", f), "unknown-type")
    yield add("volume-label", entry(b"label", b"V", magic=GNU))
    yield add("volume-goes-on", entry(b"f", b"M", f, magic=GNU), "other-volume")
    yield add("dump-folder", entry(b"d/", b"D", b"Yf\x00\x00", mode=0o755, magic=GNU))
    yield add("no-name", entry(b"", data=f), "no-name")
    yield add("dot-name", entry(b".", data=f), "no-name")
    yield add("prefix-slash", entry(b"f", data=f, prefix=b"a/"))
    yield add("prefix-old", entry(b"f", data=f, magic=OLD, prefix=b"a"))
    yield add("prefix-gnu", entry(b"f", data=f, magic=GNU, tail=octal(5, 12)))
    yield add("unterminated", entry(b"n" * 100, data=f))
    yield add("long-nul", long_name(b"first\x00second") + entry(b"x", data=f, magic=GNU))
    yield add("long-empty", long_name(b"") + entry(b"x", data=f, magic=GNU), {"no-name"})
    yield add("long-twice", long_name(b"first") + long_name(b"second") + entry(b"x", data=f, magic=GNU), doc="later-name")
    for name, bits in [("setuid", 0o4755), ("setgid", 0o2755)]:
        yield add(name, entry(b"s", data=f, mode=bits), "setuid")
    for bits in (0, 0o200, 0o400, 0o444, 0o555, 0o600, 0o622, 0o644, 0o664, 0o666, 0o711, 0o755, 0o775, 0o777, 0o1755):
        yield add(f"file-mode-{bits:o}", entry(b"f", data=f, mode=bits))
    for bits in (0, 0o200, 0o500, 0o555, 0o700, 0o755, 0o775, 0o777, 0o1777, 0o2755):
        yield add(f"folder-mode-{bits:o}", header(b"d", FOLDER, mode=bits) + entry(b"d/f", data=f))
        yield add(f"folder-after-{bits:o}", entry(b"d/f", data=f) + header(b"d", FOLDER, mode=bits))
    yield add("folder-twice", header(b"d", FOLDER, mode=0o700) + header(b"d", FOLDER, mode=0o755))


def extensions():
    """pax headers."""
    f = entry(b"x", data=b"content\n")
    add = lambda name, data, rule=None, doc=None: Case("pax-" + name, data + KEEP + END, rule, doc=doc)
    yield add("nothing", pax() + f)
    yield add("path", pax((b"path", b"a/b")) + f)
    yield add("path-empty", pax((b"path", b"")) + f, doc="empty-value")
    yield add("path-nul", pax((b"path", b"a\x00b")) + f, "nul")
    yield add("path-nul-end", pax((b"path", b"ab\x00")) + f, "nul")
    yield add("linkpath-nul", pax((b"linkpath", b"ke\x00ep")) + header(b"l", LINK), "empty-link")
    yield add("linkpath-hard-nul", f + pax((b"linkpath", b"x\x00y")) + header(b"h", HARD), "hard-link-out")
    yield add("path-twice", pax((b"path", b"one"), (b"path", b"two")) + f)
    yield add("header-twice", pax((b"path", b"one")) + pax((b"path", b"two")) + f, doc="later-name")
    yield add("size", pax((b"size", b"8")) + entry(b"x", data=b"content\n", size=0))
    yield add("size-words", pax((b"size", b"ten")) + f, "damaged-header")
    yield add("size-negative", pax((b"size", b"-8")) + f, "damaged-header")
    yield add("time", pax((b"mtime", b"1234567890.123456789")) + f)
    yield add("time-negative", pax((b"mtime", b"-1.5")) + f)
    yield add("time-words", pax((b"mtime", b"yesterday")) + f, doc="time")
    yield add("owner", pax((b"uid", b"3000000000"), (b"uname", "J\u00fcrgen".encode())) + f)
    yield add("unknown", pax((b"VENDOR.key", b"value")) + f)
    yield add("comment", pax((b"comment", b"0123abcd"), kind=b"g", name=b"pax_global_header") + f)
    yield add("global-time", pax((b"mtime", b"1"), kind=b"g") + f)
    yield add("global-path", pax((b"path", b"all"), kind=b"g") + f, "global-names")
    yield add("global-size", pax((b"size", b"8"), kind=b"g") + f, "global-names")
    yield add("charset", pax((b"hdrcharset", b"BINARY"), (b"path", b"gr\xfcn")) + f)
    yield add("acl", pax((b"SCHILY.acl.access", b"user::rwx,group::rwx,other::rwx")) + f, doc="acl")
    yield add("acl-default", pax((b"SCHILY.acl.default", b"user::rwx,group::rwx,other::rwx"))
              + header(b"d", FOLDER, mode=0o700), doc="acl")
    yield add("xattr", pax((b"SCHILY.xattr.user.a", b"b"), (b"LIBARCHIVE.xattr.user.a", b"Yg")) + f)
    yield add("selinux", pax((b"RHT.security.selinux", b"system_u:object_r:bin_t:s0\x00")) + f)
    yield add("solaris", pax((b"path", b"sun"), kind=b"X") + f)
    yield add("then-long", pax((b"path", b"one")) + long_name(b"two") + f, doc="pax-wins")
    yield add("after-long", long_name(b"two") + pax((b"path", b"one")) + f, doc="pax-wins")
    yield add("no-length", entry(b"P", b"x", b"path=one\n") + f, "damaged-header")
    yield add("wrong-length", entry(b"P", b"x", b"99 path=one\n") + f, "damaged-header")
    yield add("no-line-end", entry(b"P", b"x", b"12 path=one ") + f, "damaged-header")
    yield add("no-equals", entry(b"P", b"x", b"9 pathone\n"[:9] + b"\n") + f, "damaged-header")
    yield add("zeros-after", entry(b"P", b"x", record(b"path", b"one") + b"\x00" * 20) + f, doc="zeros-in-pax")
    yield Case("pax-at-the-end", KEEP + pax((b"path", b"one")) + END, "cut-off")
    yield Case("long-at-the-end", KEEP + long_name(b"one") + END, "cut-off")
    yield Case("pax-cut", KEEP + pax((b"path", b"one" * 300))[:700], "cut-off")
    yield add("sparse-overlap", pax((b"GNU.sparse.size", b"20"), (b"GNU.sparse.numblocks", b"2"),
                                    (b"GNU.sparse.map", b"0,5,3,3"), (b"GNU.sparse.name", b"s")) + f, "sparse")
    yield add("sparse-beyond", pax((b"GNU.sparse.size", b"4"), (b"GNU.sparse.map", b"0,8"),
                                   (b"GNU.sparse.name", b"s")) + f, "sparse")
    yield add("sparse-short", pax((b"GNU.sparse.size", b"20"), (b"GNU.sparse.map", b"0,4"),
                                  (b"GNU.sparse.name", b"s")) + f, "sparse")
    yield add("sparse-words", pax((b"GNU.sparse.size", b"20"), (b"GNU.sparse.map", b"0,x")) + f, "damaged-header")
    body = filled(b"1\n8192\n8\n") + filled(b"content\n")
    notes = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"s")]
    stored = b"%d" % (512 + 8)
    yield add("sparse-1", pax(*notes, (b"GNU.sparse.realsize", b"8200"), (b"size", stored))
              + header(b"GNUSparseFile.0/s", size=520) + body)
    yield add("sparse-size-first", pax((b"size", stored), *notes, (b"GNU.sparse.realsize", b"8200"))
              + header(b"GNUSparseFile.0/s", size=0) + body)
    yield add("sparse-size-logical", pax((b"size", b"8200"), *notes, (b"GNU.sparse.realsize", b"8200"))
              + header(b"GNUSparseFile.0/s", size=520) + body, "sparse")
    yield add("sparse-2", pax((b"GNU.sparse.major", b"2"), (b"GNU.sparse.minor", b"0"),
                              (b"GNU.sparse.realsize", b"8"), (b"GNU.sparse.name", b"s")) + f, "sparse")


def macs():
    """What a Mac adds."""
    fork = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + b"\x00" * 139
    folder, script = header(b"myapp/", FOLDER, mode=0o755), entry(b"myapp/run", data=b"#!/bin/sh\n", mode=0o755)
    yield Case("mac-beside", entry(b"._myapp", data=fork) + folder + entry(b"myapp/._run", data=fork) + script + END)
    yield Case("mac-dot", entry(b"./._.", data=fork) + header(b"./", FOLDER, mode=0o755) + entry(b"./._myapp", data=fork)
               + entry(b"./myapp/run", data=b"x") + END)
    yield Case("mac-folder", folder + script + entry(b"__MACOSX/._myapp", data=fork)
               + entry(b"__MACOSX/myapp/._run", data=fork) + END)
    yield Case("mac-root", KEEP + entry(b"._keep", data=fork) + entry(b"f", data=b"x") + END)
    yield Case("mac-finder", entry(b".DS_Store", data=fork) + folder + script + END)
    yield Case("mac-only", entry(b"._keep", data=fork) + END, "only-mac")
    yield Case("mac-names", KEEP + entry(b"._", data=b"x") + entry(b".x._", data=b"y") + header(b"._d", FOLDER, mode=0o755)
               + END)
    yield Case("top-folder", folder + script + END)
    yield Case("top-folder-dot", header(b"./", FOLDER, mode=0o700) + header(b"./myapp", FOLDER) + script + END)
    yield Case("top-folder-same", header(b"a", FOLDER, mode=0o755) + header(b"a/a", FOLDER, mode=0o755)
               + entry(b"a/a/a", data=b"x") + entry(b"a/.top", data=b"y") + END)
    yield Case("top-file", entry(b"only", data=b"x") + END)
    yield Case("top-empty", header(b"only", FOLDER, mode=0o755) + END)


def libraries():
    """Python's writer, in its three formats."""
    for name, form in [("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)]:
        for variant in ("plain", "long", "unicode", "deep"):
            if (name, variant) == ("ustar", "long"):
                continue  # Its target is too long for this format.
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w", format=form) as archive:
                base = {"plain": "a", "long": "l" * 80 + "/" + "m" * 60, "unicode": "gr\u00fcn/\u65e5", "deep": "d/" * 40}
                for number in range(3):
                    member = tarfile.TarInfo(f"{base[variant].rstrip('/')}/f{number}")
                    member.size, member.mtime, member.uid = 100 * number, TIMES[number], 70000 * number
                    archive.addfile(member, io.BytesIO(b"x" * member.size))
                link = tarfile.TarInfo("link")
                link.type, link.linkname = tarfile.SYMTYPE, f"{base[variant].rstrip('/')}/f1"
                archive.addfile(link)
            yield Case(f"python-{name}-{variant}", data.getvalue())


TIMES = [0, 1234567890.25, 1_700_000_000]


def made(folder, script):
    """What a shell script with tar(1) in it leaves in the file `out`: made when it is asked for."""
    def make():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            subprocess.run(["/bin/sh", "-ec", script], cwd=place, check=True, capture_output=True,
                           env={**os.environ, "LC_ALL": "C"})
            with open(place + "/out", "rb") as file:
                return file.read()
    return make


TREE = """
mkdir -p app/bin app/lib/deep app/empty; umask 022
printf 'run\\n' > app/bin/run; chmod 755 app/bin/run; printf 'text' > app/lib/text; : > app/lib/none
ln -s ../lib/text app/bin/text; ln app/lib/text app/lib/again; chmod 700 app/lib/deep
"""
HOLES = """
mkdir app; cd app; printf 'x' > begin; truncate -s 300000 begin; truncate -s 200000 end; printf 'y' >> end
truncate -s 500000 all; printf 'z' | dd of=middle bs=1 seek=262144 conv=notrunc 2>/dev/null; truncate -s 900000 middle
i=0; while [ $i -lt 40 ]; do printf 'part' | dd of=many bs=1 seek=$((i * 65536)) conv=notrunc 2>/dev/null; i=$((i + 1)); done
printf 'none' > none; cd ..
"""


def tools(folder):
    """What GNU tar and bsdtar write."""
    for form in ("v7", "oldgnu", "gnu", "ustar", "posix"):
        yield Case(f"gnutar-{form}", made(folder, TREE + f"tar -H {form} -cf out app"))
        yield Case(f"gnutar-{form}-dot", made(folder, TREE + f"cd app; tar -H {form} -cf ../out ."))
        yield Case(f"gnutar-{form}-twice", made(folder, TREE + f"tar -H {form} -cf out app app/lib"), doc="itself")
        yield Case(f"gnutar-{form}-append", made(
            folder, TREE + f"tar -H {form} -cf out app; printf new > app/lib/none; tar -H {form} -rf out app/lib/none"))
    for form in ("ustar", "pax", "gnutar", "v7"):
        yield Case(f"bsdtar-{form}", made(folder, TREE + f"bsdtar --format {form} -cf out app"))
        yield Case(f"bsdtar-{form}-dot", made(folder, TREE + f"cd app; bsdtar --format {form} -cf ../out ."))
    for form in ("oldgnu", "gnu", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "posix --sparse-version=1.0"):
        name = form.replace(" --sparse-version=", "-")
        for number, part in enumerate(["begin", "end", "all", "middle", "many", "none", ""]):
            script = HOLES + f"tar -H {form} -Scf out app/{part} app/none"
            yield Case(f"sparse-{name}-{number}", made(folder, script), doc="itself")
    yield Case("sparse-bsdtar", made(folder, HOLES + "bsdtar --format pax -cf out app"))
    yield Case("gnutar-label", made(folder, TREE + "tar -V label -cf out app"))
    yield Case("gnutar-incremental", made(folder, TREE + "tar -g list -cf out app"))
    yield Case("gnutar-joined", made(folder, TREE + "tar -cf out app/bin; tar -cf two app/lib; tar -Af out two"))
    yield Case("gnutar-cat", made(folder, TREE + "tar -cf one app/bin; tar -cf two app/lib; cat one two > out"),
               "after-the-end")
    yield Case("gnutar-blocks", made(folder, TREE + "tar -b 200 -cf out app"))
    yield Case("gnutar-absolute", made(folder, TREE + "tar -Pcf out \"$PWD/app\""), "absolute-path")
    yield Case("gnutar-xattrs", made(folder, TREE + "setfattr -n user.a -v b app/lib/text 2>/dev/null || :\n"
                                     "tar --xattrs --acls -cf out app"))
    yield Case("gnutar-numeric", made(folder, TREE + "tar --owner=99999999 --group=99999999 --mtime=@-5 -cf out app"))


def all_cases(folder):
    """Every archive, with the ending of its name."""
    number = 0
    parts = (orders(), names(), damage(), headers(), extensions(), macs(), libraries(), tools(folder))
    for case in itertools.chain(*parts):
        if case.codec:
            yield case, case.codec
            continue
        yield case, CODECS[number % 3]
        number += 1


def package(case, codec):
    """The bytes of an archive."""
    if case.codec:
        return case.data
    return compressed(case.data() if callable(case.data) else case.data, codec)
