#include "engine/core/print.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld::core {
namespace {

template <typename List>
std::string Sizes(absl::string_view name, const List& list) {
  return absl::StrCat(" ", name, "=[", absl::StrJoin(list.begin(), list.end(), ","), "]");
}

// What an operation says beyond its name and operands.
struct Details {
  std::string operator()(const Reduce& op) const { return Sizes("axes", op.axes); }
  std::string operator()(const Convolution& op) const {
    return absl::StrCat(Sizes("strides", op.strides), Sizes("dilations", op.dilations),
                        Sizes("padding", op.padding), " groups=", op.groups);
  }
  std::string operator()(const Pool& op) const {
    return absl::StrCat(Sizes("window", op.window), Sizes("strides", op.strides),
                        Sizes("dilations", op.dilations), Sizes("padding", op.padding));
  }
  std::string operator()(const Gather& op) const { return absl::StrCat(" axis=", op.axis); }
  std::string operator()(const Scan& op) const {
    return absl::StrCat(" axis=", op.axis, op.exclusive ? " exclusive" : "", op.reversed ? " reversed" : "");
  }
  std::string operator()(const Pad& op) const {
    return absl::StrCat(Sizes("before", op.before), Sizes("after", op.after), " value=", op.value);
  }
  std::string operator()(const Slice& op) const {
    return absl::StrCat(Sizes("starts", op.starts), Sizes("strides", op.strides));
  }
  std::string operator()(const Concat& op) const { return absl::StrCat(" axis=", op.axis); }
  std::string operator()(const Transpose& op) const { return Sizes("permutation", op.permutation); }
  template <typename Any>
  std::string operator()(const Any&) const {
    return "";
  }
};

class Printer {
 public:
  explicit Printer(const Graph& graph) : graph_(graph) {}

  std::string Print() {
    for (ValueId id : graph_.inputs) absl::StrAppend(&text_, Name(id), " ", Type(id), " = input\n");
    for (const Node& node : graph_.nodes) PrintNode(node);
    for (ValueId id : graph_.outputs) absl::StrAppend(&text_, "output ", Use(id), "\n");
    return text_;
  }

 private:
  std::string Name(ValueId id) {
    return absl::StrCat("%", numbers_.try_emplace(id, numbers_.size()).first->second);
  }
  std::string Type(ValueId id) const {
    return id < graph_.values.size() ? graph_.descriptor(id).ToString() : std::string("?");
  }
  // The value's name; a constant is shown before its first use.
  std::string Use(ValueId id) {
    const bool first = !numbers_.contains(id);
    const std::string name = Name(id);
    if (first && id < graph_.values.size() && graph_.values[id].is_constant()) {
      absl::StrAppend(&text_, name, " ", Type(id), " = constant\n");
    }
    return name;
  }
  std::string Operands(const std::vector<ValueId>& ids) {
    return absl::StrJoin(ids, ", ", [this](std::string* out, ValueId id) { absl::StrAppend(out, Use(id)); });
  }
  void PrintNode(const Node& node) {
    std::string line =
        absl::StrCat(OpName(node.op), "(", Operands(node.inputs), ")", std::visit(Details{}, node.op));
    for (const PostOp& post : node.post_ops) {
      const std::string extra = Operands(post.extra_inputs);
      absl::StrAppend(&line, "; ", OpName(post.op), "(", post.swapped ? absl::StrCat(extra, ", ") : "", ".",
                      extra.empty() || post.swapped ? "" : absl::StrCat(", ", extra), ")");
    }
    const std::string results = absl::StrJoin(node.outputs, ", ", [this](std::string* out, ValueId id) {
      absl::StrAppend(out, Name(id), " ", Type(id));
    });
    absl::StrAppend(&text_, results, " = ", line, "\n");
  }

  const Graph& graph_;
  std::map<ValueId, size_t> numbers_;
  std::string text_;
};

}  // namespace

std::string ToString(const Graph& graph) {
  return Printer(graph).Print();
}

}  // namespace modeld::core
