# ruff: noqa: BLE001, S110, T201, UP032, UP036 - see below: this file runs on old Pythons
"""Describe the interpreter that runs this file, as one JSON document on stdout.

Run as ``python -I -S -B describe.py FOLDER``, where FOLDER holds a `packaging`. It must be understood
by any Python 3, since it is also how an old one is told from a broken one: no functions, because
annotations differ; no f-strings. ``-S`` leaves out the interpreter's own site-packages: no ``.pth`` file
of others runs, no other `packaging` is found.
"""

import json
import os
import sys

if sys.version_info < (3, 8):
    print(json.dumps({"unsupported": "{}.{}.{}".format(*sys.version_info[:3])}))
    sys.exit(0)

import importlib.util
import platform
import sysconfig

version = sys.implementation.version
implementation_version = "{}.{}.{}".format(*version[:3])
if version.releaselevel != "final":
    implementation_version += version.releaselevel[0] + str(version.serial)

full_version = platform.python_version()
markers = {
    "implementation_name": sys.implementation.name,
    "implementation_version": implementation_version,
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": full_version,
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
}

debug = bool(sysconfig.get_config_var("Py_DEBUG")) or hasattr(sys, "gettotalrefcount")
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# Last, so that no module of the standard library is taken from there.
sys.path.append(sys.argv[1])
tags = None
try:
    from packaging.tags import sys_tags

    tags = [str(tag) for tag in sys_tags()]
except Exception:
    # This `packaging` no longer runs here: whoever asked makes the tags.
    pass

print(
    json.dumps(
        {
            "version": full_version.rstrip("+"),
            "implementation": sys.implementation.name,
            "platform": sysconfig.get_platform(),
            "free_threaded": free_threaded,
            "debug": debug,
            "markers": markers,
            "tags": tags,
            "cache_tag": sys.implementation.cache_tag or "",
            "magic": "".join("{:02x}".format(byte) for byte in importlib.util.MAGIC_NUMBER),
            "executable": sys.executable,
            "base_executable": getattr(sys, "_base_executable", None),
            "base_prefix": sys.base_prefix,
            "externally_managed": os.path.exists(
                os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
            ),
        }
    )
)
