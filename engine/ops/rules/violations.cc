#include "engine/ops/rules/violations.h"

#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace modeld::rules {
namespace {

constexpr uint32_t kTypes = 10;
constexpr uint32_t kMaxRank = 8;

// By index of AttributeValue's alternatives: what an error calls it, and one.
struct Alternative {
  absl::string_view name;
  AttributeValue value;
};
std::vector<Alternative> Alternatives() {
  return {{"a boolean", true},
          {"an integer", Int(1)},
          {"a float", 0.5},
          {"a string", Str("1x")},
          {"a data type", DataType::kFloat32},
          {"an operand", OperandId{0}},
          {"a list of integers", Ints({1})},
          {"a list of floats", std::vector<double>{0.5}},
          {"a list of strings", std::vector<std::string>{"relu"}},
          {"a list of operands", std::vector<OperandId>{OperandId{0}}},
          {"a graph", GraphValue{}}};
}

struct Kind {
  absl::string_view name;
  // Indices of the alternatives that it takes.
  std::vector<size_t> takes;
};
Kind KindOf(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kBool:
      return {"a boolean", {0}};
    case AttributeKind::kUint:
      return {"an unsigned integer", {1}};
    case AttributeKind::kInt:
      return {"an integer", {1}};
    case AttributeKind::kFloat:
      return {"a float", {2}};
    case AttributeKind::kNumber:
      return {"a number", {1, 2, 3}};
    case AttributeKind::kString:
      return {"a string", {3}};
    case AttributeKind::kDataType:
      return {"a data type", {4}};
    case AttributeKind::kOperand:
      return {"an operand", {5}};
    case AttributeKind::kUints:
      return {"a list of unsigned integers", {6}};
    case AttributeKind::kUintOrUints:
      return {"an unsigned integer or a list of them", {1, 6}};
    case AttributeKind::kFloats:
      return {"a list of floats", {7}};
    case AttributeKind::kStrings:
      return {"a list of strings", {8}};
    case AttributeKind::kGraph:
      return {"a graph", {10}};
  }
  return {};
}

// An operand of the row, required or of the options, and where its descriptor is in the valid call.
struct Place {
  std::string name;
  TypeSet types;
  RankRange ranks;
  // Index of the required operand whose type it shares, or -1: then it leads.
  int leader;
  bool is_extra;
  size_t index;

  TensorDescriptor& In(OpCase& call) const { return is_extra ? call.extras[index] : call.operands[index]; }
};

std::vector<Place> PlacesOf(const Specified& row) {
  std::vector<Place> places;
  for (size_t i = 0; i < row.base.operands.size(); ++i) {
    const size_t last = row.operands.size() - 1;
    const OperandSchema& operand = row.operands[std::min(i, last)];
    const bool repeats = row.variadic && i >= last;
    places.push_back(
        {.name = repeats ? absl::StrCat(operand.name, "[", i - last, "]") : std::string(operand.name),
         .types = operand.types,
         .ranks = operand.ranks,
         .leader = operand.same_type_as == static_cast<int>(i) ? -1 : operand.same_type_as,
         .is_extra = false,
         .index = i});
  }
  for (const AttributeSchema& attribute : row.attributes) {
    if (attribute.kind != AttributeKind::kOperand) continue;
    const AttributeValue& value = row.base.attributes.at(std::string(attribute.name));
    places.push_back({.name = std::string(attribute.name),
                      .types = attribute.types,
                      .ranks = attribute.ranks,
                      .leader = attribute.same_type_as,
                      .is_extra = true,
                      .index = std::get<OperandId>(value).value});
  }
  return places;
}

OpCase Broken(const Specified& row, const std::string& error) {
  OpCase call = row.base;
  call.expected = absl::StrCat("! ", error);
  return call;
}

OpCase Changed(const Specified& row, absl::string_view attribute, AttributeValue value,
               const std::string& error) {
  OpCase call = Broken(row, error);
  call.attributes.insert_or_assign(std::string(attribute), std::move(value));
  return call;
}

// The valid call with the leader's and all its followers' type changed.
OpCase Retyped(const Specified& row, const Place& leader, DataType type) {
  OpCase call = row.base;
  leader.In(call).data_type = type;
  for (const Place& place : PlacesOf(row)) {
    if (!leader.is_extra && place.leader == static_cast<int>(leader.index)) place.In(call).data_type = type;
  }
  return call;
}

std::string WrongType(const std::string& name, DataType found, TypeSet expected) {
  return absl::StrCat(name, " has data type ", DataTypeName(found), ", expected ", expected.ToString());
}

std::string OutOfRange(absl::string_view name, int64_t value, int64_t least, int64_t most) {
  return absl::StrCat(name, " ", value, " is out of range, expected ",
                      value > most ? absl::StrCat("at most ", most) : absl::StrCat("at least ", least));
}

