#include "daemon/cache/plan_keeper.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/mac.h"

namespace modeld {
namespace {

// The nicest there is: the writer takes what others leave.
constexpr int kLowestPriority = 19;
constexpr absl::Duration kLongestDelay = absl::Minutes(1);
// Abseil's waits end by the wall clock, which may be set back.
constexpr absl::Duration kLongestSleep = absl::Seconds(1);
constexpr absl::string_view kIsa = " isa 0x";
constexpr absl::string_view kThreads = " threads ";

// Instruction sets of a fingerprint, one name for each bit of the library's mask, in which a greater set
// holds the bits of those that it includes. What is not hexadecimal gives none.
std::vector<std::string> InstructionSets(absl::string_view hex) {
  std::vector<std::string> sets;
  uint64_t mask = 0;
  if (!absl::SimpleHexAtoi(hex, &mask)) return sets;
  for (int bit = 0; bit < 64; ++bit) {
    if (mask >> bit & 1) sets.push_back(absl::StrCat("isa bit ", bit));
  }
  return sets;
}

}  // namespace

PlanSubject SubjectOf(const Graph& graph, const Digest& build, const Backend& backend,
                      const CompileOptions& options, const std::string& partition, const Digest& model_id) {
  const DeviceDescription device = backend.Describe();
  PlanSubject subject;
  subject.structure = StructureDigest(graph);
  subject.key = PlanKey(subject.structure, build, device, options);
  subject.device = device.name;
  subject.fingerprint =
      absl::StrCat(device.fingerprint, "\nbuild ", build.ToHex(), "\nfuse ", options.fuse ? 1 : 0, " claim ",
                   options.claim ? 1 : 0, "\n", options.num_threads);
  subject.partition = partition;
  subject.model_id = model_id;
  return subject;
}

policy::PlanTraits TraitsOf(const std::string& device, const std::string& fingerprint) {
  const std::vector<std::string> lines = absl::StrSplit(fingerprint, '\n');
  policy::PlanTraits traits;
  traits.device = device;
  if (lines.size() != 4) return traits;
  absl::string_view hardware = lines[0];
  traits.options = lines[2];
  if (!absl::SimpleAtoi(lines[3], &traits.threads)) traits.threads = 0;
  // "... isa 0x<mask> threads <n>": what a device without either says is part of its build.
  const size_t isa = hardware.find(kIsa);
  if (isa != absl::string_view::npos) {
    absl::string_view rest = hardware.substr(isa + kIsa.size());
    const size_t threads = rest.find(kThreads);
    if (threads != absl::string_view::npos) {
      uint32_t preferred = 0;
      if (traits.threads == 0 && absl::SimpleAtoi(rest.substr(threads + kThreads.size()), &preferred)) {
        traits.threads = preferred;
      }
      rest = rest.substr(0, threads);
    }
    traits.instruction_sets = InstructionSets(rest);
    hardware = hardware.substr(0, isa);
  }
  traits.build = absl::StrCat(hardware, "\n", lines[1]);
  return traits;
}

PlanKeeper::PlanKeeper(storage::PlanStore& plans, Metrics& metrics, const Clock& clock, Options options)
    : plans_(plans), metrics_(metrics), clock_(clock), options_(options), thread_([this] { Work(); }) {}

PlanKeeper::~PlanKeeper() {
  Stop();
}

void PlanKeeper::FinishWrites(absl::Time deadline) {
  std::deque<Job> gone;  // outlives the lock
  absl::MutexLock lock(&mu_);
  const auto other = std::stable_partition(queue_.begin(), queue_.end(),
                                           [](const Job& job) { return job.name->writes.has_value(); });
  std::move(other, queue_.end(), std::back_inserter(gone));
  queue_.erase(other, queue_.end());
  HurryAll();
  mu_.AwaitWithDeadline(absl::Condition(this, &PlanKeeper::IsSettled), deadline);
}

void PlanKeeper::Stop() {
  std::deque<Job> gone;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    gone.swap(queue_);
  }
  gone.clear();
  if (thread_.joinable()) thread_.join();
}

size_t PlanKeeper::queued() const {
  absl::MutexLock lock(&mu_);
  return queue_.size();
}

std::optional<PlanKeeper::Choice> PlanKeeper::Choose(const PlanSubject& subject) const {
  using policy::FirstBuild;
  std::vector<storage::PlanInfo> plans = plans_.Candidates(subject.structure, subject.device);
  // What others caused comes after all of the partition's own, and only where it may be had.
  const Digest payer = Digest::Of(absl::string_view(subject.partition));
  const auto own_end = std::stable_partition(plans.begin(), plans.end(), [&](const storage::PlanInfo& plan) {
    return options_.first_build == FirstBuild::kShare ||
           std::find(plan.causes.begin(), plan.causes.end(), payer) != plan.causes.end();
  });
  const std::span own(plans.begin(), own_end), others(own_end, plans.end());
  if (std::optional<Choice> choice = Best(own, subject, /*paid=*/true)) return choice;
  if (options_.first_build != FirstBuild::kWait) return std::nullopt;
  std::optional<Choice> foreign = Best(others, subject, /*paid=*/false);
  // One that is not what compiling would give is not waited for.
  return foreign && foreign->stale ? std::nullopt : foreign;
}

