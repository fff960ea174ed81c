"""Runs the installed protoc, with grpc_cpp_plugin for services."""

def cc_grpc_library(name, srcs, visibility = None, deps = []):
    """A cc_library of the C++ code that protoc and grpc_cpp_plugin make of `srcs`.

    Args:
      name: of the library.
      srcs: .proto files of this package; they may import one another by their path from the workspace's proto folder.
      visibility: of the library.
      deps: further libraries.
    """
    stems = [s[:-len(".proto")] for s in srcs]
    headers = [s + ".pb.h" for s in stems] + [s + ".grpc.pb.h" for s in stems]
    sources = [s + ".pb.cc" for s in stems] + [s + ".grpc.pb.cc" for s in stems]
    native.genrule(
        name = name + "_gen",
        srcs = srcs,
        outs = headers + sources,
        cmd = "protoc -Iproto --cpp_out=$(BINDIR)/proto --grpc_out=$(BINDIR)/proto " +
              "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin $(SRCS)",
        message = "Generating protobuf code",
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],  # generated code
        strip_include_prefix = "/proto",
        visibility = visibility,
        deps = deps + ["//third_party/grpc"],
    )

def cc_protobuf_library(name, srcs, visibility = None):
    """A cc_library of plain messages, with include paths from the workspace root."""
    stems = [s[:-len(".proto")] for s in srcs]
    native.genrule(
        name = name + "_gen",
        srcs = srcs,
        outs = [s + ".pb.h" for s in stems] + [s + ".pb.cc" for s in stems],
        cmd = "protoc -I. --cpp_out=$(BINDIR) $(SRCS)",
        message = "Generating protobuf code",
    )
    native.cc_library(
        name = name,
        srcs = [s + ".pb.cc" for s in stems],
        hdrs = [s + ".pb.h" for s in stems],
        copts = ["-w"],  # generated code
        visibility = visibility,
        deps = ["//third_party/protobuf"],
    )
