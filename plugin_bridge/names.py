"""Words of paths and routes, and which names of stems, strips and buses there can be."""

import re

MIX = "mix"
DRY = "dry"
MASTER = "master"
CLIP = "clip"
# What a strip or bus cannot be called.
RESERVED = (MIX, DRY, MASTER, CLIP, "console", "preset")
# A path has dots. A render gives each name its file, and files of some systems lack the others.
UNFIT = re.compile(r'[./\\:*?"<>|\x00-\x1f]')
RULE = (
    "use one without dots, slashes and other signs that files cannot have in their names, "
    f"which is not {', '.join(RESERVED[:-1])} or {RESERVED[-1]}"
)


def is_fit(name: str) -> bool:
    """Tell whether a strip or bus can have the name; RULE says which it can.

    Examples
    --------
    >>> is_fit("lead vocals"), is_fit("lead.vocals"), is_fit("Mix")
    (True, False, False)

    Notes
    -----
    Thread: [any]
    """
    return bool(name.strip()) and not UNFIT.search(name) and name.casefold() not in RESERVED
