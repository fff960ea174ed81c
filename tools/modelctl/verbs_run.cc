// run.
#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "tools/data/npy.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/latency.h"
#include "tools/modelctl/model_file.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/tensor_files.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

// Elements of an output that are shown when nothing else is asked for.
constexpr uint64_t kShownElements = 8;

struct RunArguments {
  std::string model;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  uint64_t top = 0;
  std::string labels;
  uint64_t repeat = 1;
  std::string device;
  uint32_t threads = 0;
  PictureOptions pictures;
  OnnxArguments onnx;
};

// What the runs took, as this side of the socket sees it.
struct Times {
  absl::Duration load;
  std::vector<absl::Duration> runs;
  // The engine's part of each.
  std::vector<absl::Duration> engine;
};

// Takes an output by itself: what it is shown and written as.
using Outputs = std::map<std::string, Array>;

absl::StatusOr<client::Graph> LoadGraph(Environment& environment, const client::Client& client,
                                        const client::Context& context, const RunArguments& arguments) {
  const std::string& model = arguments.model;
  if (IsModelFile(model)) {
    MODELD_ASSIGN_OR_RETURN(const Graph graph, ReadModelFile(model, context.limits(), arguments.onnx));
    return BuildWithProgress(environment, context, graph);
  }
  if (!arguments.onnx.empty()) {
    return UsageError(absl::StrCat("--shape, --dim and --known are for .onnx files; ", Printable(model),
                                   " is stored with its shapes"));
  }
  MODELD_ASSIGN_OR_RETURN(const ModelReference reference, FindModel(environment, model));
  MODELD_ASSIGN_OR_RETURN(client::CachedGraph cached,
                          client.Cache().Fetch(context, {&reference.model_id, 1}, environment.call()));
  return std::move(cached.graph);
}

absl::StatusOr<client::NamedTensors> MakeInputs(Environment& environment, const RunArguments& arguments,
                                                const client::Context& context, const client::Graph& graph) {
  std::map<std::string, std::string> files;
  for (const std::string& text : arguments.inputs) {
    MODELD_ASSIGN_OR_RETURN(NamedFile file, ParseNamedFile(text, graph.inputs(), "input"));
    if (!files.emplace(file.name, file.path).second) {
      return UsageError(absl::StrCat("--input ", Printable(file.name), ": given twice"));
    }
  }
  client::NamedTensors tensors;
  for (const client::Binding& input : graph.inputs()) {
    const auto file = files.find(input.name);
    if (file == files.end()) {
      return UsageError(
          absl::StrCat("--input ", Printable(input.name), "=FILE is missing: ", input.descriptor.ToString()));
    }
    MODELD_ASSIGN_OR_RETURN(const Array array, ReadInput(input, file->second, arguments.pictures));
    MODELD_ASSIGN_OR_RETURN(client::Tensor tensor,
                            context.CreateTensor(input.descriptor, environment.call()));
    MODELD_RETURN_IF_ERROR(tensor.Write(array.bytes, 0, environment.call()));
    tensors.emplace(input.name, std::move(tensor));
  }
  return tensors;
}

absl::StatusOr<Outputs> RunGraph(Environment& environment, const RunArguments& arguments,
                                 const client::Context& context, const client::Graph& graph, Times& times) {
  MODELD_ASSIGN_OR_RETURN(const client::NamedTensors inputs,
                          MakeInputs(environment, arguments, context, graph));
  client::NamedTensors outputs;
  for (const client::Binding& output : graph.outputs()) {
    MODELD_ASSIGN_OR_RETURN(client::Tensor tensor,
                            context.CreateTensor(output.descriptor, environment.call()));
    outputs.emplace(output.name, std::move(tensor));
  }
  for (uint64_t i = 0; i < arguments.repeat; ++i) {
    const absl::Time start = absl::Now();
    MODELD_ASSIGN_OR_RETURN(const absl::Duration engine, graph.Dispatch(inputs, outputs, environment.call()));
    times.runs.push_back(absl::Now() - start);
    times.engine.push_back(engine);
  }
  Outputs arrays;
  for (const auto& [name, tensor] : outputs) {
    MODELD_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, tensor.Read(environment.call()));
    arrays.emplace(name, Array{tensor.descriptor(), std::move(bytes)});
  }
  return arrays;
}

Json LatencyJson(const std::vector<absl::Duration>& series) {
  const auto ms = [](absl::Duration duration) { return absl::ToDoubleMilliseconds(duration); };
  const Latency latency = LatencyOf(series);
  return {{"first_ms", ms(series.front())},
          {"min_ms", ms(latency.min)},
          {"median_ms", ms(latency.median)},
          {"p95_ms", ms(latency.p95)},
          {"max_ms", ms(latency.max)}};
}

