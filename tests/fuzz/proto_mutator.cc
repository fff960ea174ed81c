#include "tests/fuzz/proto_mutator.h"

#include <cstring>
#include <limits>
#include <random>
#include <string>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace modeld::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Where fields' rules tend to break.
constexpr int64_t kNumbers[] = {0,
                                1,
                                2,
                                3,
                                4,
                                7,
                                8,
                                9,
                                -1,
                                -2,
                                64,
                                4096,
                                4097,
                                int64_t{1} << 31,
                                (int64_t{1} << 31) - 1,
                                (int64_t{1} << 32) - 1,
                                int64_t{1} << 32,
                                int64_t{1} << 62,
                                std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::max()};
constexpr double kFloats[] = {0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e300, -1e300};

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  void Mutate(Message& message) {
    const auto* descriptor = message.GetDescriptor();
    if (descriptor->field_count() == 0) return;
    const FieldDescriptor* field = Pick(message);
    if (field->is_repeated()) {
      MutateRepeated(message, *field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (Below(8) == 0) {
        message.GetReflection()->ClearField(&message, field);
      } else {
        Mutate(*message.GetReflection()->MutableMessage(&message, field));
      }
    } else if (Below(8) == 0) {
      message.GetReflection()->ClearField(&message, field);
    } else {
      Set(message, *field, -1);
    }
  }

  uint32_t Below(uint32_t n) { return random_() % n; }

 private:
  // Mostly one that is set.
  const FieldDescriptor* Pick(const Message& message) {
    const auto* descriptor = message.GetDescriptor();
    std::vector<const FieldDescriptor*> set;
    message.GetReflection()->ListFields(message, &set);
    if (!set.empty() && Below(5) != 0) return set[Below(static_cast<uint32_t>(set.size()))];
    return descriptor->field(static_cast<int>(Below(descriptor->field_count())));
  }

  void MutateRepeated(Message& message, const FieldDescriptor& field) {
    const Reflection* reflection = message.GetReflection();
    const int size = reflection->FieldSize(message, &field);
    const uint32_t what = Below(10);
    if (size == 0 || what == 0) {
      Add(message, field);
    } else if (what == 1) {
      reflection->SwapElements(&message, &field, static_cast<int>(Below(size)), size - 1);
      reflection->RemoveLast(&message, &field);
    } else if (what == 2) {
      reflection->SwapElements(&message, &field, static_cast<int>(Below(size)),
                               static_cast<int>(Below(size)));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message& element = *reflection->MutableRepeatedMessage(&message, &field, static_cast<int>(Below(size)));
      if (what == 3) {
        const std::unique_ptr<Message> copy(element.New());
        copy->CopyFrom(element);
        reflection->AddMessage(&message, &field)->CopyFrom(*copy);
      } else {
        Mutate(element);
      }
    } else {
      Set(message, field, static_cast<int>(Below(size)));
    }
  }

  void Add(Message& message, const FieldDescriptor& field) {
    const Reflection* r = message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        Mutate(*r->AddMessage(&message, &field));
        return;
      case FieldDescriptor::CPPTYPE_INT32:
        return r->AddInt32(&message, &field, static_cast<int32_t>(Number()));
      case FieldDescriptor::CPPTYPE_INT64:
        return r->AddInt64(&message, &field, Number());
      case FieldDescriptor::CPPTYPE_UINT32:
        return r->AddUInt32(&message, &field, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return r->AddUInt64(&message, &field, static_cast<uint64_t>(Number()));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return r->AddDouble(&message, &field, Float());
      case FieldDescriptor::CPPTYPE_FLOAT:
        return r->AddFloat(&message, &field, static_cast<float>(Float()));
      case FieldDescriptor::CPPTYPE_BOOL:
        return r->AddBool(&message, &field, Below(2) == 0);
      case FieldDescriptor::CPPTYPE_ENUM:
        return r->AddEnumValue(&message, &field, static_cast<int>(Below(24)));
      case FieldDescriptor::CPPTYPE_STRING:
        return r->AddString(&message, &field, Text(""));
    }
  }

  // `index` -1: the field is not repeated.
  void Set(Message& message, const FieldDescriptor& field, int index) {
    const Reflection* r = message.GetReflection();
    const bool one = index < 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return;
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto value = static_cast<int32_t>(
            Near(one ? r->GetInt32(message, &field) : r->GetRepeatedInt32(message, &field, index)));
        return one ? r->SetInt32(&message, &field, value)
                   : r->SetRepeatedInt32(&message, &field, index, value);
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        const int64_t value =
            Near(one ? r->GetInt64(message, &field) : r->GetRepeatedInt64(message, &field, index));
        return one ? r->SetInt64(&message, &field, value)
                   : r->SetRepeatedInt64(&message, &field, index, value);
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        const auto value = static_cast<uint32_t>(
            Near(one ? r->GetUInt32(message, &field) : r->GetRepeatedUInt32(message, &field, index)));
        return one ? r->SetUInt32(&message, &field, value)
                   : r->SetRepeatedUInt32(&message, &field, index, value);
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        const auto value = static_cast<uint64_t>(Number());
        return one ? r->SetUInt64(&message, &field, value)
                   : r->SetRepeatedUInt64(&message, &field, index, value);
      }
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return one ? r->SetDouble(&message, &field, Float())
                   : r->SetRepeatedDouble(&message, &field, index, Float());
      case FieldDescriptor::CPPTYPE_FLOAT:
        return one ? r->SetFloat(&message, &field, static_cast<float>(Float()))
                   : r->SetRepeatedFloat(&message, &field, index, static_cast<float>(Float()));
      case FieldDescriptor::CPPTYPE_BOOL:
        return one ? r->SetBool(&message, &field, Below(2) == 0)
                   : r->SetRepeatedBool(&message, &field, index, Below(2) == 0);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto value = static_cast<int>(Below(24));
        return one ? r->SetEnumValue(&message, &field, value)
                   : r->SetRepeatedEnumValue(&message, &field, index, value);
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string value =
            Text(one ? r->GetString(message, &field) : r->GetRepeatedString(message, &field, index));
        return one ? r->SetString(&message, &field, std::move(value))
                   : r->SetRepeatedString(&message, &field, index, std::move(value));
      }
    }
  }

  int64_t Number() { return kNumbers[Below(std::size(kNumbers))]; }
  int64_t Near(int64_t value) {
    if (Below(2) == 0) return Number();
    return static_cast<int64_t>(static_cast<uint64_t>(value) + Below(7) - 3);
  }
  double Float() {
    switch (Below(6)) {
      case 0:
        return std::numeric_limits<double>::quiet_NaN();
      case 1:
        return std::numeric_limits<double>::infinity() * (Below(2) == 0 ? 1 : -1);
      default:
        return kFloats[Below(std::size(kFloats))];
    }
  }
  std::string Text(std::string value) {
    std::string bytes = value;
    bytes.resize(value.size() + 8);
    const size_t size =
        LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), value.size(), bytes.size());
    bytes.resize(size);
    return bytes;
  }

  std::minstd_rand random_;
};

}  // namespace

void MutateMessage(Message& message, uint32_t seed) {
  Mutator mutator(seed);
  for (uint32_t n = 1 + mutator.Below(4); n > 0; --n) mutator.Mutate(message);
}

size_t MutateSerialized(Message& message, uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  if (seed % 4 == 0 || !message.ParseFromArray(data, static_cast<int>(size))) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  MutateMessage(message, seed);
  std::string bytes;
  if (!message.SerializePartialToString(&bytes) || bytes.size() > max_size || bytes.empty()) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace modeld::fuzz
