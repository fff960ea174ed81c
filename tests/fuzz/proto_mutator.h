// Changes of a protobuf message that keep it one, so that a fuzzer gets past the parser.
#ifndef MODELD_TESTS_FUZZ_PROTO_MUTATOR_H_
#define MODELD_TESTS_FUZZ_PROTO_MUTATOR_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>

namespace modeld::fuzz {

// Makes one to four random changes somewhere in the message: a number, a string, an element put in, doubled,
// moved or dropped, a field cleared. The same seed makes the same changes.
void MutateMessage(google::protobuf::Message& message, uint32_t seed);

// libFuzzer's custom mutator for inputs that are serialised messages of `message`'s type: mutates the bytes
// one time in four, or where they do not parse or grow too long, else the message.
size_t MutateSerialized(google::protobuf::Message& message, uint8_t* data, size_t size, size_t max_size,
                        unsigned seed);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_PROTO_MUTATOR_H_
