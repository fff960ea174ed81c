// libFuzzer's mutator for ONNX models.
#include "onnx/onnx_pb.h"
#include "tests/fuzz/proto_mutator.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  onnx::ModelProto message;
  return modeld::fuzz::MutateSerialized(message, data, size, max_size, seed);
}
