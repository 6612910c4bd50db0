"""Words that many use: of paths, routes and providers; which names strips and buses can have."""

import re
import unicodedata

MIX = "mix"
DRY = "dry"
MASTER = "master"
CLIP = "clip"
# Where a model runs; see model/providers.py.
PROVIDERS = ("auto", "cpu", "cuda")
# What a strip or bus cannot be called.
RESERVED = (MIX, DRY, MASTER, CLIP, "console", "preset")
# A path has dots. A render gives each name its file, and files of some systems lack the others.
UNFIT = re.compile(r'[./\\:*?"<>|\x00-\x1f]')
# Bytes; a file's has an ending, too, and more while it is written.
LONGEST = 200
RULE = (
    "use one without dots, slashes and other signs that files cannot have in their names, of at "
    f"most {LONGEST} bytes, which is not {', '.join(RESERVED[:-1])} or {RESERVED[-1]}"
)


def composed(name: str) -> str:
    """Give a name in the one form of Unicode's (NFC) in which names are compared.

    Examples
    --------
    >>> composed("ho\u0308he") == "h\u00f6he"
    True

    Notes
    -----
    Thread: [any]
    """
    return unicodedata.normalize("NFC", name)


def is_fit(name: str) -> bool:
    """Tell whether a strip or bus can have the name; RULE says which it can.

    Examples
    --------
    >>> is_fit("lead vocals"), is_fit("lead.vocals"), is_fit("Mix"), is_fit("la" * 150)
    (True, False, False, False)

    Notes
    -----
    Thread: [any]
    """
    short = len(name.encode(errors="replace")) <= LONGEST
    fit = bool(name.strip()) and short and not UNFIT.search(name)
    return fit and name.casefold() not in RESERVED
