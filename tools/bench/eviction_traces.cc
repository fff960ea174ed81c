#include "tools/bench/eviction_traces.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <utility>

#include "absl/strings/str_format.h"

namespace modeld::bench {
namespace {

constexpr double kSmallestBytes = 10e6;
constexpr double kLargestBytes = 8e9;

// Numbers that are the same with every standard library, unlike the standard's distributions.
class Dice {
 public:
  explicit Dice(uint64_t seed) : bits_(seed) {}
  // In [0, 1).
  double Share() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(Share() * bound); }
  uint64_t Size() {
    return static_cast<uint64_t>(kSmallestBytes * std::pow(kLargestBytes / kSmallestBytes, Share()));
  }
  absl::Duration Gap() { return -std::log1p(-Share()) * absl::Hours(1); }
  void Shuffle(std::vector<uint32_t>& order) {
    for (uint32_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[Below(i)]);
  }

 private:
  std::mt19937_64 bits_;
};

// Ranks from 0, the more frequent the smaller: P(r) ~ (r + 1)^-exponent.
class Zipf {
 public:
  Zipf(uint32_t ranks, double exponent) {
    double sum = 0;
    for (uint32_t rank = 0; rank < ranks; ++rank) cumulated_.push_back(sum += std::pow(rank + 1, -exponent));
  }
  uint32_t Draw(Dice& dice) const {
    const double at = dice.Share() * cumulated_.back();
    return std::upper_bound(cumulated_.begin(), cumulated_.end(), at) - cumulated_.begin();
  }

 private:
  std::vector<double> cumulated_;
};

// A trace in the making: `next` gives the model of use number i, and may add models.
using Next = std::function<uint32_t(Dice& dice, uint32_t i, Trace& trace)>;

Trace Make(const TraceOptions& options, std::string name, std::string what, const Next& next) {
  Trace trace{.name = std::move(name), .what = std::move(what)};
  Dice dice(options.seed);
  double sum = 0;
  for (uint32_t model = 0; model < options.models; ++model) {
    trace.size_bytes.push_back(dice.Size());
    sum += static_cast<double>(trace.size_bytes.back());
  }
  trace.capacity_bytes = static_cast<uint64_t>(std::max(sum * options.cache_share, kLargestBytes));
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  for (uint32_t i = 0; i < options.uses; ++i) {
    now += dice.Gap();
    trace.uses.push_back({now, next(dice, i, trace)});
  }
  return trace;
}

// A popularity that `change` may shuffle before each use.
Next Popularity(const TraceOptions& options, double exponent,
                std::function<void(Dice&, uint32_t i, std::vector<uint32_t>& order)> change) {
  std::vector<uint32_t> order(options.models);
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  return [zipf = Zipf(options.models, exponent), order, change](Dice& dice, uint32_t i, Trace&) mutable {
    change(dice, i, order);
    return order[zipf.Draw(dice)];
  };
}

Trace Scan(const TraceOptions& options) {
  const uint32_t hot = options.models / 2;
  const uint32_t cold = options.models - hot;
  return Make(options, "scan", "half of the models by Zipf 0.9; now and then all others are used once each",
              [=, zipf = Zipf(hot, 0.9)](Dice& dice, uint32_t i, Trace&) {
                const uint32_t round = i % (10 * cold);
                return round < 9 * cold ? zipf.Draw(dice) : hot + round - 9 * cold;
              });
}

Trace OneHitWonders(const TraceOptions& options) {
  return Make(options, "wonders", "Zipf 0.9, and two uses of five are of models that never come again",
              [zipf = Zipf(options.models, 0.9)](Dice& dice, uint32_t, Trace& trace) {
                if (dice.Share() >= 0.4) return zipf.Draw(dice);
                trace.size_bytes.push_back(dice.Size());
                return static_cast<uint32_t>(trace.size_bytes.size() - 1);
              });
}

Trace Bursts(const TraceOptions& options) {
  return Make(options, "bursts",
              "Zipf 0.7, and now and then one model for half of the next uses, 5 to 30 times",
              [zipf = Zipf(options.models, 0.7), models = options.models, hot = 0u, left = 0u](
                  Dice& dice, uint32_t, Trace&) mutable {
                if (left == 0 && dice.Share() < 0.02) {
                  hot = dice.Below(models);
                  left = 5 + dice.Below(26);
                }
                if (left == 0 || dice.Share() < 0.5) return zipf.Draw(dice);
                --left;
                return hot;
              });
}

}  // namespace

std::vector<Trace> MakeTraces(const TraceOptions& options) {
  std::vector<Trace> traces;
  for (double exponent : {0.6, 0.8, 1.0, 1.2}) {
    traces.push_back(Make(options, absl::StrFormat("zipf-%.1f", exponent), "the same popularity throughout",
                          Popularity(options, exponent, [](Dice& dice, uint32_t i, auto& order) {
                            if (i == 0) dice.Shuffle(order);
                          })));
  }
  const uint32_t shift = std::max(1u, options.uses / 8);
  traces.push_back(Make(options, "shift", "Zipf 0.9 whose popularity is dealt anew seven times",
                        Popularity(options, 0.9, [=](Dice& dice, uint32_t i, auto& order) {
                          if (i % shift == 0) dice.Shuffle(order);
                        })));
  traces.push_back(Make(options, "drift", "Zipf 0.9 where every twentieth use two models change places",
                        Popularity(options, 0.9, [](Dice& dice, uint32_t i, auto& order) {
                          if (i % 20 == 0) {
                            std::swap(order[dice.Below(order.size())], order[dice.Below(order.size())]);
                          }
                        })));
  traces.push_back(Scan(options));
  traces.push_back(OneHitWonders(options));
  traces.push_back(Bursts(options));
  return traces;
}

}  // namespace modeld::bench
