// Attention over several heads, as ONNX Runtime's operators have it.
#ifndef MODELD_TOOLS_IMPORTER_ATTENTION_H_
#define MODELD_TOOLS_IMPORTER_ATTENTION_H_

#include <optional>

#include "tools/importer/emitter.h"

namespace modeld::importer {

// What EmitAttention takes: queries, keys and values by head.
struct HeadedAttention {
  OperandId query;  // [batch, heads, length, size]
  OperandId key;    // [batch, heads, total, size]
  OperandId value;  // [batch, heads, total, value size]
  double scale;
  // Added to the scores; broadcasts to [batch, heads, length, total].
  std::vector<OperandId> biases;
};

// softmax(query * key^T * scale + biases) * value as [batch, length, heads * value size].
OperandId EmitAttention(Emitter& e, const HeadedAttention& attention);

// [batch, length, heads * size] as [batch, heads, length, size].
OperandId SplitHeads(Emitter& e, OperandId x, uint32_t heads);

// 0 where `kept` (any integer type) is not 0, else `filler`; of `type` and the shape of `kept`.
OperandId BiasOfMask(Emitter& e, OperandId kept, DataType type, double filler);

// [length, total]: 0 where a query may see a key, else `filler`. Queries are the last `length` of `total`
// positions and see what is not after them.
OperandId CausalBias(Emitter& e, uint32_t length, uint32_t total, DataType type, double filler);

// [batch, total] of uint8: whether position < lengths[batch].
OperandId KeptByLength(Emitter& e, OperandId lengths, uint32_t total);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_ATTENTION_H_
