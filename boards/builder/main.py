"""SCons script of the platform: compiles app, kernels, model and board code, links, uploads.

Options in platformio.ini: custom_bitwake_model (folder of generated C; the environment variable
BITWAKE_MODEL_DIR wins), upload_protocol (BITWAKE_UPLOAD_PROTOCOL wins, so that a build need not be
thrown away for it), custom_bitwake_sanitize (host only). BITWAKE_APP=bench links the benchmark
firmware mcu/bench around generated kernel cases instead of the app around a model.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from SCons.CacheDir import CacheDir
from SCons.Script import COMMAND_LINE_TARGETS, AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
BOARDS = Path(env.PioPlatform().get_dir()).resolve()
ROOT = Path(env.subst("$PROJECT_DIR")).resolve().parent
MCU = ROOT / "mcu"
CROSS = board.get("build.toolchain") == "arm-none-eabi"

# Object files of all builds, by what they are made of. Every model has a build folder of its own,
# and would compile the same kernels again.
OBJECTS = Path(os.environ.get("BITWAKE_OBJECTS") or ROOT / "build" / "objects")

# Files of the app that the benchmark firmware takes.
SHARED_WITH_BENCH = ("crc32", "identity", "print", "protocol")

COMMON_FLAGS = ["-O2", "-std=c11", "-g", "-ffp-contract=off"]
SECTION_FLAGS = ["-ffunction-sections", "-fdata-sections"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion"]


class SharedObjects(CacheDir):
    """SCons's cache without the build folder in its key: sources, headers, compiler, command."""

    def cachepath(self, node: Any) -> tuple[str | None, str | None]:
        """Folder and file for a target; the command holds names of files, not their folders."""
        if not self.is_enabled():
            return None, None
        parts = [child.get_cachedir_csig() for child in node.children()]
        key = hashlib.sha256("\0".join([*parts, node.get_contents_sig(), node.name]).encode())
        folder = os.path.join(self.path, key.hexdigest()[:2])
        return folder, os.path.join(folder, key.hexdigest())


def fail(message: str) -> None:
    """Ends the build with one line."""
    sys.stderr.write(f"Error: {message}\n")
    env.Exit(1)


def model_folder() -> Path:
    """The folder of generated C."""
    text = os.environ.get("BITWAKE_MODEL_DIR") or env.GetProjectOption("custom_bitwake_model", "")
    if not text:
        fail(
            "no model to link: set BITWAKE_MODEL_DIR, or custom_bitwake_model in platformio.ini, "
            "to a folder that `kit compile` wrote"
        )
    folder = Path(text).expanduser()
    if not folder.is_absolute():
        folder = Path(env.subst("$PROJECT_DIR")) / folder
    if not sorted(folder.glob("*.c")):
        fail(f"no generated C in the model folder {folder}")
    return folder.resolve()


