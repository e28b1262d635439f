"""What gwe is to do with a list of entries: the rules of docs/packages.md, written a second time."""


def of_name(name):
    """The rule that refuses a path, or None."""
    if name.startswith(b"/"):
        return "absolute-path"
    if len(name) > 1024:
        return "long-name"
    if b"\x00" in name:
        return "nul"
    if any(byte < 32 or byte == 127 for byte in name):
        return "control-characters"
    parts = parts_of(name)
    if b".." in parts:
        return "dot-dot"
    if any(len(part) > 255 for part in parts):
        return "long-name"
    if len(parts) > 64:
        return "deep-path"
    return None


def parts_of(name):
    return [part for part in name.split(b"/") if part not in (b"", b".")]


def way_out(path, links):
    """Whether a symlink leads out of the tree, followed as the kernel would."""
    here = parts_of(path)[:-1]
    rest = parts_of(links[path])[::-1]
    followed = 0
    while rest:
        part = rest.pop()
        if part == b"..":
            if not here:
                return True
            here.pop()
            continue
        here.append(part)
        place = b"/".join(here)
        if place in links:
            followed += 1
            if followed > 40:
                return False
            here.pop()
            rest += parts_of(links[place])[::-1]
    return False


def of_entries(entries):
    """The rule that refuses a list of (kind, name, target), with kinds f, d, s and h; None where it is taken."""
    tree = {}
    links = {}
    for kind, name, target in entries:
        rule = of_name(name)
        if rule:
            return rule
        parts = parts_of(name)
        path = b"/".join(parts)
        if not parts:
            if kind == "d":
                continue
            return "no-name"
        for count in range(1, len(parts)):
            above = b"/".join(parts[:count])
            if tree.setdefault(above, "d") != "d":
                return "through-link"
        there = tree.get(path)
        if kind == "h":
            if of_name(target):
                return "hard-link-out"
            source = b"/".join(parts_of(target))
            if source == path and tree.get(path) in ("f", "s"):
                continue
            if tree.get(source) != "f":
                return "hard-link-target"
            kind = "f"
        elif kind == "s":
            links[path] = target
        if there not in (None, kind):
            return "two-kinds"
        tree[path] = kind
    tops = {parts_of(path)[0] for path in tree}
    if len(tops) == 1 and len(tree) > 1 and tree.get(next(iter(tops))) == "d":
        cut = len(next(iter(tops))) + 1
        links = {path[cut:]: target for path, target in links.items()}
    if any(target.startswith(b"/") for target in links.values()):
        return "absolute-link"
    if any(way_out(path, links) for path in links):
        return "link-out"
    return None
