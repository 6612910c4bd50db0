"""Read the source of a function marked `@realtime` and tell which rules it breaks.

Rules of this file
  1. The rules are those of plugin_bridge/realtime.py. What is not known to be allowed is refused.
  2. Properties that a method reads of its own object are calls, and scanned with it.
  3. Arithmetic on arrays allocates, too, and cannot be told from arithmetic on numbers in the
     source: test_memory.py measures it.
"""

import ast
import builtins
import importlib
import inspect
import pkgutil
import textwrap
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

import plugin_bridge
from plugin_bridge.realtime import is_realtime

Function = Callable[..., Any]

# Built-in functions that make at most one number.
PLAIN = {"abs", "bool", "float", "int", "len", "max", "min", "range"}
# Reads a clock, in C, without a system call.
CLOCKS = {"monotonic_ns": time.monotonic_ns}
# Looks at a lock, or gives it back: neither waits.
UNLOCKING = {"locked", "release"}
# What a device hands over to: the stream's callback, whose parts are scanned by themselves.
HANDED_OVER = "callback"
# What grows, waits, raises or imports.
REFUSED: dict[type[ast.AST], str] = {
    ast.Import: "imports",
    ast.ImportFrom: "imports",
    ast.Raise: "raises",
    ast.Assert: "raises",
    ast.Try: "catches: nothing in it may raise",
    ast.With: "enters a context: a lock, a file",
    ast.List: "makes a list",
    ast.Dict: "makes a dict",
    ast.Set: "makes a set",
    ast.ListComp: "makes a list",
    ast.DictComp: "makes a dict",
    ast.SetComp: "makes a set",
    ast.GeneratorExp: "makes a generator",
    ast.JoinedStr: "makes a string",
    ast.Lambda: "makes a function",
    ast.FunctionDef: "makes a function",
    ast.ClassDef: "makes a class",
    ast.Yield: "waits for its caller",
    ast.YieldFrom: "waits for its caller",
    ast.Await: "waits",
    ast.MatMult: "makes an array",
}


def modules() -> list[ModuleType]:
    """Import every module of the package."""
    found = pkgutil.walk_packages(plugin_bridge.__path__, "plugin_bridge.")
    return [importlib.import_module(m.name) for m in found if not m.name.endswith("__main__")]


def marked() -> dict[str, tuple[Function, type | None]]:
    """Give every marked function of the package by its name, with the class it belongs to."""
    found: dict[str, tuple[Function, type | None]] = {}
    for module in modules():
        for value in vars(module).values():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            owner = value if isinstance(value, type) else None
            for member in members:
                if inspect.isfunction(member) and is_realtime(member):
                    found[f"{module.__name__}.{member.__qualname__}"] = (member, owner)
    return found


def violations(function: Function, owner: type | None = None) -> list[str]:
    """Give a line for each rule that a function breaks; empty when it keeps all."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    return [
        f"{function.__qualname__}, line {getattr(node, 'lineno', 0)}: {reason}"
        for part in definition.body
        for node in ast.walk(part)
        for reason in _reasons(node, function, owner)
    ]


def _reasons(node: ast.AST, function: Function, owner: type | None) -> Iterator[str]:
    if type(node) in REFUSED:
        yield REFUSED[type(node)]
    if isinstance(node, ast.Call) and not _may_call(node, function, owner):
        yield f"calls {ast.unparse(node)}"
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
        read = inspect.getattr_static(owner, node.attr, None) if owner else None
        if isinstance(read, property) and read.fget is not None:
            yield from violations(read.fget, owner)


def _may_call(call: ast.Call, function: Function, owner: type | None) -> bool:
    """Tell whether a call is a marked function, numpy with `out=`, or a plain built-in one."""
    target = call.func
    if isinstance(target, ast.Name):
        known = function.__globals__.get(target.id, getattr(builtins, target.id, None))
        plain = target.id in PLAIN and known is getattr(builtins, target.id)
        clock = target.id in CLOCKS and known is CLOCKS[target.id]
        if target.id == HANDED_OVER and known is None:
            return True
        return plain or clock or (known is not None and is_realtime(known))
    if not isinstance(target, ast.Attribute):
        return False
    if target.attr in UNLOCKING:
        return True
    base = ast.unparse(target.value)
    if base == "self" and owner is not None:
        method = inspect.getattr_static(owner, target.attr, None)
        return method is not None and is_realtime(method)
    if function.__globals__.get(base.partition(".")[0]) is np:
        return any(keyword.arg == "out" for keyword in call.keywords)
    # Of other objects only the name is known here: it must be that of a marked method.
    return any(target.attr == name.rpartition(".")[2] for name in marked())