def commit() -> str:
    """Of the checkout; `unknown` without git."""
    given = os.environ.get("BITWAKE_COMMIT", "").strip()
    if given:
        return given
    line = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(line, capture_output=True, text=True).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def write_build_header(folder: Path, flags: list[str]) -> None:
    """bw_build.h, which app/identity.c alone includes: a new commit then compiles one file."""
    fields = {
        "BW_BOARD": board.id,
        "BW_CORE": board.get("bitwake.core"),
        "BW_COMMIT": commit(),
        "BW_BUILD": os.environ.get("BITWAKE_BUILD", "").strip() or "unknown",
        "BW_FLAGS": " ".join(flags),
    }
    rows = [
        '#define {} "{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"'))
        for name, value in fields.items()
    ]
    text = "\n".join(["/* Written by the build. */", *rows]) + "\n"
    path = folder / "bw_build.h"
    if not path.is_file() or path.read_text("utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def sanitizers() -> list[str]:
    """Flags for compiler and linker of the host board."""
    wanted = str(env.GetProjectOption("custom_bitwake_sanitize", "no")).lower()
    if CROSS or wanted not in ("yes", "true", "1", "on"):
        return []
    return ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def use_tools(prefix: str) -> None:
    """Compiler and binutils by name."""
    env.Replace(
        AR=f"{prefix}gcc-ar",
        AS=f"{prefix}gcc",
        CC=f"{prefix}gcc",
        CXX=f"{prefix}g++",
        LINK=f"{prefix}gcc",
        OBJCOPY=f"{prefix}objcopy",
        RANLIB=f"{prefix}gcc-ranlib",
        SIZETOOL=f"{prefix}size",
        GDB="gdb-multiarch",
        ARFLAGS=["rc"],
        SIZEPROGREGEXP=r"^(?:\.text|\.rodata|\.ARM\.exidx|\.data)\s+(\d+).*",
        SIZEDATAREGEXP=r"^(?:\.stack|\.noinit|\.data|\.bss)\s+(\d+).*",
        SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
        SIZEPRINTCMD="$SIZETOOL -B -d $SOURCES",
    )


def link_flags() -> list[str]:
    """For the linker, without the machine's."""
    if not CROSS:
        # Assembly for other machines leaves empty objects that say nothing of the stack.
        return ["-no-pie", "-Wl,--gc-sections", "-Wl,-z,noexecstack"]
    memory: dict[str, Any] = board.get("build.memory")
    symbols = ("flash_origin", "flash_size", "ram_origin", "ram_size", "stack_size")
    # SCons quotes spaces of a word that it is given whole, not of one that it makes itself.
    listing = Path(env.subst("$BUILD_DIR")) / "firmware.map"
    return [
        "-nostartfiles",
        "--specs=nano.specs",
        "-Wl,--gc-sections",
        "-Wl,--no-warn-rwx-segments",
        f"-Wl,-Map,{listing}",
        "-T",
        str(BOARDS / "common" / "cortexm" / "link.ld"),
        *(f"-Wl,--defsym=__{name}={memory[name]}" for name in symbols),
    ]


def compile_all(model: Path) -> None:
    """Everything but the app, which PlatformIO compiles itself as the project's source."""
    kernels = MCU / "kernels"
    folders = [kernels, *(path for path in sorted(kernels.rglob("*")) if path.is_dir())]
    generated = Path(env.subst("$BUILD_DIR")) / "generated"
    includes = [MCU / "include", MCU / "hal", *folders, model, generated, BOARDS / board.id]
    shared = {name: BOARDS / "common" / name for name in board.get("build.common")}
    includes += shared.values()
    parts = {"kernels": kernels, "model": model, "board": BOARDS / board.id, **shared}
    if os.environ.get("BITWAKE_APP") == "bench":
        includes += [MCU / "app", MCU / "bench"]
        parts["bench"] = MCU / "bench"
        env.Replace(SRC_FILTER=["-<*>", *(f"+<{name}.c>" for name in SHARED_WITH_BENCH)])
    env.Append(CPPPATH=[str(path) for path in includes])
    for name, folder in parts.items():
        if folder.is_dir() and [*folder.rglob("*.c"), *folder.rglob("*.S")]:
            env.BuildSources(f"$BUILD_DIR/{name}", str(folder), ["+<**/*.c>", "+<**/*.S>"])


def add_upload(program: Any) -> None:
    """The upload target: a debug probe, or a process that stands in for the board."""
    protocol = os.environ.get("BITWAKE_UPLOAD_PROTOCOL") or env.GetProjectOption(
        "upload_protocol", board.get("upload.protocol")
    )
    env["UPLOAD_PROTOCOL"] = protocol
    if protocol == "emulator":
        script = BOARDS / "scripts" / "emulate.py"
        command = f'"$PYTHONEXE" "{script}" {{}} --board {board.id}'
        url = env.GetProjectOption("monitor_port", "")
        env.Replace(UPLOADCMD=f'{command.format("start")} --url "{url}" --program $SOURCE')
        stop = command.format("stop")
        env.AddPlatformTarget("poweroff", None, stop, "Power off", "Stop the emulated board")
    elif protocol == "openocd":
        arguments = board.get("upload.openocd_args").split()
        env.Replace(
            UPLOADER="openocd",
            UPLOADERFLAGS=[*arguments, "-c", "program {$SOURCE} verify reset exit"],
            UPLOADCMD="$UPLOADER $UPLOADERFLAGS",
        )
    else:
        fail(f"{board.id} cannot be uploaded to by {protocol}; set upload_protocol")
    action = env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE")
    env.AddPlatformTarget("upload", program, action, "Upload")


def main() -> None:
    """The whole build."""
    model = model_folder()
    use_tools("arm-none-eabi-" if CROSS else "")
    machine = (["-mthumb"] if CROSS else []) + board.get("build.cpu_flags").split()
    checks = sanitizers()
    shown = [*machine, *COMMON_FLAGS, *checks]
    env.Append(
        # Absolute paths in debug information would make the image depend on where it was built.
        CCFLAGS=[
            *machine,
            *COMMON_FLAGS[:1],
            *COMMON_FLAGS[2:],
            *SECTION_FLAGS,
            *WARNINGS,
            *checks,
            "$(",  # up to the closing one: not part of what an object is made of
            f"-ffile-prefix-map={env.subst('$BUILD_DIR')}=build",
            f"-ffile-prefix-map={model}=model",
            f"-ffile-prefix-map={ROOT}=/bitwake",
            "$)",
        ],
        CFLAGS=[COMMON_FLAGS[1]],
        ASFLAGS=machine,
        ASPPFLAGS=["-x", "assembler-with-cpp", *machine],
        LINKFLAGS=[*machine, *checks, *link_flags()],
        LIBS=["c", "m", "gcc"] if CROSS else ["m"],
    )
    env.Replace(PROGNAME="firmware", PROGSUFFIX=".elf")
    OBJECTS.parent.mkdir(parents=True, exist_ok=True)
    env.CacheDir(str(OBJECTS), SharedObjects)
    write_build_header(Path(env.subst("$BUILD_DIR")) / "generated", shown)
    compile_all(model)
    if "nobuild" in COMMAND_LINE_TARGETS:
        program = str(Path(env.subst("$BUILD_DIR")) / "firmware.elf")
    else:
        program = env.BuildProgram()
        env.NoCache(program)
    Default(program)
    AlwaysBuild(env.Alias("nobuild", program))
    size = env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE")
    env.AddPlatformTarget("size", program, size, "Program size")
    add_upload(program)


main()
