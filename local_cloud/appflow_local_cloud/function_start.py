"""How the process of a Python function starts: without the SDK, unless the function imports it.

MiniStack counts how deep functions invoke each other, to end those that invoke themselves without
end. For this it loads botocore into each process before the function, which takes ten times as long
as the rest of the start. Here the counter waits until the function itself imports botocore.
"""

from __future__ import annotations

# What MiniStack's program does before it imports the function, in a separate line.
_INSTALL = "_ms_install_invoke_depth()"

# A part of the program in the function's process.
_DEFERRED = '''
class _WhenImported:
    """Runs MiniStack's function as soon as botocore's handlers are imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "botocore.handlers":
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                # Python sets the attribute when the import has ended.
                sys.modules["botocore"].handlers = module
                _ms_install_invoke_depth()

            spec.loader.exec_module = exec_module
        return spec

'''


class UnknownProgramError(RuntimeError):
    """MiniStack's program for functions is not the one that the local cloud changes."""


def without_sdk(program: str) -> str:
    """MiniStack's program for Python functions, which loads botocore only for those that import it.

    Raises:
        UnknownProgramError: the program does not load botocore where it is expected.
    """
    lines = program.splitlines(keepends=True)
    calls = [number for number, line in enumerate(lines) if line.strip() == _INSTALL]
    if len(calls) != 1:
        raise UnknownProgramError(
            f"MiniStack's program for functions has the line {_INSTALL} {len(calls)} times, and not"
            " once: install the version that cdk-appflow-connector[local-cloud] names"
        )
    [call] = calls
    lines[call] = lines[call].replace(_INSTALL, "sys.meta_path.insert(0, _WhenImported())")
    return _DEFERRED + "".join(lines)
