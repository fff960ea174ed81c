// The table of operations with what only examples tell of it.
#ifndef MODELD_ENGINE_TESTING_OPERATION_TABLE_H_
#define MODELD_ENGINE_TESTING_OPERATION_TABLE_H_

#include <string>

namespace modeld::testing {

// engine/ops/README.md's table: what each operation decomposes into, and which backend claims it, is found
// out with the valid calls of engine/ops/rules.
std::string OperationTable();

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_OPERATION_TABLE_H_