std::optional<PlanKeeper::Choice> PlanKeeper::Best(std::span<const storage::PlanInfo> plans,
                                                   const PlanSubject& subject, bool paid) {
  std::vector<policy::PlanCandidate> candidates;
  for (const storage::PlanInfo& plan : plans) {
    candidates.push_back({.traits = TraitsOf(plan.device, plan.fingerprint), .created = plan.created});
  }
  const auto choice = policy::BestPlan(candidates, TraitsOf(subject.device, subject.fingerprint));
  if (!choice) return std::nullopt;
  return Choice{plans[choice->index], choice->verdict != policy::PlanVerdict::kOptimal, paid};
}

std::optional<PlanKeeper::Loaded> PlanKeeper::Load(const PlanSubject& subject, const Graph& graph,
                                                   const Backend& backend, const CompileOptions& options,
                                                   ConstantSource constant,
                                                   absl::FunctionRef<bool(absl::Duration)> pause) {
  const absl::Time begin = clock_.Now();
  const std::optional<Choice> choice = Choose(subject);
  if (!choice) return std::nullopt;
  const Digest& key = choice->plan.key;
  const auto opened = plans_.Open(key);
  if (const auto* fault = std::get_if<storage::PlanFault>(&opened)) {
    CountFailure(storage::PlanFaultName(*fault));
    return std::nullopt;
  }
  const auto& plan = std::get<storage::OpenedPlan>(opened);
  absl::StatusOr<std::shared_ptr<const Program>> program =
      LoadPlan(graph, plan.metadata, plan.segments, backend, options, constant);
  if (!program.ok()) {
    CountFailure("engine");
    // It would fail the next time, too; a plan of another processor may be right there.
    if (!choice->stale) plans_.Remove(key).IgnoreError();
    return std::nullopt;
  }
  const absl::Duration left = plan.compile_time - (clock_.Now() - begin);
  if (!choice->paid && left > absl::ZeroDuration() && !pause(left)) return std::nullopt;
  NoteUse(subject, *choice);
  return Loaded{*std::move(program), plan.compile_time, choice->stale};
}

bool PlanKeeper::HasPaid(const PlanSubject& subject) const {
  const std::optional<Choice> choice = Choose(subject);
  return choice && choice->paid;
}

bool PlanKeeper::HasOptimal(const PlanSubject& subject) const {
  const std::optional<Choice> choice = Choose(subject);
  return choice && choice->paid && !choice->stale;
}

void PlanKeeper::NotePaid(const PlanSubject& subject) {
  const std::optional<Choice> choice = Choose(subject);
  if (choice) NoteUse(subject, *choice);
}

void PlanKeeper::NoteUse(const PlanSubject& subject, const Choice& choice) {
  if (choice.paid) {
    // What cannot be noted now is paid for again.
    plans_.AddUse(choice.plan.key, subject.partition, subject.model_id).IgnoreError();
    return;
  }
  Enqueue({subject.partition, subject.model_id, choice.plan.key}, [this, subject, plan = choice.plan] {
    auto opened = plans_.Open(plan.key);
    auto* bytes = std::get_if<storage::OpenedPlan>(&opened);
    if (bytes == nullptr) return;  // the next load counts it
    const storage::NewPlan again{.key = plan.key,
                                 .structure = subject.structure,
                                 .device = plan.device,
                                 .fingerprint = plan.fingerprint,
                                 .metadata = std::move(bytes->metadata),
                                 .segments = std::move(bytes->segments),
                                 .compile_time = bytes->compile_time,
                                 .partition = subject.partition,
                                 .model_id = subject.model_id};
    // Without it the plan that is there serves on.
    plans_.Write(again).IgnoreError();
  });
}

void PlanKeeper::Keep(const PlanSubject& subject, PlanImage image, absl::Duration compile_time) {
  uint64_t bytes = 0;
  for (const Region& segment : image.segments) bytes += segment.size();
  Enqueue(
      {subject.partition, subject.model_id, subject.key},
      [this, subject, image = std::move(image), compile_time]() mutable {
        KeepNow(subject, std::move(image), compile_time);
      },
      bytes);
}

void PlanKeeper::KeepNow(const PlanSubject& subject, PlanImage image, absl::Duration compile_time) {
  const storage::NewPlan plan{.key = subject.key,
                              .structure = subject.structure,
                              .device = subject.device,
                              .fingerprint = subject.fingerprint,
                              .metadata = std::move(image.metadata),
                              .segments = std::move(image.segments),
                              .compile_time = compile_time,
                              .partition = subject.partition,
                              .model_id = subject.model_id};
  if (!plans_.Write(plan).ok()) CountFailure("write");
}