Json OutputJson(const client::Binding& output, const Array& array, const RunArguments& arguments,
                const std::vector<std::string>& labels, const std::string& file) {
  Json json = {{"name", output.name},
               {"data_type", std::string(DataTypeName(output.descriptor.data_type))},
               {"shape", output.descriptor.shape},
               {"file", file.empty() ? Json() : Json(file)}};
  if (arguments.top == 0) return json;
  Json top = Json::array();
  for (uint64_t index : TopElements(array, arguments.top)) {
    top.push_back({{"index", index},
                   {"label", index < labels.size() ? Json(labels[index]) : Json()},
                   {"value", ElementOf(array, index)}});
  }
  json["top"] = top;
  return json;
}

void PrintOutput(Environment& environment, const Json& output, const Array& array) {
  std::ostream& out = environment.out();
  out << Printable(output["name"].get<std::string>()) << ": " << array.descriptor.ToString();
  if (output.contains("top")) {
    out << "\n";
    for (const Json& element : output["top"]) {
      const Json& label = element["label"];
      out << absl::StreamFormat("  %10.6g  %s\n", element["value"].get<double>(),
                                label.is_null() ? absl::StrCat(element["index"].get<uint64_t>())
                                                : Printable(label.get<std::string>()));
    }
    return;
  }
  if (!output["file"].is_null()) {
    out << " -> " << output["file"].get<std::string>() << "\n";
    return;
  }
  const uint64_t count = array.descriptor.ElementCount();
  std::vector<std::string> elements;
  for (uint64_t i = 0; i < std::min(count, kShownElements); ++i) {
    elements.push_back(absl::StrFormat("%.6g", ElementOf(array, i)));
  }
  out << " = " << absl::StrJoin(elements, " ") << (count > kShownElements ? " ..." : "") << "\n";
}

void PrintTimes(Environment& environment, const Times& times) {
  std::ostream& out = environment.out();
  out << "load " << HumanDuration(times.load) << ", first run " << HumanDuration(times.runs.front())
      << " (engine " << HumanDuration(times.engine.front()) << ")\n";
  if (times.runs.size() < 2) return;
  for (const auto& [name, series] : {std::pair("runs  ", times.runs), std::pair("engine", times.engine)}) {
    const Latency latency = LatencyOf(series);
    out << name << " " << series.size() << ": min " << HumanDuration(latency.min) << ", median "
        << HumanDuration(latency.median) << ", p95 " << HumanDuration(latency.p95) << ", max "
        << HumanDuration(latency.max) << "\n";
  }
}

// Which output goes to which file.
absl::StatusOr<std::map<std::string, std::string>> OutputFiles(const RunArguments& arguments,
                                                               const client::Graph& graph) {
  std::map<std::string, std::string> files;
  for (const std::string& text : arguments.outputs) {
    MODELD_ASSIGN_OR_RETURN(NamedFile file, ParseNamedFile(text, graph.outputs(), "output"));
    if (!files.emplace(file.name, file.path).second) {
      return UsageError(absl::StrCat("--output ", Printable(file.name), ": given twice"));
    }
  }
  return files;
}

absl::Status Run(Environment& environment, const RunArguments& arguments) {
  std::vector<std::string> labels;
  if (!arguments.labels.empty()) {
    MODELD_ASSIGN_OR_RETURN(labels, ReadLabels(arguments.labels));
  }
  MODELD_ASSIGN_OR_RETURN(const client::Client client, environment.Connect());
  MODELD_ASSIGN_OR_RETURN(const client::Context context,
                          client.CreateContext({.num_threads = arguments.threads, .device = arguments.device},
                                               environment.call()));
  Times times;
  const absl::Time start = absl::Now();
  MODELD_ASSIGN_OR_RETURN(const client::Graph graph, LoadGraph(environment, client, context, arguments));
  times.load = absl::Now() - start;
  MODELD_ASSIGN_OR_RETURN(auto files, OutputFiles(arguments, graph));
  MODELD_ASSIGN_OR_RETURN(const Outputs outputs, RunGraph(environment, arguments, context, graph, times));
  for (const auto& [name, file] : files) MODELD_RETURN_IF_ERROR(WriteNpyFile(file, outputs.at(name)));
  Json list = Json::array();
  for (const client::Binding& output : graph.outputs()) {
    list.push_back(OutputJson(output, outputs.at(output.name), arguments, labels, files[output.name]));
    if (!environment.options().json) PrintOutput(environment, list.back(), outputs.at(output.name));
  }
  if (environment.options().json) {
    PrintJson(environment, {{"outputs", list},
                            {"load_ms", absl::ToDoubleMilliseconds(times.load)},
                            {"runs", times.runs.size()},
                            {"latency", LatencyJson(times.runs)},
                            {"engine", LatencyJson(times.engine)}});
  } else if (!environment.options().quiet) {
    PrintTimes(environment, times);
  }
  return absl::OkStatus();
}

