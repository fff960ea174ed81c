// cache pin, unpin, priority; share, unshare, shares; why.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/cache_entries.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

constexpr char kModelHelp[] = "Id, unique prefix of an id, or key";

std::string Name(const ModelReference& model) {
  return ShortId(model.model_id.bytes());
}

absl::Status Wish(Environment& environment, const std::string& text, const client::ModelWish& wish,
                  absl::string_view said) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, text));
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_RETURN_IF_ERROR(admin.SetModelWish(model.model_id, wish));
  if (!environment.options().json) {
    environment.Say(absl::StrCat(Name(model), ": ", said));
    return absl::OkStatus();
  }
  PrintJson(environment, {{"model_id", model.model_id.ToHex()},
                          {"pinned", wish.pinned ? Json(*wish.pinned) : Json()},
                          {"priority", wish.priority ? Json(PriorityName(*wish.priority)) : Json()}});
  return absl::OkStatus();
}

// A verb with the one argument MODEL.
template <typename Do>
Action DefineForModel(CLI::App& command, Do what) {
  auto model = std::make_shared<std::string>();
  command.add_option("MODEL", *model, kModelHelp)->required();
  return [model, what](Environment& environment) { return what(environment, *model); };
}

Action DefinePin(CLI::App& command) {
  return DefineForModel(command, [](Environment& environment, const std::string& model) {
    return Wish(environment, model, {.pinned = true}, "pinned, it is never removed to make room");
  });
}

Action DefineUnpin(CLI::App& command) {
  return DefineForModel(command, [](Environment& environment, const std::string& model) {
    return Wish(environment, model, {.pinned = false}, "no longer pinned");
  });
}

struct PriorityArguments {
  std::string model;
  std::string priority;
};

absl::Status SetPriority(Environment& environment, const PriorityArguments& arguments) {
  for (const v1::Priority priority : {v1::PRIORITY_LOW, v1::PRIORITY_NORMAL, v1::PRIORITY_HIGH}) {
    if (arguments.priority != PriorityName(priority)) continue;
    return Wish(environment, arguments.model, {.priority = priority},
                absl::StrCat("priority ", arguments.priority));
  }
  return UsageError("cache priority: expected low, normal or high");
}

Action DefinePriority(CLI::App& command) {
  auto arguments = std::make_shared<PriorityArguments>();
  command.add_option("MODEL", arguments->model, kModelHelp)->required();
  command.add_option("PRIORITY", arguments->priority, "low goes first when room is made, high last")
      ->required()
      ->check(CLI::IsMember({"low", "normal", "high"}));
  return [arguments](Environment& environment) { return SetPriority(environment, *arguments); };
}

struct ShareArguments {
  std::string model;
  std::string with;
  std::optional<double> commonness;
};

std::string Whom(const std::string& with) {
  return with.empty() ? "everybody" : Printable(with);
}

// Whoever names a site wrongly on the command line has used it wrongly.
absl::Status UsageOfWith(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? UsageError(status.message()) : status;
}

absl::Status Share(Environment& environment, const ShareArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, arguments.model));
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_RETURN_IF_ERROR(UsageOfWith(admin.Share(model.model_id, arguments.with, arguments.commonness)));
  if (environment.options().json) {
    PrintJson(environment, {{"model_id", model.model_id.ToHex()},
                            {"with", arguments.with.empty() ? Json() : Json(arguments.with)}});
  } else {
    environment.Say(absl::StrCat(Name(model), ": shared with ", Whom(arguments.with)));
  }
  return absl::OkStatus();
}

Action DefineShare(CLI::App& command) {
  auto arguments = std::make_shared<ShareArguments>();
  command.add_option("MODEL", arguments->model, kModelHelp)->required();
  command
      .add_option("--with", arguments->with,
                  "Only with this site or origin (https://example.com) or partition (app:org.example)")
      ->type_name("WHOM");
  command
      .add_option("--commonness", arguments->commonness,
                  "What share of users have this model: a site that finds it pays -log2 of that, in bits")
      ->check(CLI::Range(1e-9, 1.0))
      ->type_name("P");
  return [arguments](Environment& environment) { return Share(environment, *arguments); };
}