void AddIntegerRanges(const Specified& row, const AttributeSchema& attribute, std::vector<OpCase>& calls) {
  using Limits = std::numeric_limits<int64_t>;
  const bool is_signed = attribute.kind == AttributeKind::kInt;
  const int64_t least = is_signed ? -2147483648LL : attribute.min;
  const int64_t most = is_signed ? 2147483647 : 4294967295;
  for (int64_t value : {least - 1, most + 1, Limits::min(), Limits::max(), int64_t{1} << 33}) {
    const std::string error = is_signed ? absl::StrCat(attribute.name, " ", value,
                                                       " is out of range, expected ", least, " to ", most)
                                        : OutOfRange(attribute.name, value, least, most);
    if (attribute.kind != AttributeKind::kUints) {
      calls.push_back(Changed(row, attribute.name, Int(value), error));
    }
    if (attribute.kind == AttributeKind::kUints || attribute.kind == AttributeKind::kUintOrUints) {
      std::vector<int64_t> list(attribute.size == 0 ? 3 : attribute.size, 1);
      list.back() = value;
      calls.push_back(Changed(row, attribute.name, list, error));
      list.back() = 1;
      list.front() = value;
      calls.push_back(Changed(row, attribute.name, list, error));
    }
  }
}

void AddLengths(const Specified& row, const AttributeSchema& attribute, std::vector<OpCase>& calls) {
  const auto of_length = [&](size_t length, const std::string& expected) {
    const std::string error = absl::StrCat(attribute.name, " has ", length, " elements, expected ", expected);
    if (attribute.kind == AttributeKind::kStrings) {
      calls.push_back(Changed(row, attribute.name, std::vector<std::string>(length, "relu"), error));
    } else if (attribute.kind == AttributeKind::kFloats) {
      calls.push_back(Changed(row, attribute.name, std::vector<double>(length, 1.0), error));
    } else {
      calls.push_back(Changed(row, attribute.name, std::vector<int64_t>(length, 1), error));
    }
  };
  if (attribute.size == 0) return of_length(4097, "at most 4096");
  for (size_t length : {size_t{0}, attribute.size - size_t{1}, attribute.size + size_t{1}, size_t{5000}}) {
    of_length(length, absl::StrCat(attribute.size));
  }
}

void AddChoices(const Specified& row, const AttributeSchema& attribute, std::vector<OpCase>& calls) {
  const std::string expected = absl::StrCat("expected one of ", absl::StrJoin(attribute.choices, ", "));
  const std::string first(attribute.choices.front());
  std::string capital = first;
  capital[0] = static_cast<char>(capital[0] - 'a' + 'A');
  for (const std::string& value : {std::string(), capital, first + " ", std::string("choice")}) {
    calls.push_back(
        Changed(row, attribute.name, value, absl::StrCat(attribute.name, " is \"", value, "\", ", expected)));
  }
  calls.push_back(Changed(row, attribute.name, std::string(1025, 'a'),
                          absl::StrCat(attribute.name, " has 1025 bytes, expected at most 1024")));
}

void AddDataTypes(const Specified& row, const AttributeSchema& attribute, std::vector<OpCase>& calls) {
  for (uint32_t i = 0; i <= kTypes + 1; ++i) {
    const auto type = static_cast<DataType>(i);
    if (attribute.types.Contains(type)) continue;
    calls.push_back(Changed(row, attribute.name, type,
                            absl::StrCat(attribute.name, " is data type ", i, " \"", DataTypeName(type),
                                         "\", expected one of ", attribute.types.ToString())));
  }
}

}  // namespace

std::vector<OpCase> BrokenCounts(const Specified& row) {
  const size_t count = row.base.operands.size();
  const size_t least = row.operands.size();
  std::vector<OpCase> calls;
  for (size_t wrong = 0; wrong <= count + 2; ++wrong) {
    if (row.variadic ? wrong >= least : wrong == least) continue;
    calls.push_back(Broken(
        row, absl::StrCat("operands are ", wrong, ", expected ", row.variadic ? "at least " : "", least)));
    calls.back().operands.resize(wrong, row.base.operands.back());
  }
  // The operands, the extras and one output.
  const size_t all = count + row.base.extras.size() + 1;
  for (const AttributeSchema& attribute : row.attributes) {
    if (attribute.kind != AttributeKind::kOperand) continue;
    for (uint32_t id : {static_cast<uint32_t>(all), 0xffffffffu}) {
      calls.push_back(Changed(row, attribute.name, OperandId{id},
                              absl::StrCat(attribute.name, " is operand ", id, " of ", all)));
    }
  }
  return calls;
}

