#!/usr/bin/python3 -B
"""Small good and bad trees for check_arrows.py. Prints 'N passed, N failed'."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent / "check_arrows.py"


def check(files):
    """(exit code, output lines) of the script over a tree of these files."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as root:
        for path, text in files.items():
            full = pathlib.Path(root, path)
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_text(text)
        done = subprocess.run([sys.executable, "-B", SCRIPT, "--root", root], capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()


class CheckArrowsTest(unittest.TestCase):
    def fails(self, files, place, *words):
        """Exactly one fault, at `place`, whose message has these words."""
        code, lines = check(files)
        self.assertEqual(code, 1, lines)
        self.assertEqual(len(lines), 2, lines)
        self.assertTrue(lines[0].startswith(place + ": "), lines)
        for word in words:
            self.assertIn(word, lines[0])

    def passes(self, files):
        code, lines = check(files)
        self.assertEqual(code, 0, lines)
        return lines

    def test_a_tree_that_obeys_passes(self):
        self.passes({
            "base/status.h": "#include <string>\n",
            "engine/graph/a.h": '#include "base/status.h"\n#include "absl/status/status.h"\n',
            "engine/backend/cpu/a.cc": '#include <dnnl.hpp>\n#include "engine/backend/backend.h"\ndnnl::engine e;\n',
            "daemon/main.cc": '#include <grpcpp/server.h>\n#include "storage/a.h"\n#include "engine/engine.h"\n',
            "tests/e2e.cc": '#include "daemon/a.h"\n#include "client/cpp/client.h"\n',
            "daemon/BUILD": 'cc_library(name = "a", deps = ["//storage:a", ":b", "//third_party/grpc"],\n'
                            '           visibility = ["//tests:__subpackages__"])\n',
        })

    def test_every_pair_of_rooms_that_no_arrow_joins_is_refused(self):
        for source, target in [
            ("base", "engine/graph"), ("engine/graph", "engine/ops"), ("engine/graph", "proto"),
            ("engine/core", "engine/ops"), ("engine/ops", "engine/lower"), ("engine/runtime", "engine/lower"),
            ("engine/lower", "engine/backend"), ("engine/backend", "storage"), ("storage", "policy"),
            ("policy", "engine/graph"), ("client/codec", "client/cpp"), ("client/cpp", "engine/core"),
            ("client/cpp", "daemon"), ("daemon", "client/cpp"), ("daemon", "tools"), ("tools", "daemon"),
            ("tools", "storage"), ("tools", "engine/lower"), ("proto", "base"), ("storage", "tests"),
        ]:
            with self.subTest(source=source, target=target):
                files = {f"{target}/b.h": "\n"}
                self.fails(files | {f"{source}/a.cc": f'#include <string>\n#include "{target}/b.h"\n'},
                           f"{source}/a.cc:2", f"{target}/b.h")
                self.fails(files | {f"{source}/BUILD": f'cc_library(\n  name = "a",\n  deps = ["//{target}:b"])\n'},
                           f"{source}/BUILD:3", target)

    def test_a_proto_import_is_an_arrow(self):
        self.fails({"proto/modeld/v1/a.proto": 'syntax = "proto3";\nimport "storage/catalogue.proto";\n',
                    "storage/catalogue.proto": "\n"}, "proto/modeld/v1/a.proto:2", "storage")

    def test_a_test_may_use_its_own_top_folder_and_no_other(self):
        others = {"engine/backend/reference/r.h": "\n", "storage/s.h": "\n"}
        include = '#include "engine/backend/reference/r.h"\n'
        rule = 'cc_test(name = "a_test", srcs = ["a_test.cc"], deps = ["//engine/backend/reference:r"])\n'
        self.passes(others | {"engine/ops/a_test.cc": include, "engine/ops/BUILD": rule})
        self.passes(others | {"engine/ops/helper.h": include, "engine/ops/BUILD":
                              'cc_library(name = "helper", testonly = True, hdrs = ["helper.h"])\n'})
        self.fails(others | {"engine/ops/a_test.cc": '#include "storage/s.h"\n', "engine/ops/BUILD": rule},
                   "engine/ops/a_test.cc:1", "storage")
        self.fails(others | {"engine/ops/helper.h": include, "engine/ops/BUILD":
                             'cc_library(name = "helper", hdrs = ["helper.h"])\n'}, "engine/ops/helper.h:1")
        self.fails(others | {"engine/ops/BUILD": rule.replace("cc_test", "cc_library")}, "engine/ops/BUILD:1")

    def test_a_list_that_is_put_together_is_read_whole(self):
        self.fails({"storage/BUILD": 'cc_library(name = "a", deps = [\n"//base:x"] + [\n"//policy:y"])\n',
                    "policy/a.h": "\n"}, "storage/BUILD:3", "policy")

    def test_libraries_stay_in_their_rooms(self):
        for path, line in [
            ("daemon/a.cc", "rocksdb::DB* db;"), ("storage/a.cc", "#include <dnnl.hpp>"),
            ("engine/backend/reference/a.cc", "dnnl::memory m;"), ("tools/a.cc", "grpc::Status s;"),
            ("storage/a.cc", "#include <grpcpp/grpcpp.h>"), ("client/cpp/a.cc", "spdlog::info(1);"),
            ("daemon/a.cc", "#include <openssl/sha.h>"),
        ]:
            with self.subTest(path=path, line=line):
                self.fails({path: f"\n\n{line}\n"}, f"{path}:3", "only in")

    def test_the_engine_opens_nothing(self):
        for line in ['int f = open("x", O_RDONLY);', "int f = ::open(p, 0);", "std::ifstream in(p);", 'getenv("A");', "socket (1, 2, 3);",
                     'auto* f = fopen("x", "r");', "#include <fstream>"]:
            with self.subTest(line=line):
                self.fails({"engine/runtime/a.cc": f"{line}\n"}, "engine/runtime/a.cc:1", "engine")
        self.passes({"engine/runtime/a_test.cc": 'getenv("TEST_TMPDIR");\n',
                     "engine/runtime/BUILD": 'cc_test(name = "a_test", srcs = ["a_test.cc"])\n',
                     "storage/a.cc": "open(p, 0);\n",
                     "engine/graph/b.cc": "reopen(x); dlopen(y); Open(z); if (open(end)) x = 3;\n"})

    def test_comments_and_strings_are_not_code(self):
        self.passes({"engine/graph/a.cc": '// rocksdb::DB, getenv(x)\n/* dnnl::engine\n grpc:: */ int a;  // open(\n'
                                          'const char* s = "grpc::Status \\" open(";\n'
                                          'const char* r = R"(spdlog:: "open(")";\n'})
        self.fails({"engine/graph/a.cc": '/* one\n two */\nconst char* s = "//"; dnnl::engine e;\n'},
                   "engine/graph/a.cc:3", "oneDNN")

    def test_policy_asks_no_clock(self):
        self.fails({"policy/a.cc": "auto t = absl::Now();\n"}, "policy/a.cc:1", "clocks")

    def test_long_files_warn_and_then_fail(self):
        lines = self.passes({"base/a.cc": "\n" * 401})
        self.assertTrue(lines[0].startswith("warning: base/a.cc:401"), lines)
        self.fails({"base/a.cc": "\n" * 601}, "base/a.cc:601", "601 lines")
        self.passes({"base/README.md": "\n" * 601, "base/a.cc": "\n" * 400})

    def test_unfinished_work_is_refused(self):
        for word in ["TO" "DO", "FIX" "ME", "X" "XX"]:
            self.fails({"base/a.h": f"\n// {word}: later\n"}, "base/a.h:2", word)
            self.fails({"tools/run": f"#!/bin/bash\n# {word}\n"}, "tools/run:2", word)
        self.passes({"base/a.h": 'mkdtemp("/tmp/XXXXXX");\n'})

    def test_an_include_is_written_from_the_root(self):
        self.fails({"base/a.cc": '#include "b.h"\n'}, "base/a.cc:1", "root")
        self.fails({"base/a.cc": '#include "../base/b.h"\n'}, "base/a.cc:1", "root")

    def test_an_empty_tree_is_a_mistake(self):
        code, _ = check({})
        self.assertEqual(code, 1)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)