absl::Status Unshare(Environment& environment, const ShareArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, arguments.model));
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_RETURN_IF_ERROR(UsageOfWith(admin.Unshare(model.model_id, arguments.with)));
  if (environment.options().json) {
    PrintJson(environment, {{"model_id", model.model_id.ToHex()},
                            {"with", arguments.with.empty() ? Json() : Json(arguments.with)}});
  } else {
    environment.Say(absl::StrCat(Name(model), ": no longer shared",
                                 arguments.with.empty() ? "" : absl::StrCat(" with ", Whom(arguments.with))));
  }
  return absl::OkStatus();
}

Action DefineUnshare(CLI::App& command) {
  auto arguments = std::make_shared<ShareArguments>();
  command.add_option("MODEL", arguments->model, kModelHelp)->required();
  command.add_option("--with", arguments->with, "Only with this one; else with all")->type_name("WHOM");
  return [arguments](Environment& environment) { return Unshare(environment, *arguments); };
}

absl::Status ListShares(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListSharesResponse listed, admin.ListShares());
  if (environment.options().json) {
    Json shares = Json::array();
    for (const auto& share : listed.shares()) {
      shares.push_back({{"model_id", FullId(share.model_id())},
                        {"everybody", share.everybody()},
                        {"with", std::vector<std::string>(share.with().begin(), share.with().end())},
                        {"commonness", share.commonness()},
                        {"commonness_from", share.commonness_from()},
                        {"size_bytes", share.size_bytes()}});
    }
    PrintJson(environment, {{"shares", shares}});
    return absl::OkStatus();
  }
  if (environment.options().quiet) {
    for (const auto& share : listed.shares()) environment.out() << FullId(share.model_id()) << "\n";
    return absl::OkStatus();
  }
  Table table({"ID", "SIZE", "COMMONNESS", "WITH"});
  for (const auto& share : listed.shares()) {
    table.Add({ShortId(share.model_id()), HumanBytes(share.size_bytes()),
               absl::StrFormat("%.3g (%s)", share.commonness(), share.commonness_from()),
               share.everybody() ? "everybody" : absl::StrJoin(share.with(), ", ")});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefineShares(CLI::App&) {
  return ListShares;
}

absl::Status Why(Environment& environment, const std::string& text) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, text));
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::WhyResponse why, admin.Why(model.model_id));
  if (environment.options().json) {
    Json decisions = Json::array();
    for (const auto& decision : why.decisions()) {
      decisions.push_back({{"at", decision.at()},
                           {"what", decision.what()},
                           {"partition", decision.partition().empty() ? Json() : Json(decision.partition())},
                           {"text", decision.text()}});
    }
    PrintJson(environment, {{"model_id", model.model_id.ToHex()},
                            {"decisions", decisions},
                            {"now", std::vector<std::string>(why.now().begin(), why.now().end())}});
    return absl::OkStatus();
  }
  for (const std::string& line : why.now()) environment.out() << "now  " << Printable(line) << "\n";
  if (why.now().empty()) environment.out() << "now  no partition has it\n";
  if (why.decisions().empty()) return absl::OkStatus();
  environment.out() << "\n";
  Table table({"WHEN", "WHAT", "PARTITION", "WHY"});
  for (const auto& decision : why.decisions()) {
    table.Add({HumanTime(decision.at()), decision.what(),
               decision.partition().empty() ? "-" : decision.partition(), decision.text()});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefineWhy(CLI::App& command) {
  auto model = std::make_shared<std::string>();
  command
      .add_option("MODEL", *model,
                  "Id, unique prefix of an id, or key; for a model that is gone the whole id")
      ->required();
  return [model](Environment& environment) { return Why(environment, *model); };
}

constexpr Verb kVerbs[] = {
    {"cache pin", "Never remove a model to make room", DefinePin},
    {"cache unpin", "Take that back", DefineUnpin},
    {"cache priority", "Say how early a model goes when room is made", DefinePriority},
    {"share", "Let others fetch a stored model", DefineShare},
    {"unshare", "Take that back", DefineUnshare},
    {"shares", "List what is shared, and with whom", DefineShares},
    {"why", "Explain why a model is there, went or was refused", DefineWhy},
};

}  // namespace

std::span<const Verb> WishVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