std::vector<OpCase> BrokenTypes(const Specified& row) {
  std::vector<OpCase> calls;
  const std::vector<Place> places = PlacesOf(row);
  for (const Place& place : places) {
    for (uint32_t i = 1; i <= kTypes; ++i) {
      const auto type = static_cast<DataType>(i);
      OpCase call = place.leader < 0 ? Retyped(row, place, type) : row.base;
      place.In(call).data_type = type;
      std::string error;
      if (!place.types.Contains(type)) {
        error = WrongType(place.name, type, place.types);
      } else if (place.leader >= 0 && type != row.base.operands[place.leader].data_type) {
        const DataType expected = row.base.operands[place.leader].data_type;
        const size_t leader = std::min<size_t>(place.leader, row.operands.size() - 1);
        error = absl::StrCat(WrongType(place.name, type, {expected}), " like ", row.operands[leader].name);
      }
      if (error.empty()) continue;
      call.expected = absl::StrCat("! ", error);
      calls.push_back(std::move(call));
    }
  }
  return calls;
}

std::vector<OpCase> AllowedTypes(const Specified& row) {
  std::vector<OpCase> calls;
  // A body has types of its own.
  if (row.open_attributes) return calls;
  for (const Place& place : PlacesOf(row)) {
    for (uint32_t i = 1; i <= kTypes && place.leader < 0; ++i) {
      const auto type = static_cast<DataType>(i);
      if (!place.types.Contains(type)) continue;
      calls.push_back(Retyped(row, place, type));
      if (place.is_extra || static_cast<int>(place.index) != row.output_like) continue;
      const std::string before = absl::StrCat(DataTypeName(row.base.operands[place.index].data_type), "[");
      const std::string after = absl::StrCat(DataTypeName(type), "[");
      calls.back().expected = absl::StrReplaceAll(row.base.expected, {{before, after}});
    }
  }
  return calls;
}

std::vector<OpCase> BrokenRanks(const Specified& row) {
  std::vector<OpCase> calls;
  for (const Place& place : PlacesOf(row)) {
    for (uint32_t rank = 0; rank <= kMaxRank; ++rank) {
      if (rank >= place.ranks.min && rank <= place.ranks.max) continue;
      const uint32_t most = std::min(place.ranks.max, kMaxRank);
      const std::string expected =
          place.ranks.min == most ? absl::StrCat(most) : absl::StrCat(place.ranks.min, " to ", most);
      calls.push_back(Broken(row, absl::StrCat(place.name, " has rank ", rank, ", expected ", expected)));
      place.In(calls.back()).shape = Ones(rank);
    }
  }
  return calls;
}

std::vector<OpCase> BrokenKinds(const Specified& row) {
  std::vector<OpCase> calls;
  if (!row.open_attributes) {
    for (const char* name : {"", "bogus", "Axis", "label"}) {
      calls.push_back(Changed(row, name, Int(1), absl::StrCat("attribute \"", name, "\" is unknown")));
    }
  }
  const std::vector<Alternative> alternatives = Alternatives();
  for (const AttributeSchema& attribute : row.attributes) {
    const Kind kind = KindOf(attribute.kind);
    for (size_t i = 0; i < alternatives.size(); ++i) {
      if (std::find(kind.takes.begin(), kind.takes.end(), i) != kind.takes.end()) continue;
      calls.push_back(
          Changed(row, attribute.name, alternatives[i].value,
                  absl::StrCat(attribute.name, " is ", alternatives[i].name, ", expected ", kind.name)));
    }
    if (attribute.required) {
      calls.push_back(Broken(row, absl::StrCat(attribute.name, " is missing")));
      calls.back().attributes.erase(std::string(attribute.name));
    }
  }
  return calls;
}

std::vector<OpCase> BrokenRanges(const Specified& row) {
  std::vector<OpCase> calls;
  for (const AttributeSchema& attribute : row.attributes) {
    switch (attribute.kind) {
      case AttributeKind::kUint:
      case AttributeKind::kInt:
        AddIntegerRanges(row, attribute, calls);
        break;
      case AttributeKind::kUints:
      case AttributeKind::kUintOrUints:
        AddIntegerRanges(row, attribute, calls);
        AddLengths(row, attribute, calls);
        break;
      case AttributeKind::kFloats:
      case AttributeKind::kStrings:
        AddLengths(row, attribute, calls);
        break;
      case AttributeKind::kString:
        if (!attribute.choices.empty()) AddChoices(row, attribute, calls);
        break;
      case AttributeKind::kDataType:
        AddDataTypes(row, attribute, calls);
        break;
      case AttributeKind::kNumber:
        calls.push_back(
            Changed(row, attribute.name, Str("1x"),
                    absl::StrCat(attribute.name, " is a string that is no decimal unsigned 64-bit number")));
        break;
      case AttributeKind::kBool:
      case AttributeKind::kFloat:
      case AttributeKind::kOperand:
      case AttributeKind::kGraph:
        break;
    }
  }
  return calls;
}

}  // namespace modeld::rules
