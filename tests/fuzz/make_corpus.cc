// Writes the seeds of tests/fuzz/corpus/graph_decoding: one small graph of each operation, as a message and
// as canonical bytes. bazel run //tests/fuzz:make_corpus -- $PWD/tests/fuzz/corpus/graph_decoding
#include <fstream>
#include <iostream>
#include <string>

#include "client/codec/graph_codec.h"
#include "engine/graph/canonical.h"
#include "engine/ops/table.h"
#include "engine/ops/validate.h"
#include "tests/fuzz/graph_maker.h"

int main(int argc, char** argv) {
  using namespace modeld;
  if (argc != 2) {
    std::cerr << "usage: make_corpus DIR\n";
    return 2;
  }
  const std::string folder = argv[1];
  for (const OpSchema& row : AllOps()) {
    const std::string type(row.type);
    const fuzz::Sample sample = fuzz::RandomSample(1, {.max_operations = 1, .only = type});
    std::ofstream(folder + "/" + type + ".message", std::ios::binary)
        << EncodeGraph(sample.graph).SerializeAsString();
    const auto valid = Validate(sample.graph, fuzz::SampleLimits());
    if (!valid.ok()) {
      std::cerr << type << ": " << valid.status() << "\n";
      return 1;
    }
    std::ofstream(folder + "/" + type + ".canonical", std::ios::binary) << EncodeCanonical(*valid);
  }
  return 0;
}