void PlanKeeper::Later(const PlanSubject& subject, std::function<void()> work) {
  Enqueue({subject.partition, subject.model_id, std::nullopt}, std::move(work));
}

void PlanKeeper::Enqueue(JobName name, std::function<void()> work, uint64_t bytes) {
  const Time due = DueTime();
  absl::MutexLock lock(&mu_);
  const auto writes_it = [&](const JobName& other) {
    return name.writes.has_value() && other.writes == name.writes && other.partition == name.partition;
  };
  if (stopping_ || queue_.size() >= options_.max_queued) return;
  if (const auto busy = busy_with_.lock(); busy != nullptr && writes_it(*busy)) return;
  if (std::any_of(queue_.begin(), queue_.end(), [&](const Job& job) { return writes_it(*job.name); })) return;
  queue_.push_back({std::make_shared<const JobName>(std::move(name)), std::move(work), due, bytes});
  uint64_t waiting = 0;
  for (const Job& job : queue_) waiting += job.bytes;
  const bool much = 2 * queue_.size() > options_.max_queued || waiting > options_.max_waiting_bytes;
  if (much || settling_ > 0) HurryAll();
}

PlanKeeper::Time PlanKeeper::DueTime() const {
  absl::Duration wait = std::min(options_.write_delay, kLongestDelay);
  uint32_t random = 0;
  // Without random bytes there is a fixed wait.
  if (const absl::StatusOr<std::string> bytes = RandomBytes(sizeof(random)); bytes.ok()) {
    std::memcpy(&random, bytes->data(), sizeof(random));
  }
  wait += wait * (static_cast<double>(random) / std::numeric_limits<uint32_t>::max());
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait);
}

void PlanKeeper::HurryAll() {
  for (Job& job : queue_) job.due = Time::min();
}

void PlanKeeper::Forget(const std::string& partition) {
  const auto idle = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    const auto busy = busy_with_.lock();
    return busy == nullptr || busy->partition != partition;
  };
  std::deque<Job> gone;  // outlives the lock
  absl::MutexLock lock(&mu_);
  const auto forgotten = std::stable_partition(
      queue_.begin(), queue_.end(), [&](const Job& job) { return job.name->partition != partition; });
  std::move(forgotten, queue_.end(), std::back_inserter(gone));
  queue_.erase(forgotten, queue_.end());
  mu_.Await(absl::Condition(&idle));
}

void PlanKeeper::Settle() {
  absl::MutexLock lock(&mu_);
  ++settling_;
  HurryAll();
  mu_.Await(absl::Condition(this, &PlanKeeper::IsSettled));
  --settling_;
}

std::vector<std::weak_ptr<const void>> PlanKeeper::HurryWrites(const std::optional<Digest>& model_id) {
  std::vector<std::weak_ptr<const void>> writes;
  absl::MutexLock lock(&mu_);
  const auto wanted = [&](const JobName& name) {
    return name.writes.has_value() && (!model_id || name.model_id == *model_id);
  };
  if (const auto busy = busy_with_.lock(); busy != nullptr && wanted(*busy)) writes.push_back(busy);
  for (Job& job : queue_) {
    if (!wanted(*job.name)) continue;
    job.due = Time::min();
    writes.push_back(job.name);
  }
  return writes;
}

void PlanKeeper::CountFailure(absl::string_view cause) {
  metrics_.counter(CounterName::kPlanFailures, {cause}).Add();
}

std::optional<PlanKeeper::Job> PlanKeeper::NextJob() {
  const auto earlier = [](const Job& a, const Job& b) { return a.due < b.due; };
  absl::MutexLock lock(&mu_);
  busy_with_.reset();
  while (!stopping_) {
    const Time now = std::chrono::steady_clock::now();
    const auto next = std::min_element(queue_.begin(), queue_.end(), earlier);
    if (next != queue_.end() && next->due <= now) {
      Job job = std::move(*next);
      queue_.erase(next);
      busy_with_ = job.name;
      return job;
    }
    // Also work that comes meanwhile, or is hurried, changes what is next.
    const Time due = next == queue_.end() ? Time::max() : next->due;
    const auto changed = [&, this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      const auto first = std::min_element(queue_.begin(), queue_.end(), earlier);
      return stopping_ || (first != queue_.end() && first->due < due);
    };
    const auto wait = next == queue_.end() ? absl::InfiniteDuration()
                                           : std::min(absl::FromChrono(due - now), kLongestSleep);
    mu_.AwaitWithTimeout(absl::Condition(&changed), wait);
  }
  return std::nullopt;
}

void PlanKeeper::Work() {
  // Of this thread alone, on Linux. Without it the work is done all the same.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kLowestPriority);
  while (std::optional<Job> job = NextJob()) job->work();
}

}  // namespace modeld
