// libFuzzer's mutator for graphs as messages.
#include "modeld/v1/graph.pb.h"
#include "tests/fuzz/proto_mutator.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  modeld::v1::Graph message;
  // Canonical bytes begin with the magic's letters, which no message does.
  if (size > 0 && data[0] == 'm') seed = 0;
  return modeld::fuzz::MutateSerialized(message, data, size, max_size, seed);
}
