"""One fuzz target: with libFuzzer under --config=fuzz, else a test that replays the corpus."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def fuzz_target(name, deps, mutator = None, mutator_deps = [], tags = []):
    """Makes the test `name` of name.cc and corpus/NAME.

    Args:
      name: the target's name, that of its source without .cc, and of its folder of inputs.
      deps: what it links.
      mutator: a source with LLVMFuzzerCustomMutator, for libFuzzer only.
      mutator_deps: what that links.
      tags: Bazel's tags.
    """
    with_mutator = [mutator, "proto_mutator.cc", "proto_mutator.h"] if mutator else []
    corpus = name[:-len("_fuzzer")]
    cc_test(
        name = name,
        size = "small",
        srcs = [name + ".cc"] + select({
            ":with_libfuzzer": with_mutator,
            "//conditions:default": ["replay_main.cc"],
        }),
        args = ["tests/fuzz/corpus/" + corpus],
        data = native.glob(["corpus/" + corpus + "/**"]),
        linkopts = select({
            ":with_libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = tags,
        deps = [":fuzz_target", "//third_party/absl"] + deps + select({
            ":with_libfuzzer": mutator_deps,
            "//conditions:default": [],
        }),
    )
