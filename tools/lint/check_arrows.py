#!/usr/bin/python3 -B
"""Checks what the compiler does not: the directions of dependencies, who may use which library, file lengths.

Reads every #include, proto import and BUILD dependency of the tree, prints each fault as FILE:LINE: MESSAGE and
exits with 1 if there was one. The tables at the top are the architecture's; they are the only place to change.
"""

import argparse
import ast
import os
import pathlib
import re
import sys

# Which rooms each room may use, beside itself and third_party. A file belongs to the longest room that begins its path.
ARROWS = {
    "proto": [],
    "base": [],
    "engine/graph": ["base"],
    "engine/core": ["base", "engine/graph"],
    "engine/ops": ["base", "engine/graph", "engine/core"],
    "engine/lower": ["base", "engine/graph", "engine/core", "engine/ops"],
    "engine/runtime": ["base", "engine/graph", "engine/core"],
    "engine/backend": ["base", "engine/graph", "engine/core", "engine/ops", "engine/runtime"],
    "engine": ["base", "engine/graph", "engine/core", "engine/ops", "engine/lower", "engine/runtime",
               "engine/backend"],
    "engine/plan": ["base", "engine", "engine/graph", "engine/core", "engine/ops", "engine/lower", "engine/runtime",
                    "engine/backend"],
    "storage": ["base"],
    "policy": ["base"],
    "client/codec": ["base", "proto", "engine/graph", "engine/ops"],
    "client": ["base", "proto", "client/codec", "engine/graph", "engine/ops"],
    "daemon": ["base", "proto", "client/codec", "engine", "engine/graph", "engine/core", "engine/ops",
               "engine/lower", "engine/runtime", "engine/backend", "engine/plan", "storage", "policy"],
    "tools": ["base", "proto", "client", "client/codec", "engine/graph", "engine/ops", "tools/importer/testing"],
    # Measures decisions and plans beside what a client sees.
    "tools/bench": ["base", "proto", "client", "client/codec", "engine/graph", "engine/ops", "engine/backend",
                    "engine/plan", "policy", "tools"],
    # Its tests compute what it makes.
    "tools/importer/testing": ["base", "tools", "engine", "engine/graph", "engine/ops"],
    "tests": ["*"],
    "third_party": [],
}

# What may appear only in some rooms: pattern in C++ code (comments and strings apart), rooms, name.
LIBRARIES = [
    (r"\brocksdb::|<rocksdb/", ["storage"], "RocksDB"),
    (r"\bdnnl::|<(oneapi/)?dnnl", ["engine/backend/cpu"], "oneDNN"),
    (r"\bgrpc::|<grpc(pp)?/", ["daemon", "client", "tests"], "gRPC"),
    (r"\bspdlog::|<spdlog/", ["daemon"], "spdlog"),
    (r"<systemd/", ["daemon"], "libsystemd"),
    (r"<openssl/", ["base"], "OpenSSL"),
    (r"<toml\+\+/", ["daemon"], "toml++"),
]

# What may not appear in some rooms: they run in a sandbox of their own, or decide and do nothing else.
PURE = [
    (r"\b(secure_getenv|getenv|setenv|putenv|fopen|freopen|openat|creat|socket|socketpair)\s*\(|::open\s*\("
     r"|\bO_(RDONLY|WRONLY|RDWR|CREAT)\b|<fcntl\.h>|<sys/socket\.h>|\b[io]?fstream\b",
     ["engine"], "files, sockets and environment"),
    (r"\babsl::Now\s*\(|\bsystem_clock\b|\bsteady_clock\b|\bgetenv\s*\(|\b[io]?fstream\b|\bfopen\s*\(",
     ["policy"], "clocks, files and environment"),
]

MAX_LINES = 600
WARN_LINES = 400
FORBIDDEN_WORDS = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX"]) + r")\b")

