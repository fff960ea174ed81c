// What a client of the daemon can see of one call, so that two answers can be compared whole.
#ifndef MODELD_TESTS_PRIVACY_OBSERVER_H_
#define MODELD_TESTS_PRIVACY_OBSERVER_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/services/test_daemon.h"

namespace modeld {

// Everything that arrived with a reply but its message: code, text, details, metadata before and after. Equal
// strings are equal bytes.
inline std::string Seen(const grpc::Status& status, const grpc::ClientContext& context) {
  std::string seen = absl::StrCat(static_cast<int>(status.error_code()), "|", status.error_message(), "|",
                                  absl::BytesToHexString(status.error_details()));
  const auto add = [&](const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
    std::vector<std::string> lines;
    for (const auto& [key, value] : metadata) {
      lines.push_back(absl::StrCat(std::string(key.data(), key.size()), "=",
                                   absl::BytesToHexString(absl::string_view(value.data(), value.size()))));
    }
    std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) absl::StrAppend(&seen, "|", line);
  };
  add(context.GetServerInitialMetadata());
  add(context.GetServerTrailingMetadata());
  return seen;
}

// Fetches, and frees what came.
inline std::string SeenOfFetch(const TestClient& client, uint64_t context_id, const std::string& model_id) {
  CallContext context(client.partition);
  v1::FetchRequest request;
  v1::FetchResponse response;
  request.set_context_id(context_id);
  request.add_model_ids(model_id);
  const grpc::Status status = client.cache->Fetch(&context, request, &response);
  if (status.ok()) {
    CallContext destroy(client.partition);
    v1::DestroyGraphRequest graph;
    v1::DestroyGraphResponse gone;
    graph.set_graph_id(response.graph().graph_id());
    REQUIRE(client.inference->DestroyGraph(&destroy, graph, &gone).ok());
  }
  return Seen(status, context);
}

inline void DeleteModel(const TestClient& client, const std::string& id) {
  CallContext call(client.partition);
  v1::DeleteRequest request;
  v1::DeleteResponse response;
  request.set_model_id(id);
  REQUIRE(client.cache->Delete(&call, request, &response).ok());
}

inline grpc::Status Share(const TestClient& admin, const std::string& id, const std::string& with = "",
                          std::optional<double> commonness = std::nullopt) {
  CallContext call;
  v1::ShareRequest request;
  v1::ShareResponse response;
  request.set_model_id(id);
  request.set_with(with);
  if (commonness) request.set_commonness(*commonness);
  return admin.cache_admin->Share(&call, request, &response);
}

inline grpc::Status Unshare(const TestClient& admin, const std::string& id, const std::string& with = "") {
  CallContext call;
  v1::UnshareRequest request;
  v1::UnshareResponse response;
  request.set_model_id(id);
  request.set_with(with);
  return admin.cache_admin->Unshare(&call, request, &response);
}

}  // namespace modeld

#endif  // MODELD_TESTS_PRIVACY_OBSERVER_H_