// An option with one number for all channels of a picture or one for each, in one word: a list of words would
// take MODEL along. Zero and less are refused where `positive`.
void AddChannelOption(CLI::App& group, const std::string& name, std::vector<float>& numbers, bool positive,
                      const std::string& help) {
  const auto read = [&numbers, name, positive](const std::string& text) {
    const std::vector<std::string> words = absl::StrSplit(text, ',');
    if (words.size() != 1 && words.size() != 3) {
      throw CLI::ValidationError(
          name, absl::StrCat("\"", text, "\" has ", words.size(), " numbers; expected 1 or 3"));
    }
    numbers.clear();
    for (const std::string& word : words) {
      float& number = numbers.emplace_back();
      if (!absl::SimpleAtof(word, &number) || !std::isfinite(number) || (positive && number <= 0)) {
        throw CLI::ValidationError(
            name, absl::StrCat("\"", word, "\" is no ", positive ? "number above 0" : "number"));
      }
    }
  };
  group.add_option_function<std::string>(name, read, help)->type_name("NUMBER[,NUMBER,NUMBER]");
}

void AddPictureOptions(CLI::App& command, PictureOptions& pictures) {
  static const std::map<std::string, Layout> kLayouts = {{"nchw", Layout::kNchw}, {"nhwc", Layout::kNhwc}};
  static const std::map<std::string, Fit> kFits = {{"crop", Fit::kCrop}, {"stretch", Fit::kStretch}};
  ImageOptions& image = pictures.image;
  auto* group =
      command.add_option_group("Pictures", "Elements are (pixel * scale - mean) / std, pixels 0 to 255");
  AddChannelOption(*group, "--mean", image.mean, false,
                   "One number, or one for each channel: 0.485,0.456,0.406");
  AddChannelOption(*group, "--std", image.std, true, "As --mean");
  group->add_option("--scale", image.scale, "Default: 1/255");
  group->add_option("--resize", image.short_side,
                    "With --fit crop: pixels of the shorter side before the cut");
  group->add_option("--fit", image.fit, "crop (default): keep proportions, cut out the centre; stretch")
      ->transform(CLI::CheckedTransformer(kFits).description(""))
      ->type_name("crop|stretch");
  group->add_option("--layout", pictures.layout, "nchw or nhwc, where the input's shape does not tell")
      ->transform(CLI::CheckedTransformer(kLayouts).description(""))
      ->type_name("nchw|nhwc");
}

Action DefineRun(CLI::App& command) {
  auto arguments = std::make_shared<RunArguments>();
  command.add_option("MODEL", arguments->model, "Id, unique prefix of an id, key, or a file: .onnx, .modeld")
      ->required();
  command
      .add_option("--input", arguments->inputs, "NAME=FILE: .npy, or a PNG or JPEG picture; each input once")
      ->type_name("NAME=FILE")
      ->take_all()
      ->expected(1);
  command.add_option("--output", arguments->outputs, "NAME=FILE: write this output as .npy")
      ->type_name("NAME=FILE")
      ->take_all()
      ->expected(1);
  CLI::Option* top =
      command.add_option("--top", arguments->top, "Show the N greatest elements of each output")
          ->type_name("N")
          ->check(CLI::Range(1, 1'000'000));
  command.add_option("--labels", arguments->labels, "With --top: a file whose lines name the elements")
      ->type_name("FILE")
      ->needs(top);
  command.add_option("--repeat", arguments->repeat, "Run so many times; prints figures of all")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000'000));
  command.add_option("--device", arguments->device, "\"cpu\" or \"reference\"; else the daemon decides");
  command.add_option("--threads", arguments->threads, "Threads for one run; else the daemon decides");
  AddOnnxOptions(command, arguments->onnx);
  AddPictureOptions(command, arguments->pictures);
  return [arguments](Environment& environment) { return Run(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"run", "Run a model on files; print answers and times", DefineRun},
};

}  // namespace

std::span<const Verb> RunVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