CODE = (".cc", ".h", ".proto", ".c")
TEXT = CODE + (".py", ".sh", ".bzl", ".js", ".md", ".service", ".socket")
SKIPPED_FOLDERS = {".git", "node_modules", "__pycache__"}
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
IMPORT = re.compile(r'\s*import\s+(?:public\s+)?"([^"]+)"')
# What C++ code must be stripped of before it is searched: comments and literals (raw strings first).
NOT_CODE = re.compile(r'R"([^(\s]*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def room_of(path):
    """The longest key of ARROWS that begins `path`, or nothing."""
    parts = path.split("/")
    for size in range(len(parts), 0, -1):
        if "/".join(parts[:size]) in ARROWS:
            return "/".join(parts[:size])
    return None


def in_rooms(path, rooms):
    return any(path == room or path.startswith(room + "/") for room in rooms)


def arguments_of(call):
    return {keyword.arg: keyword.value for keyword in call.keywords}


def is_test_rule(call):
    """True for rules that only tests may use. These, and their files, may use all of their own top folder."""
    kind = getattr(call.func, "id", "")
    return kind.endswith("_test") or bool(getattr(arguments_of(call).get("testonly"), "value", False))


def calls_in(build):
    return [node for node in ast.walk(build) if isinstance(node, ast.Call)]


def strings_in(node):
    """(text, line) of each string in an expression, which may put lists together."""
    return [(n.value, n.lineno) for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def allowed(source, target, test):
    """True if the file or package `source` may use `target`; both are paths from the root."""
    here, there = room_of(source), room_of(target)
    if there is None or there == "third_party" or here == there:
        return True
    if test and source.split("/")[0] == target.split("/")[0]:
        return True
    return here is not None and ("*" in ARROWS[here] or there in ARROWS[here])


def arrow_message(source, target):
    here = room_of(source) or "this folder"
    may = ", ".join(ARROWS.get(here, [])) or "nothing"
    return f"{here} may not use {room_of(target)} ({target}); it may use {may}"


class Checker:
    """Collects the faults and warnings of one tree."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.top_folders = {entry.name for entry in self.root.iterdir() if entry.is_dir()}
        self.test_files = set()
        self.errors = []
        self.warnings = []
        self.files = 0

    def is_test_file(self, path):
        """By its name, as a BUILD file may put names together, or by the rules that list it."""
        return path.endswith("_test.cc") or path in self.test_files

    def error(self, path, line, message):
        self.errors.append(f"{path}:{line}: {message}")

    def run(self):
        texts = dict(self.read_tree())
        builds = {path: ast.parse(text, path) for path, text in texts.items() if path.split("/")[-1] == "BUILD"}
        for path, build in builds.items():
            for call in filter(is_test_rule, calls_in(build)):
                for key in ("srcs", "hdrs"):
                    names = strings_in(arguments_of(call).get(key, ast.Constant(None)))
                    self.test_files.update(os.path.join(os.path.dirname(path), name) for name, _ in names)
        for path, text in texts.items():
            self.check_file(path, text)
        for path, build in builds.items():
            self.check_build(path, build)

    def read_tree(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith("bazel-"))
            for name in sorted(names):
                full = pathlib.Path(folder, name)
                if full.is_symlink():
                    continue
                script = full.suffix == "" and name != "BUILD" and full.open("rb").read(2) == b"#!"
                if name == "BUILD" or full.suffix in TEXT or script:
                    yield full.relative_to(self.root).as_posix(), full.read_text(encoding="utf-8")

    def check_file(self, path, text):
        self.files += 1
        lines = text.splitlines()
        self.check_length(path, len(lines))
        for number, line in enumerate(lines, 1):
            word = FORBIDDEN_WORDS.search(line)
            if word:
                self.error(path, number, f"{word.group()}: finish it, or write an issue")
        if path.endswith(CODE):
            self.check_includes(path, lines)
        if path.endswith((".cc", ".h", ".c")):
            self.check_libraries(path, text)

    def check_length(self, path, count):
        if path.endswith(".md"):
            return
        if count > MAX_LINES:
            self.error(path, count, f"{count} lines; at most {MAX_LINES}, divide it")
        elif count > WARN_LINES:
            self.warnings.append(f"{path}:{count}: {count} lines; more than {WARN_LINES} deserve a hard look")

    def check_includes(self, path, lines):
        pattern = IMPORT if path.endswith(".proto") else INCLUDE
        for number, line in enumerate(lines, 1):
            found = pattern.match(line)
            if not found:
                continue
            target = found.group(1)
            if "/" not in target or target.startswith("."):
                self.error(path, number, f'"{target}" must be written from the root of the workspace')
            elif target.split("/")[0] in self.top_folders and not allowed(path, target, self.is_test_file(path)):
                self.error(path, number, arrow_message(path, target))

    def check_libraries(self, path, text):
        # A stripped string keeps its line breaks, and an include in angle brackets is no string.
        code = NOT_CODE.sub(lambda found: "\n" * found.group().count("\n"), text)
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, rooms, name in LIBRARIES:
                if re.search(pattern, line) and not in_rooms(path, rooms):
                    self.error(path, number, f"{name} may be used only in {', '.join(rooms)}")
            for pattern, rooms, name in PURE:
                if re.search(pattern, line) and in_rooms(path, rooms) and not self.is_test_file(path):
                    self.error(path, number, f"{name} may not be used in {', '.join(rooms)}")

    def check_build(self, path, build):
        """Every label in `deps` and `srcs` of every rule; `data` names what a rule runs, which is no arrow."""
        package = os.path.dirname(path)
        for call in calls_in(build):
            for key in ("deps", "implementation_deps", "srcs", "hdrs", "exports"):
                for label, line in strings_in(arguments_of(call).get(key, ast.Constant(None))):
                    target = label[2:].split(":")[0]
                    if label.startswith("//") and not allowed(package, target, is_test_rule(call)):
                        self.error(path, line, arrow_message(package, target))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2], help="the tree to check")
    checker = Checker(parser.parse_args().root)
    checker.run()
    for line in checker.errors + [f"warning: {line}" for line in checker.warnings]:
        print(line)
    print(f"{checker.files} files: {len(checker.errors)} errors, {len(checker.warnings)} warnings")
    # A tree without files is a wrong --root, not a clean tree.
    return 1 if checker.errors or checker.files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
